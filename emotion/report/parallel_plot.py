"""Plot of parallel coordinates: each trial is a line through its values and its val UAR.

A darker line has a higher val UAR, on a scale (cividis) that does not need colour vision. Lines of
stopped trials are dashed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from emotion.report.plots import Plot, blank, finish
from emotion.train.search_space import Dimension
from emotion.train.search_trial import Trial, Value

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.path import Path

UNUSED_AT = -0.14
"""Height at which the line of a trial meets an axis that the trial does not use."""
SPREAD = 0.05
"""Largest distance of a line from the height of its choice: lines through a choice are spread."""
PALEST = 0.12
"""Share of the colour map that is not used: its first colours are too pale on white."""


@dataclass(frozen=True)
class Tick:
    """A mark on an axis; ``at`` is 0 at the bottom and 1 at the top."""

    at: float
    text: str


def position(dimension: Dimension, value: Value | None) -> float | None:
    """Return the height of a value on the axis of its dimension, 0 to 1; None for None.

    >>> position(Dimension("lr", "log", 0.0001, 0.01), 0.001)
    0.5
    >>> position(Dimension("model", "choice", choices=("a", "b", "c")), "c")
    1.0
    """
    if value is None:
        return None
    if dimension.kind == "choice":
        return _place(dimension.choices, value) / (len(dimension.choices) - 1)
    low, high, number = dimension.low, dimension.high, float(value)
    if dimension.kind == "log":
        low, high, number = math.log10(low), math.log10(high), math.log10(number)
    return min(1.0, max(0.0, round((number - low) / (high - low), 9)))


def _place(choices: Sequence[str], value: Value) -> int:
    """Return the place of a value among the choices, which are text.

    The value may be a number or a bool.

    Raises:
        ValueError: if it is none of the choices.
    """
    for place, text in enumerate(choices):
        if text == str(value) or text.lower() == str(value).lower():
            return place
        if isinstance(value, int | float) and not isinstance(value, bool) and float(text) == value:
            return place
    raise ValueError(f"{value!r} is none of {choices}")


def ticks(dimension: Dimension) -> list[Tick]:
    """Return the marks of an axis: all choices, or both ends and round numbers between them.

    >>> [tick.text for tick in ticks(Dimension("lr", "log", 0.0005, 0.01))]
    ['0.0005', '0.001', '0.01']
    >>> [tick.text for tick in ticks(Dimension("epochs", "int", 20, 60))]
    ['20', '30', '40', '50', '60']
    """
    if dimension.kind == "choice":
        last = len(dimension.choices) - 1
        return [Tick(place / last, text) for place, text in enumerate(dimension.choices)]
    low, high = dimension.low, dimension.high
    inside = _decades(low, high) if dimension.kind == "log" else _round(low, high, dimension.kind)
    marks = [Tick(0.0, _text(low))]
    for number in inside:
        at = position(dimension, number)
        if at is not None and 0.08 < at < 0.92:
            marks.append(Tick(at, _text(number)))
    return [*marks, Tick(1.0, _text(high))]


def _decades(low: float, high: float) -> list[float]:
    first, last = math.ceil(math.log10(low)), math.floor(math.log10(high))
    return [10.0**power for power in range(first, last + 1)]


def _round(low: float, high: float, kind: str) -> list[float]:
    from matplotlib.ticker import MaxNLocator

    numbers = MaxNLocator(5, integer=kind == "int", steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    return [float(number) for number in numbers]


def _text(number: float) -> str:
    return f"{number:.3g}"


def parallel_plot(trials: Sequence[Trial], space: Sequence[Dimension]) -> Plot:
    """Draw the trials, the best one in front.

    Args:
        trials: trials that have a val UAR, best first; at least one.
        space: dimensions of the axes; an axis of the val UAR is added after them.
    """
    from matplotlib.colors import LinearSegmentedColormap, Normalize

    figure = blank(width=max(6.5, 1.75 * (len(space) + 1) + 0.8), height=5.4)
    axes = figure.add_subplot()
    uar = uar_axis(trials)
    every = [*space, uar]
    colours = LinearSegmentedColormap.from_list(
        "trials", _colourmap()(np.linspace(PALEST, 1.0, 256))
    )
    norm = Normalize(uar.low, uar.high)
    lines = heights(trials, every)
    for number in reversed(range(len(trials))):
        trial = trials[number]
        colour = colours(norm(trial.val_uar or 0.0))
        _draw_line(axes, lines[number], colour=colour, trial=trial, best=number == 0)
    unused = {name for trial in trials for name in trial.unused}
    for place, dimension in enumerate(every):
        _draw_axis(axes, place, dimension, unused=dimension.name in unused)
    last = len(space)
    strip = np.linspace(0, 1, 256)[:, None]
    axes.imshow(
        strip, cmap=colours, extent=(last, last + 0.07, 0, 1), origin="lower", aspect="auto"
    )
    _finish_axes(axes, len(every), unused=bool(unused))
    _legend(axes, trials)
    return finish(figure)


def _colourmap() -> Any:
    from matplotlib import colormaps

    return colormaps["cividis_r"]


def uar_axis(trials: Sequence[Trial]) -> Dimension:
    """Return the axis of the val UAR.

    Its ends are the lowest and highest val UAR of the trials, rounded down and up to 0.05.

    >>> uar_axis([Trial(0, {}, val_uar=0.52), Trial(1, {}, val_uar=0.31)])
    Dimension(name='val UAR', kind='uniform', low=0.3, high=0.55, choices=())
    """
    values = [trial.val_uar or 0.0 for trial in trials]
    low = math.floor(20 * min(values) + 1e-9) / 20
    high = math.ceil(20 * max(values) - 1e-9) / 20
    return Dimension("val UAR", "uniform", low, high if high > low else low + 0.05)


def heights(trials: Sequence[Trial], axes: Sequence[Dimension]) -> list[list[float]]:
    """Return the height at which the line of each trial meets each axis.

    Lines through the same choice, or through an unused axis, are spread so that they do not
    overlap.
    """
    columns = [_column(trials, dimension) for dimension in axes]
    return [list(row) for row in zip(*columns, strict=True)]


def _column(trials: Sequence[Trial], dimension: Dimension) -> list[float]:
    places = [position(dimension, _value(trial, dimension)) for trial in trials]
    column = [UNUSED_AT if place is None else place for place in places]
    for height in set(column):
        members = [n for n, at in enumerate(column) if at == height]
        if (dimension.kind == "choice" or height == UNUSED_AT) and len(members) > 1:
            shifts = np.linspace(SPREAD, -SPREAD, len(members))
            for member, shift in zip(members, shifts, strict=True):
                column[member] = height + float(shift)
    return column


def _value(trial: Trial, dimension: Dimension) -> Value | None:
    return trial.val_uar if dimension.name == "val UAR" else trial.applied.get(dimension.name)


def _draw_line(
    axes: Axes, heights: Sequence[float], *, colour: Any, trial: Trial, best: bool
) -> None:
    from matplotlib.patches import PathPatch
    from matplotlib.patheffects import Normal, withStroke

    patch = PathPatch(
        _curve(heights),
        facecolor="none",
        edgecolor=colour,
        linewidth=3.2 if best else 1.5,
        linestyle=(0, (4, 2)) if trial.status == "stopped" else "-",
        capstyle="butt",
        zorder=3 if best else 2,
    )
    patch.set_path_effects([withStroke(linewidth=5 if best else 2.6, foreground="white"), Normal()])
    axes.add_patch(patch)


def _curve(heights: Sequence[float]) -> Path:
    """Return a smooth line that crosses every axis at a right angle."""
    from matplotlib.path import Path

    points, codes = [(0.0, heights[0])], [Path.MOVETO]
    for place, (here, there) in enumerate(zip(heights, heights[1:], strict=False)):
        points += [(place + 0.4, here), (place + 0.6, there), (place + 1.0, there)]
        codes += [Path.CURVE4] * 3
    return Path(points, codes)


def _draw_axis(axes: Axes, place: int, dimension: Dimension, *, unused: bool) -> None:
    more = SPREAD if dimension.kind == "choice" else 0.0
    axes.plot([place, place], [-more, 1 + more], color="#333333", linewidth=1.1, zorder=4)
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.9, "pad": 0.6}
    for tick in ticks(dimension):
        axes.plot([place - 0.02, place], [tick.at] * 2, color="#333333", linewidth=1.1, zorder=4)
        axes.text(
            place - 0.035,
            tick.at,
            tick.text,
            ha="right",
            va="center",
            fontsize=8.5,
            zorder=5,
            bbox=box,
        )
    name = dimension.name.replace("_args.", "_args\n").replace("augment.", "augment\n")
    scale = "\n(log)" if dimension.kind == "log" else ""
    axes.text(place, 1.09, f"{name}{scale}", ha="center", va="bottom", fontsize=9.5)
    if unused:
        axes.text(place - 0.035, UNUSED_AT, "not used", ha="right", va="center", fontsize=8.5)


def _finish_axes(axes: Axes, num: int, *, unused: bool) -> None:
    axes.set_xlim(-0.55, num - 0.8)
    axes.set_ylim(-0.24 if unused else -0.1, 1.22)
    axes.set_axis_off()


def _legend(axes: Axes, trials: Sequence[Trial]) -> None:
    from matplotlib.lines import Line2D

    kinds: list[tuple[str, Literal["-", "--"], float]] = [
        ("best", "-", 3.2),
        ("trained to its end", "-", 1.5),
        ("stopped early", "--", 1.5),
    ]
    if all(trial.status != "stopped" for trial in trials):
        kinds.pop()
    handles = [
        Line2D([], [], color="#333333", linestyle=dashes, linewidth=width, label=name)
        for name, dashes, width in kinds
    ]
    axes.legend(
        handles=handles, loc="lower center", ncols=3, frameon=False, fontsize=8.5,
        bbox_to_anchor=(0.5, -0.06),
    )  # fmt: skip
