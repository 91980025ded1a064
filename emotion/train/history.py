"""History of a run: one row per epoch, with figures over all ranks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotion.evaluate.metrics import Confusion, scores
from emotion.train.recipe import RecipeFlags
from emotion.train.schedule import Pace, lr_share


@dataclass(frozen=True)
class EpochRow:
    """One row of the history; scores are clip-level and equal on every rank.

    Attributes:
        epoch: number of the epoch, from 1.
        train_loss: mean loss of a train clip.
        val_loss: mean loss of a val clip.
        val_war: share of val clips with the right prediction.
        val_uar: mean recall over the labels on val.
        wall_s: duration, seconds.
        clips_per_s: train clips of all ranks per second of training.
        val_confusion: (K, K) counts of val clips, true labels in rows, predicted ones in columns.
        lr: learning rate of the epoch's last step.
        cpu_s: CPU seconds of all ranks' processes, threads included.
        gpu_s: seconds for which GPUs were held, added over the GPUs; None without a GPU.
    """

    epoch: int
    train_loss: float
    val_loss: float
    val_war: float
    val_uar: float
    wall_s: float
    clips_per_s: float
    val_confusion: list[list[int]]
    lr: float = 0.0
    cpu_s: float = 0.0
    gpu_s: float | None = None

    @property
    def rank(self) -> tuple[float, float]:
        """Sort key of an epoch, larger is better: val UAR, then the negative val loss.

        It is not the number of a process.
        """
        return self.val_uar, -self.val_loss


@dataclass(frozen=True)
class TrainFigures:
    """Figures of an epoch's training pass over all ranks.

    Attributes:
        loss: mean loss of a clip.
        clips_per_s: clips of all ranks per second.
    """

    loss: float
    clips_per_s: float


def train_figures(loss_sum: float, num_clips: float, *, wall_s: float) -> TrainFigures:
    """Return an epoch's figures from its sums over all ranks.

    Args:
        loss_sum: sum of the clips' losses.
        num_clips: number of clips, above 0.
        wall_s: duration, seconds; 0 counts as 1 ns.
    """
    return TrainFigures(float(loss_sum / num_clips), float(num_clips / max(wall_s, 1e-9)))


def val_sums(loss_sum: float, num_clips: int, cpu_s: float, confusion: Confusion) -> NDArray[Any]:
    """Return one rank's val sums as a float64 vector; the vectors are added over ranks.

    It holds the loss sum, the number of clips, the CPU seconds and the K x K confusion counts.
    """
    head = [loss_sum, float(num_clips), cpu_s]
    return np.concatenate([head, confusion.ravel().astype(np.float64)])


def epoch_row(
    epoch: int,
    trained: TrainFigures,
    sums: NDArray[np.float64],
    *,
    labels: Sequence[str],
    recipe: RecipeFlags,
    pace: Pace,
    wall_s: float,
    gpu_s: float | None,
) -> EpochRow:
    """Return the row of an epoch.

    Args:
        epoch: number of the epoch, from 1.
        trained: figures of its training pass.
        sums: ``val_sums`` added over all ranks.
        labels: K labels in class_index order.
        recipe: recipe of the run.
        pace: pace of the run.
        wall_s: duration of the epoch, seconds.
        gpu_s: seconds for which GPUs were held; None without a GPU.
    """
    num_classes = len(labels)
    confusion = sums[3:].astype(np.int64).reshape(num_classes, num_classes)
    val = scores(confusion, labels)
    last_share = lr_share(
        epoch * pace.steps - 1, total_steps=recipe.epochs * pace.steps, warmup=recipe.warmup
    )
    return EpochRow(
        epoch=epoch,
        train_loss=trained.loss,
        val_loss=float(sums[0] / max(1.0, sums[1])),
        val_war=val.war,
        val_uar=val.uar,
        wall_s=wall_s,
        clips_per_s=trained.clips_per_s,
        val_confusion=val.confusion,
        lr=recipe.lr * last_share,
        cpu_s=float(sums[2]),
        gpu_s=gpu_s,
    )


def run_cost(rows: Sequence[EpochRow]) -> dict[str, float | None]:
    """Return wall, CPU and GPU seconds of all epochs, and the median of their clips per second.

    ``rows`` must not be empty. ``gpu_s`` is None if no epoch had a GPU.
    """
    gpu_s = [row.gpu_s for row in rows if row.gpu_s is not None]
    return {
        "wall_s": round(sum(row.wall_s for row in rows), 1),
        "cpu_s": round(sum(row.cpu_s for row in rows), 1),
        "gpu_s": round(sum(gpu_s), 1) if gpu_s else None,
        "clips_per_s": round(float(np.median([row.clips_per_s for row in rows])), 2),
    }


def predicted_counts(probs_NK: NDArray[np.floating[Any]], labels: Sequence[str]) -> dict[str, int]:
    """Return the number of clips for which each label is the most probable one.

    >>> predicted_counts(np.array([[0.2, 0.8], [0.4, 0.6]], np.float32), ("calm", "tense"))
    {'calm': 0, 'tense': 2}
    """
    counts = np.bincount(probs_NK.argmax(axis=1), minlength=len(labels))
    return dict(zip(labels, counts.tolist(), strict=True))


CELL_PX = 24
"""Side of one cell of the picture of a confusion matrix."""


def confusion_picture(counts_KK: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Draw a confusion matrix as grey squares of ``CELL_PX`` pixels.

    A square shows the share of its true label (the row): white is 0, black is 1.

    Returns:
        (24 K, 24 K) uint8.

    >>> confusion_picture(np.array([[3, 1], [0, 0]]))[::24, ::24]
    array([[ 63, 191],
           [255, 255]], dtype=uint8)
    """
    shares = counts_KK / np.maximum(1, counts_KK.sum(axis=1, keepdims=True))
    grey = (255 * (1 - shares)).astype(np.uint8)
    return np.kron(grey, np.ones((CELL_PX, CELL_PX), np.uint8))
