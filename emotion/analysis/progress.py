"""Progress bar of one video, on a terminal or in a notebook."""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from emotion.errors import VideoError
from emotion.video.container import Limits, probe


@contextlib.contextmanager
def seconds_bar(path: Path, title: str, *, show: bool) -> Iterator[Callable[[float], None]]:
    """Yield a function that moves a bar to a time of the video, in seconds.

    Args:
        path: the video; its header gives the length of the bar.
        title: text before the bar.
        show: False draws nothing. True draws on a terminal and in a notebook, not into a log.
    """
    if not (show and is_watched()):
        yield lambda pts_s: None
        return
    try:
        duration_s = probe(path, Limits()).duration_s
    except VideoError:  # reading the video reports it
        duration_s = None
    form = "{desc}: {percentage:3.0f}%|{bar}| {n:.0f}/{total:.0f} s, {remaining} left"
    with _tqdm()(
        desc=title,
        total=duration_s,
        unit="s",
        leave=False,
        bar_format=form if duration_s else "{desc}: {n:.0f} s read",
        dynamic_ncols=True,
        mininterval=0.2,
    ) as bar:

        def move(pts_s: float) -> None:
            bar.update(min(pts_s, duration_s or pts_s) - bar.n)

        yield move


def is_watched() -> bool:
    """Return True if standard error is a terminal, or this process is the kernel of a notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    has_terminal = sys.stderr is not None and sys.stderr.isatty()  # it may be closed
    return hasattr(shell, "kernel") or has_terminal


def _tqdm() -> Any:
    """Return tqdm's class for this place: a widget in a notebook that has ipywidgets, else text."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns if ipywidgets is missing; text is as good
        from tqdm.auto import tqdm
    return tqdm
