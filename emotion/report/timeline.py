"""A picture of one face over time: its crops above, the probabilities of each clip below."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from emotion.colours import colour

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_INCHES = (12.0, 4.4)


@dataclass(frozen=True)
class Moment:
    """One scored clip.

    Attributes:
        start_s: its start.
        stop_s: its end; half-open.
        probs: K probabilities.
        crops: (T, H, W, 3) uint8 RGB, spread evenly from start to stop.
    """

    start_s: float
    stop_s: float
    probs: Sequence[float]
    crops: NDArray[np.uint8]


@dataclass(frozen=True)
class Known:
    """What is known to be shown from ``start_s`` to ``stop_s``."""

    label: str
    start_s: float
    stop_s: float


def timeline_png(
    moments: Sequence[Moment], labels: Sequence[str], *, title: str, known: Sequence[Known] = ()
) -> bytes:
    """Draw one track.

    Args:
        moments: in order of time, at least one.
        labels: K names in the order of the probabilities.
        title: above the picture.
        known: labels to draw between crops and probabilities; none: no such strip.

    Raises:
        ValueError: if there is no moment.
    """
    if not moments:
        raise ValueError("a timeline needs at least one clip")
    from matplotlib.figure import Figure

    figure = Figure(figsize=_INCHES, dpi=100, layout="constrained")
    heights = [1.0, 0.28, 2.4] if known else [1.0, 2.4]
    panels: list[Axes] = list(
        figure.subplots(len(heights), 1, sharex=True, gridspec_kw={"height_ratios": heights})
    )
    _draw_crops(panels[0], moments)
    if known:
        _draw_known(panels[1], known, labels)
    _draw_probs(panels[-1], moments, labels)
    panels[0].set_title(title, loc="left", fontsize=11)
    sink = io.BytesIO()
    figure.savefig(sink, format="png")
    return sink.getvalue()


def _draw_crops(axes: Axes, moments: Sequence[Moment], *, count: int = 14) -> None:
    """Crops at even distances, each in the middle of its stretch."""
    begin, end = moments[0].start_s, moments[-1].stop_s
    step = (end - begin) / count
    axes.set_ylim(0, 1)
    axes.set_xlim(begin, end)
    axes.axis("off")
    for k in range(count):
        middle = begin + (k + 0.5) * step
        crop = _crop_at(moments, middle)
        if crop is not None:
            axes.imshow(
                crop, extent=(middle - 0.48 * step, middle + 0.48 * step, 0, 1), aspect="auto"
            )
    axes.set_xlim(begin, end)


def _crop_at(moments: Sequence[Moment], time_s: float) -> NDArray[np.uint8] | None:
    """The crop shown at a time, or None between clips."""
    for moment in moments:
        if moment.start_s <= time_s < moment.stop_s:
            share = (time_s - moment.start_s) / (moment.stop_s - moment.start_s)
            crop: NDArray[np.uint8] = moment.crops[int(share * len(moment.crops))]
            return crop
    return None


def _draw_known(axes: Axes, known: Sequence[Known], labels: Sequence[str]) -> None:
    axes.set_ylim(0, 1)
    axes.axis("off")
    for part in known:
        width = part.stop_s - part.start_s
        axes.barh(
            0.5, width, left=part.start_s, height=0.9, color=colour(part.label, labels), alpha=0.9
        )
        middle = part.start_s + width / 2
        text = f"acted: {part.label}"
        axes.text(middle, 0.5, text, ha="center", va="center", fontsize=9, color="#111111")


def _draw_probs(axes: Axes, moments: Sequence[Moment], labels: Sequence[str]) -> None:
    """A stacked bar as wide as each clip."""
    starts = np.array([m.start_s for m in moments])
    widths = np.array([m.stop_s - m.start_s for m in moments])
    probs = np.array([m.probs for m in moments], np.float64)
    floor = np.zeros(len(moments))
    for number, label in enumerate(labels):
        axes.bar(
            starts,
            probs[:, number],
            width=widths,
            bottom=floor,
            align="edge",
            color=colour(label, labels),
            edgecolor="white",
            linewidth=0.6,
            label=label,
        )
        floor += probs[:, number]
    axes.set_ylim(0, 1)
    axes.set_xlabel("seconds")
    axes.set_ylabel("probability")
    axes.legend(
        loc="upper center",
        bbox_to_anchor=(0.5, -0.22),
        ncols=max(1, len(labels)),
        frameon=False,
        fontsize=9,
    )
