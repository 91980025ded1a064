"""Pictures of figures, as PNG bytes; Matplotlib is loaded when the first one is drawn."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np


def confusion_png(
    counts: Sequence[Sequence[int]],
    labels: Sequence[str],
    *,
    no_prediction: Sequence[int] | None = None,
    title: str = "",
) -> bytes:
    """Draw a confusion matrix: in each cell the count, and its share of the true label's videos.

    The colour shows the share, on a scale (cividis) that reads the same without colour vision.

    Args:
        counts: (K, K), rows true, columns predicted.
        labels: K names.
        no_prediction: K counts for a last column; left out when all are 0.
        title: above the plot.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    table, columns = np.asarray(counts, np.int64), list(labels)
    if no_prediction is not None and any(no_prediction):
        table = np.column_stack([table, np.asarray(no_prediction, np.int64)])
        columns.append("no prediction")
    support = table.sum(axis=1, keepdims=True)
    shares = np.divide(table, support, out=np.zeros(table.shape), where=support > 0)
    figure = Figure(
        figsize=(2.2 + 0.8 * len(columns), 1.8 + 0.7 * len(labels)), layout="constrained"
    )
    FigureCanvasAgg(figure)
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
    sink = io.BytesIO()
    figure.savefig(sink, format="png", dpi=130)
    return sink.getvalue()
