"""Plots as PNG and SVG bytes; Matplotlib is imported when the first plot is drawn.

Lines differ in colour and in dashes, so that a reader without colour vision can distinguish them.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from emotion.colours import LINE_COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DASHES = ("-", "--", "-.", ":")
PNG_DPI = 130
GRID = "#dddddd"


@dataclass(frozen=True)
class Plot:
    """One picture as PNG and as SVG."""

    png: bytes
    svg: bytes


def blank(*, width: float, height: float) -> Figure:
    """Return an empty figure; width and height are in inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def finish(figure: Figure) -> Plot:
    """Return the figure as PNG and SVG; equal figures give equal bytes."""
    import matplotlib

    png, svg = io.BytesIO(), io.BytesIO()
    figure.savefig(png, format="png", dpi=PNG_DPI)
    with matplotlib.rc_context({"svg.hashsalt": "plot"}):
        figure.savefig(svg, format="svg", metadata={"Date": None})
    return Plot(png.getvalue(), svg.getvalue())


def style(number: int) -> dict[str, Any]:
    """Return colour and dashes of a line by its number, from 0; the first 32 lines differ.

    >>> style(0), style(8)
    ({'color': '#0072b2', 'linestyle': '-'}, {'color': '#0072b2', 'linestyle': '--'})
    """
    turn, colour = divmod(number, len(LINE_COLOURS))
    return {"color": LINE_COLOURS[colour], "linestyle": DASHES[(colour + turn) % len(DASHES)]}


def square(axes: Axes) -> None:
    """Give a plot two axes of equal length from 0 to 1, and a grid."""
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
    axes.set_aspect("equal")
    axes.grid(color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)


def confusion_plot(
    counts: Sequence[Sequence[int]],
    labels: Sequence[str],
    *,
    no_prediction: Sequence[int] | None = None,
    title: str = "",
) -> Plot:
    """Draw a confusion matrix; a cell has its count and its share of the true label's videos.

    The colour shows the share, on a scale (cividis) that does not need colour vision.

    Args:
        counts: (K, K); rows are true labels, columns predicted ones.
        labels: K names.
        no_prediction: K counts for a last column; without it if all are 0.
        title: text above the plot.
    """
    table, columns = np.asarray(counts, np.int64), list(labels)
    if no_prediction is not None and any(no_prediction):
        table = np.column_stack([table, np.asarray(no_prediction, np.int64)])
        columns.append("no prediction")
    support = table.sum(axis=1, keepdims=True)
    shares = np.divide(table, support, out=np.zeros(table.shape), where=support > 0)
    figure = blank(width=2.2 + 0.8 * len(columns), height=1.8 + 0.7 * len(labels))
    axes = figure.add_subplot()
    image = axes.imshow(shares, cmap="cividis", vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(len(columns)), columns, rotation=35, ha="right", rotation_mode="anchor")
    names = [f"{label} ({n})" for label, n in zip(labels, support[:, 0], strict=True)]
    axes.set_yticks(range(len(labels)), names)
    axes.set(xlabel="predicted", ylabel="true (videos)", title=title)
    for (row, column), share in np.ndenumerate(shares):
        text = f"{table[row, column]}\n{share:.0%}" if share else "0"
        colour = "black" if share > 0.55 else "white"
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=9)
    figure.colorbar(image, ax=axes, label="share of the true label")
    return finish(figure)


def matrix_plot(
    values: Sequence[Sequence[float | None]],
    intervals: Sequence[Sequence[tuple[float, float] | None]],
    names: Sequence[str],
    *,
    title: str,
) -> Plot:
    """Draw a figure of each model on each corpus; rows are training corpora, columns test corpora.

    Args:
        values: (M, M) 0 to 1; None leaves a cell grey.
        intervals: (M, M) pairs (low, high), written below the values; None for no interval.
        names: names of the M corpora.
        title: text above the plot.
    """
    table = np.array([[np.nan if v is None else v for v in row] for row in values], np.float64)
    figure = blank(width=2.6 + 1.25 * len(names), height=1.6 + 0.8 * len(names))
    axes = figure.add_subplot()
    axes.set_facecolor("#bbbbbb")
    image = axes.imshow(table, cmap="cividis", vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(len(names)), names, rotation=35, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(names)), names)
    axes.set(xlabel="tested on", ylabel="trained on", title=title)
    for (row, column), value in np.ndenumerate(table):
        pair = intervals[row][column]
        if np.isnan(value):
            text, colour = "–", "black"
        else:
            spread = f"\n{pair[0]:.0%} to {pair[1]:.0%}" if pair else ""
            text, colour = f"{value:.1%}{spread}", "black" if value > 0.55 else "white"
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=9)
    figure.colorbar(image, ax=axes)
    return finish(figure)
