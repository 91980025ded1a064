"""Reading of stored clips by Ray Data, for the training workers.

Ray starts several processes for each split that only pass rows on. They import this module, so it
does not import torch, which takes 3 s of CPU time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import ray.data
from ray.data import TaskPoolStrategy

from emotion import storage
from emotion.labels import class_index
from jobs.common.cluster import cluster_cpus

INGEST_CPUS = 0.25
"""CPUs reserved per reading task; training workers leave this much free even on one core."""

READ_ROWS = 32
PAD = "pad"


@dataclass(frozen=True)
class ReadClips:
    """Reader of the clips of one split in a part file, for Ray Data tasks.

    Attributes:
        split: name of the split.
        labels: labels in class_index order.
        clip_shape: shape (T, H, W, 3) of every clip.
    """

    split: str
    labels: tuple[str, ...]
    clip_shape: tuple[int, int, int, int]

    def __call__(self, row: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield rows of clip_id, crops (T JPEGs), target and shape, in the order of the file.

        ``target`` is the class_index. A row of padding has target -1 and an empty clip_id.

        Args:
            row: ``uri`` of the part file, or ``PAD`` with the number of padding ``rows``.

        Raises:
            InputError: if a clip's label is not one of ``labels``.
        """
        if row["uri"] == PAD:
            yield from (self._row("", [b""], -1) for _ in range(row["rows"]))
            return
        columns = ["clip_id", "label", "split", "crops"]
        for part in storage.read_batches(row["uri"], READ_ROWS, columns):
            for clip in part.to_pylist():
                if clip["split"] == self.split:
                    target = class_index(clip["label"], self.labels)
                    yield self._row(clip["clip_id"], clip["crops"], target)

    def _row(self, clip_id: str, crops: list[bytes], target: int) -> dict[str, Any]:
        return {
            "clip_id": clip_id,
            "crops": crops,
            "target": target,
            "shape": np.array(self.clip_shape),
        }


def clips_of(dataset_uri: str, read: ReadClips, *, num_pads: int = 0) -> ray.data.Dataset:
    """Return a split as a lazy Ray dataset.

    Args:
        dataset_uri: the dataset folder.
        read: reader of the split.
        num_pads: number of padding rows to add, so that all ranks get equal shares and no clip is
            dropped.
    """
    parts = storage.list_files(storage.join(dataset_uri, "clips"), suffixes=(".parquet",))
    rows: list[dict[str, Any]] = [{"uri": part.uri, "rows": 0} for part in parts]
    if num_pads:
        rows.append({"uri": PAD, "rows": num_pads})
    source = ray.data.from_items(rows, override_num_blocks=len(rows))
    tasks = TaskPoolStrategy(size=max(1, min(len(parts), cluster_cpus())))
    return source.flat_map(read, num_cpus=INGEST_CPUS, compute=tasks)
