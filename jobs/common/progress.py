"""Progress of a job: a bar on a terminal, a line every 10 s in a log."""

from __future__ import annotations

import io
import sys
from types import TracebackType

from tqdm import tqdm

LOG_INTERVAL_S = 10.0


class _Lines(io.TextIOBase):
    """Text stream for a log; it writes each state of the bar as one line to standard error."""

    def write(self, text: str) -> int:
        if (state := text.strip()) and sys.stderr is not None:  # it may be closed
            sys.stderr.write(state + "\n")
        return len(text)


class Progress:
    """Progress bar with the rate, the remaining time, and counts such as videos=3.

    The constructor takes the title of the bar, the total number of units, and the name of a unit.
    """

    def __init__(self, name: str, *, total: int, unit: str) -> None:
        on_terminal = sys.stderr is not None and sys.stderr.isatty()
        self._bar = tqdm(
            total=total,
            desc=name,
            unit=unit,
            mininterval=0.5 if on_terminal else LOG_INTERVAL_S,
            ncols=100,
            ascii=not on_terminal,
            file=sys.stderr if on_terminal else _Lines(),
        )
        self._counts: dict[str, int] = {}
        self._done = 0.0

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, at: TracebackType | None
    ) -> None:
        self._bar.close()

    def step(self, units: float = 1, **counts: int) -> None:
        """Add finished units, and add to the counts, such as ``videos=3``.

        The bar shows the rounded sum, so parts of a unit are not lost.
        """
        for name, count in counts.items():
            self._counts[name] = self._counts.get(name, 0) + count
        self._bar.set_postfix(self._counts, refresh=False)
        before, self._done = self._done, self._done + units
        self._bar.update(round(self._done) - round(before))
