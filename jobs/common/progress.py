"""Progress of a job: a bar on a terminal, a line every minute in a log."""

from __future__ import annotations

import io
import sys
import threading
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import Any, Literal

from tqdm import tqdm

from jobs.common.under_way import INTERVAL_S, NOTHING, Amounts

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
        under_way: function that returns how far the work is that is begun and not finished; it is
            called about once a second, from another thread. None: only finished work is shown.
    """

    def __init__(
        self,
        name: str,
        *,
        total: float,
        unit: Literal["s", "video"],
        under_way: Callable[[], Amounts] | None = None,
    ) -> None:
        on_terminal = sys.stderr is not None and sys.stderr.isatty()
        self._shows_minutes = unit == "s"
        self._total = self._shown(total)
        self._bar = _Bar(
            total=self._total,
            desc=name,
            mininterval=0.5 if on_terminal else LOG_INTERVAL_S,
            miniters=0,
            dynamic_ncols=on_terminal,
            ascii=not on_terminal,
            file=sys.stderr if on_terminal else _Lines(),
            bar_format=VIDEO_TIME if unit == "s" else VIDEOS,
        )
        self._done, self._counts, self._most = 0.0, dict[str, int](), dict[str, int]()
        self._lock, self._ended = threading.Lock(), threading.Event()
        self._thread: threading.Thread | None = None
        if under_way is not None:
            self._thread = threading.Thread(target=self._watch, args=(under_way,), daemon=True)
            self._thread.start()

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, at: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
        self._bar.close()

    def step(self, units: float = 1, **counts: int) -> None:
        """Add finished seconds of video or videos, and add to the counts, such as ``faces=3``."""
        with self._lock:
            self._done += units
            for name, count in counts.items():
                self._counts[name] = self._counts.get(name, 0) + count
            self._show(NOTHING)

    def _watch(self, under_way: Callable[[], Amounts]) -> None:
        while not self._ended.wait(INTERVAL_S):
            amounts = under_way()
            with self._lock:
                self._show(amounts)

    def _show(self, amounts: Amounts) -> None:
        """Show the finished work and ``amounts``; nothing that is shown becomes smaller."""
        video_s, frames, faces = amounts if self._shows_minutes else NOTHING
        now = Counter(self._counts)
        if frames:
            now.update(frames=int(frames), faces=int(faces))
        for name, count in now.items():
            self._most[name] = max(count, self._most.get(name, 0))
        before, done = self._bar.n, self._shown(self._done + video_s)
        # Sums of floats may exceed the total, and the plan only estimates a duration.
        self._bar.n = max(before, min(done, self._total))
        self._bar.set_postfix({name: self._most[name] for name in now}, refresh=False)
        self._bar.update(0)
        if not before and self._bar.n:
            self._bar.refresh()  # a log shows the first result at once

    def _shown(self, units: float) -> float:
        return units / 60 if self._shows_minutes else round(units)
