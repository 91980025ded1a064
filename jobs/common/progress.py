"""Progress of a job: a bar on a terminal, a line every minute in a log."""

from __future__ import annotations

import io
import sys
from types import TracebackType
from typing import Any, Literal

from tqdm import tqdm

LOG_INTERVAL_S = 60.0


class _Lines(io.TextIOBase):
    """Text stream for a log; it writes each state of the bar as one line to standard error."""

    def write(self, text: str) -> int:
        if (state := text.strip()) and sys.stderr is not None:  # it may be closed
            sys.stderr.write(state + "\n")
        return len(text)


class _Bar(tqdm):  # type: ignore[type-arg]  # generic in its stubs only
    """Bar whose format may hold ``{per_minute}``, the units per minute."""

    @property
    def format_dict(self) -> dict[str, Any]:
        values = dict(super().format_dict)
        seconds = values["elapsed"]
        rate = 60 * (values["n"] - values["initial"]) / seconds if seconds else 0.0
        return values | {"per_minute": f"{rate:,.1f}"}


VIDEO_TIME = (
    "{desc}: {percentage:3.0f}%|{bar:20}| {n:,.1f} of {total:,.1f} min of video in {elapsed}, "
    "{remaining} left, {per_minute} min of video/min{postfix}"
)
VIDEOS = (
    "{desc}: {percentage:3.0f}%|{bar:20}| {n_fmt} of {total_fmt} videos in {elapsed}, "
    "{remaining} left{postfix}"
)


class Progress:
    """Progress bar with the rate, the remaining time, and counts such as faces=3.

    Args:
        name: title of the bar.
        total: seconds of video of the whole work, or number of videos.
        unit: "s" for seconds of video, which are shown as minutes; "video" for videos.
    """

    def __init__(self, name: str, *, total: float, unit: Literal["s", "video"]) -> None:
        on_terminal = sys.stderr is not None and sys.stderr.isatty()
        self._shows_minutes = unit == "s"
        self._bar = _Bar(
            total=self._shown(total),
            desc=name,
            mininterval=0.5 if on_terminal else LOG_INTERVAL_S,
            dynamic_ncols=on_terminal,
            ascii=not on_terminal,
            file=sys.stderr if on_terminal else _Lines(),
            bar_format=VIDEO_TIME if unit == "s" else VIDEOS,
        )
        self._counts: dict[str, int] = {}
        self._is_first = True

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, at: TracebackType | None
    ) -> None:
        self._bar.close()

    def step(self, units: float = 1, **counts: int) -> None:
        """Add finished seconds of video or videos, and add to the counts, such as ``faces=3``."""
        for name, count in counts.items():
            self._counts[name] = self._counts.get(name, 0) + count
        self._bar.set_postfix(self._counts, refresh=False)
        left = max(0.0, (self._bar.total or 0.0) - self._bar.n)  # sums of floats may exceed it
        self._bar.update(min(self._shown(units), left))
        if self._is_first and units:
            self._bar.refresh()  # a log shows the first result at once
            self._is_first = False

    def _shown(self, units: float) -> float:
        return units / 60 if self._shows_minutes else round(units)
