"""Plots of an evaluation: confusion, curves, reliability, slices, learning curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Sized
from typing import Any

from emotion.colours import LINE_COLOURS
from emotion.evaluate.calibration import ReliabilityBin
from emotion.evaluate.curves import Curve, LabelCurves
from emotion.evaluate.evaluation import Evaluation
from emotion.evaluate.risk_coverage import Abstention, RiskCoverage
from emotion.evaluate.slices import Slices
from emotion.report.plots import GRID, Plot, blank, confusion_plot, finish, square, style


def evaluation_plots(
    evaluation: Evaluation,
    *,
    curves: LabelCurves,
    slices: Sequence[Slices],
    training: Mapping[str, Any],
    title: str,
    risk: tuple[RiskCoverage, Abstention] | None = None,
) -> dict[str, Plot]:
    """Draw the plots of an evaluation and return them by name.

    "confusion" is always drawn, "reliability" if ``evaluation`` has bins.

    Args:
        evaluation: the figures.
        curves: curves by label; "roc" and "pr" are drawn if there is one.
        slices: "slices" is drawn if there is one.
        training: metrics.json of a training run; "learning" is drawn if it is not empty.
        title: text above the confusion matrix.
        risk: "risk" is drawn if the curve has a point.
    """
    one = evaluation
    plots = {
        "confusion": confusion_plot(
            one.confusion, one.labels, no_prediction=one.no_prediction, title=title
        )
    }
    if curves.roc:
        plots["roc"] = roc_plot(curves.roc, mean=curves.auc)
        plots["pr"] = pr_plot(curves.pr, mean=curves.average_precision)
    if one.reliability:
        plots["reliability"] = reliability_plot(
            one.reliability,
            ece=one.figures["ece"].value,
            uncalibrated=one.reliability_uncalibrated,
            ece_uncalibrated=one.figures["ece_uncalibrated"].value,
        )
    if risk and risk[0].margins:
        plots["risk"] = risk_plot(*risk)
    if slices:
        plots["slices"] = slices_plot(slices)
    if training:
        plots["learning"] = learning_plot(
            training["history"], best_epoch=training.get("best_epoch")
        )
    return plots


def roc_plot(curves: Mapping[str, Curve], *, mean: float | None) -> Plot:
    """Draw ROC curves by label; ``mean`` is their mean area."""
    figure = blank(width=4.8, height=_below(4.8, curves))
    axes = figure.add_subplot()
    square(axes)
    axes.plot([0, 1], [0, 1], color="#999999", linewidth=0.8)
    for number, (label, curve) in enumerate(curves.items()):
        axes.plot(curve.x, curve.y, label=f"{label}, AUC {curve.area:.3f}", **style(number))
    title = "no label has a curve" if mean is None else f"ROC, mean AUC {mean:.3f}"
    axes.set(xlabel="false positive rate", ylabel="true positive rate", title=title)
    if curves:
        figure.legend(loc="outside lower center", ncols=2, fontsize=9, frameon=False)
    return finish(figure)


def pr_plot(curves: Mapping[str, Curve], *, mean: float | None) -> Plot:
    """Draw precision-recall curves by label; ``mean`` is their mean average precision."""
    figure = blank(width=4.8, height=_below(4.8, curves))
    axes = figure.add_subplot()
    square(axes)
    for number, (label, curve) in enumerate(curves.items()):
        name = f"{label}, AP {curve.area:.3f}"
        axes.plot(curve.x, curve.y, label=name, drawstyle="steps-pre", **style(number))
    title = "no label has a curve" if mean is None else f"precision and recall, mean AP {mean:.3f}"
    axes.set(xlabel="recall", ylabel="precision", title=title)
    if curves:
        figure.legend(loc="outside lower center", ncols=2, fontsize=9, frameon=False)
    return finish(figure)


def _below(side: float, curves: Sized) -> float:
    """Return the height, inches, of a square plot with a legend below it, two names per line."""
    return side + 0.5 + 0.2 * -(-len(curves) // 2)


def reliability_plot(
    bins: Sequence[ReliabilityBin],
    *,
    ece: float | None,
    uncalibrated: Sequence[ReliabilityBin] = (),
    ece_uncalibrated: float | None = None,
) -> Plot:
    """Draw accuracy over confidence, with and without the temperature, and the videos per bin.

    Args:
        bins: bins of the probabilities as stored, with the temperature.
        ece: expected calibration error of ``bins``.
        uncalibrated: bins of the probabilities without the temperature; empty if unknown.
        ece_uncalibrated: expected calibration error of ``uncalibrated``.
    """
    figure = blank(width=4.8, height=5.9)
    axes, below = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    square(axes)
    axes.set_aspect("auto")
    axes.plot([0, 1], [0, 1], color="#999999", linewidth=0.8)
    lines = (
        ("without temperature", uncalibrated, ece_uncalibrated, LINE_COLOURS[1], "s", "--"),
        ("as scored", bins, ece, LINE_COLOURS[0], "o", "-"),
    )
    for name, every, error, colour, marker, dashes in lines:
        full = [b for b in every if b.count]
        if not full:
            continue
        x, y = [b.confidence for b in full], [b.accuracy for b in full]
        shown = {"color": colour, "marker": marker, "linestyle": dashes}
        axes.plot(x, y, label=f"{name}, ECE {error:.3f}", **shown)
        edges = [every[0].low, *(b.high for b in every)]
        below.stairs([b.count for b in every], edges, color=colour, linestyle=dashes)
    axes.set(ylabel="accuracy", title="reliability (grey line: accuracy = confidence)")
    if axes.get_legend_handles_labels()[0]:
        figure.legend(loc="outside lower center", ncols=2, fontsize=9, frameon=False)
    below.set(xlabel="confidence of the predicted label", ylabel="videos")
    return finish(figure)


def risk_plot(curve: RiskCoverage, at_margin: Abstention) -> Plot:
    """Draw the error rate over the share of videos that are answered, with the margin marked."""
    figure = blank(width=4.8, height=4.6)
    axes = figure.add_subplot()
    area = f"AURC {curve.area or 0.0:.3f}"
    axes.plot(curve.coverage, curve.risk, label=area, drawstyle="steps-pre", color=LINE_COLOURS[0])
    if at_margin.margin and at_margin.risk is not None:
        name = f"margin {at_margin.margin:.3f}: {at_margin.risk:.1%} of {at_margin.coverage:.1%}"
        point = at_margin.coverage, at_margin.risk
        axes.plot(*point, label=name, marker="o", linestyle="", color=LINE_COLOURS[1])
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, max(0.1, *curve.risk) * 1.1))
    axes.grid(color=GRID, linewidth=0.6)
    axes.set(
        xlabel="share of videos with a certain answer",
        ylabel="share of these that is wrong",
        title="risk and coverage",
    )
    figure.legend(loc="outside lower center", ncols=2, fontsize=9, frameon=False)
    return finish(figure)


def slices_plot(slices: Sequence[Slices]) -> Plot:
    """Draw UAR and WAR of each group with their intervals, one panel per column of slices."""
    rows = [len(one.groups) for one in slices]
    figure = blank(width=5.6, height=0.9 + sum(0.75 + 0.36 * n for n in rows))
    panels = figure.subplots(len(rows), 1, sharex=True, height_ratios=rows, squeeze=False)[:, 0]
    marks = (
        ("uar", "UAR", LINE_COLOURS[0], "o", -0.13),
        ("war", "WAR", LINE_COLOURS[1], "s", 0.13),
    )
    for axes, one in zip(panels, slices, strict=True):
        for name, title, colour, marker, shift in marks:
            for row, group in enumerate(one.groups):
                value, interval = group.figures[name], group.intervals.get(name)
                if interval:
                    axes.plot(interval, [row + shift] * 2, color=colour, linewidth=1.4)
                if value is not None:
                    first = title if row == 0 else None
                    axes.plot(value, row + shift, marker=marker, color=colour, ls="", label=first)
        names = [f"{group.name} ({group.n_videos})" for group in one.groups]
        axes.set_yticks(range(len(names)), names)
        axes.set(xlim=(-0.01, 1.01), ylim=(len(names) - 0.5, -0.5), title=one.column)
        axes.grid(axis="x", color=GRID, linewidth=0.6)
    handles = panels[0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside upper right", ncols=2, fontsize=9, frameon=False)
    panels[-1].set_xlabel("share; lines hold 95% of resamples of subjects")
    return finish(figure)


def learning_plot(history: Sequence[Mapping[str, Any]], *, best_epoch: int | None = None) -> Plot:
    """Draw loss, UAR and WAR by epoch, from the rows ``history`` of a run's ``metrics.json``.

    A vertical line marks ``best_epoch``, the epoch whose weights are kept.
    """
    figure = blank(width=5.6, height=5.2)
    loss, recall = figure.subplots(2, 1, sharex=True)
    lines = (
        (loss, "train_loss", "train"),
        (loss, "val_loss", "val"),
        (recall, "val_uar", "val UAR"),
        (recall, "val_war", "val WAR"),
    )
    for number, (axes, key, name) in enumerate(lines):
        points = [(row["epoch"], row[key]) for row in history if row.get(key) is not None]
        if points:
            x, y = zip(*points, strict=True)
            axes.plot(x, y, label=name, marker=".", **style(number % 2))
    for axes, name in ((loss, "loss"), (recall, "share")):
        axes.set_ylabel(name)
        axes.grid(color=GRID, linewidth=0.6)
        if best_epoch:
            axes.axvline(best_epoch, color="#666666", linewidth=0.8, label="kept epoch")
        if axes.get_legend_handles_labels()[0]:
            axes.legend(fontsize=9)
    recall.set(ylim=(-0.02, 1.02), xlabel="epoch")
    return finish(figure)
