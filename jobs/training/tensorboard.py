"""TensorBoard curves of a run, written after each epoch."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from types import TracebackType

import numpy as np
from tensorboardX import summary  # type: ignore[import-untyped]  # comes with ray[tune]
from tensorboardX.event_file_writer import EventsWriter  # type: ignore[import-untyped]
from tensorboardX.proto.event_pb2 import Event  # type: ignore[import-untyped]

from emotion import storage
from emotion.train.history import EpochRow, confusion_picture

FILE = "events.out.tfevents.run"
SCALARS = ("train_loss", "val_loss", "val_war", "val_uar", "clips_per_s", "lr")


class Curves:
    """Writer of ``OUT/tensorboard``: scalars and the val confusion of each epoch.

    It uses EventsWriter of tensorboardX. ``flush`` of SummaryWriter does not wait for the queue of
    the writer, so the file would lack the newest epoch, also at the end of a run.
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
        """Add an epoch and write the whole file again."""
        values = vars(row)
        picture = confusion_picture(np.array(row.val_confusion, np.int64))
        summaries = [summary.scalar(name, values[name]) for name in SCALARS]
        summaries.append(summary.image("val_confusion", picture, dataformats="HW"))
        for one in summaries:
            self._writer.write_event(Event(wall_time=time.time(), step=row.epoch, summary=one))
        self._writer.flush()
        (file,) = Path(self._folder.name).iterdir()
        storage.write_bytes(storage.join(self._uri, FILE), file.read_bytes())
