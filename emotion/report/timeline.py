"""Picture of one face over time: its crops above, the probabilities of each clip below."""

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
class DrawnClip:
    """One scored clip of the picture.

    Attributes:
        start_s: start of the clip, seconds.
        stop_s: end of the clip, seconds, excluded.
        probs: K probabilities, in label order.
        crops: (T, H, W, 3) uint8 RGB; times are even from ``start_s`` to ``stop_s``.
    """

    start_s: float
    stop_s: float
    probs: Sequence[float]
    crops: NDArray[np.uint8]


@dataclass(frozen=True)
class ActedSpan:
    """Expression that is acted from ``start_s`` to ``stop_s``, seconds."""

    label: str
    start_s: float
    stop_s: float


def timeline_png(
    clips: Sequence[DrawnClip],
    labels: Sequence[str],
    *,
    title: str,
    acted: Sequence[ActedSpan] = (),
) -> bytes:
    """Draw one track and return the picture as PNG.

    Args:
        clips: clips of the track, in order of time, at least one.
        labels: K names in the order of the probabilities.
        title: text above the picture.
        acted: expressions for a strip between crops and probabilities; empty for no strip.

    Raises:
        ValueError: if there is no clip.
    """
    if not clips:
        raise ValueError("a timeline needs at least one clip")
    from matplotlib.figure import Figure

    figure = Figure(figsize=_INCHES, dpi=100, layout="constrained")
    heights = [1.0, 0.28, 2.4] if acted else [1.0, 2.4]
    panels: list[Axes] = list(
        figure.subplots(len(heights), 1, sharex=True, gridspec_kw={"height_ratios": heights})
    )
    _draw_crops(panels[0], clips)
    if acted:
        _draw_acted(panels[1], acted, labels)
    _draw_probs(panels[-1], clips, labels)
    panels[0].set_title(title, loc="left", fontsize=11)
    sink = io.BytesIO()
    figure.savefig(sink, format="png")
    return sink.getvalue()


def _draw_crops(axes: Axes, clips: Sequence[DrawnClip], *, count: int = 14) -> None:
    """Draw ``count`` crops at even distances; each shows the middle of its span of time."""
    begin, end = clips[0].start_s, clips[-1].stop_s
    step = (end - begin) / count
    axes.set_ylim(0, 1)
    axes.set_xlim(begin, end)
    axes.axis("off")
    for k in range(count):
        middle = begin + (k + 0.5) * step
        crop = _crop_at(clips, middle)
        if crop is not None:
            axes.imshow(
                crop, extent=(middle - 0.48 * step, middle + 0.48 * step, 0, 1), aspect="auto"
            )
    axes.set_xlim(begin, end)


def _crop_at(clips: Sequence[DrawnClip], time_s: float) -> NDArray[np.uint8] | None:
    """Return the crop that is shown at a time; None between clips."""
    for clip in clips:
        if clip.start_s <= time_s < clip.stop_s:
            share = (time_s - clip.start_s) / (clip.stop_s - clip.start_s)
            crop: NDArray[np.uint8] = clip.crops[int(share * len(clip.crops))]
            return crop
    return None


def _draw_acted(axes: Axes, acted: Sequence[ActedSpan], labels: Sequence[str]) -> None:
    axes.set_ylim(0, 1)
    axes.axis("off")
    for part in acted:
        width = part.stop_s - part.start_s
        axes.barh(
            0.5, width, left=part.start_s, height=0.9, color=colour(part.label, labels), alpha=0.9
        )
        middle = part.start_s + width / 2
        text = f"acted: {part.label}"
        axes.text(middle, 0.5, text, ha="center", va="center", fontsize=9, color="#111111")


def _draw_probs(axes: Axes, clips: Sequence[DrawnClip], labels: Sequence[str]) -> None:
    """Draw a stacked bar of probabilities for each clip; its width is the clip's length."""
    starts = np.array([m.start_s for m in clips])
    widths = np.array([m.stop_s - m.start_s for m in clips])
    probs = np.array([m.probs for m in clips], np.float64)
    floor = np.zeros(len(clips))
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
