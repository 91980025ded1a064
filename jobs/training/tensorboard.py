"""TensorBoard curves, written while a run goes on."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray
from tensorboardX import summary  # type: ignore[import-untyped]  # comes with ray[tune]
from tensorboardX.event_file_writer import EventsWriter  # type: ignore[import-untyped]
from tensorboardX.proto.event_pb2 import Event  # type: ignore[import-untyped]

from emotion import storage
from emotion.train.checkpoint import EpochRow

FILE = "events.out.tfevents.run"
SCALARS = ("train_loss", "val_loss", "val_war", "val_uar", "clips_per_s", "lr")
CELL_PX = 24


class Curves:
    """``OUT/tensorboard``: scalars and the val confusion of each epoch; renewed with each row.

    Written by tensorboardX's EventsWriter, as its SummaryWriter has a queue that ``flush`` does not
    wait for: the file would lack the newest epoch, and at the end of a run the last one.
    """

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._folder = tempfile.TemporaryDirectory()
        self._writer = EventsWriter(str(Path(self._folder.name) / "events"))

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
        picture = confusion_picture(np.array(row.val_confusion, np.int64))
        told = [summary.scalar(name, values[name]) for name in SCALARS]
        told.append(summary.image("val_confusion", picture, dataformats="HW"))
        for one in told:
            self._writer.write_event(Event(wall_time=time.time(), step=row.epoch, summary=one))
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
