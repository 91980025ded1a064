"""TensorBoard curves, written while a run goes on."""

from __future__ import annotations

import tempfile
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray
from tensorboardX import SummaryWriter  # type: ignore[import-untyped]  # comes with ray[tune]

from emotion import storage
from emotion.learn.state import EpochRow

FILE = "events.out.tfevents.run"
SCALARS = ("train_loss", "val_loss", "val_war", "val_uar", "clips_per_s", "lr")
CELL_PX = 24


class Curves:
    """``OUT/tensorboard``: scalars and the val confusion of each epoch; renewed with each row."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._folder = tempfile.TemporaryDirectory()
        self._writer = SummaryWriter(self._folder.name)

    def __enter__(self) -> Curves:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        err: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._writer.close()
        self._folder.cleanup()

    def add(self, row: EpochRow) -> None:
        """One more epoch, to be seen at once."""
        values = vars(row)
        for name in SCALARS:
            self._writer.add_scalar(name, values[name], row.epoch)
        picture = confusion_picture(np.array(row.val_confusion, np.int64))
        self._writer.add_image("val_confusion", picture, row.epoch, dataformats="HW")
        self._writer.flush()
        (file,) = Path(self._folder.name).iterdir()
        storage.write_bytes(storage.join(self._uri, FILE), file.read_bytes())


def confusion_picture(counts_KK: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Shares of each true label (rows) as grey squares, white for none; (24 K, 24 K).

    >>> confusion_picture(np.array([[3, 1], [0, 0]]))[::24, ::24]
    array([[ 63, 191],
           [255, 255]], dtype=uint8)
    """
    shares = counts_KK / np.maximum(1, counts_KK.sum(axis=1, keepdims=True))
    grey = (255 * (1 - shares)).astype(np.uint8)
    return np.kron(grey, np.ones((CELL_PX, CELL_PX), np.uint8))
