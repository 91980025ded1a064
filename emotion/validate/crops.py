"""A look at some crops of a group of shards: do they decode, and to what."""

from __future__ import annotations

import random
import zlib
from collections.abc import Sequence

import cv2
import numpy as np
import pandas as pd

from emotion import storage

MAX_CLIPS = 16
"""Clips of a group whose crops are decoded: its first, its last and some between."""


def looked_at(dataset_uri: str, parts: Sequence[str], *, crop_px: int) -> pd.DataFrame:
    """One row per crop of the chosen clips: clip_id, number, and a note in ``problem``.

    The choice follows from the names of the parts: the same every time. Of a part no more than
    the row groups of its chosen clips is read.

    Args:
        dataset_uri: the dataset folder.
        parts: file names in ``clips``, in order.
        crop_px: side that a crop must have.
    """
    chooser = random.Random(zlib.crc32(" ".join(parts).encode()))
    middle = chooser.sample(range(1, len(parts) - 1), min(MAX_CLIPS - 2, max(0, len(parts) - 2)))
    chosen = [parts[i] for i in sorted({0, *middle, len(parts) - 1})] if parts else []
    each = MAX_CLIPS // max(1, len(chosen))
    rows: list[tuple[str, int, str | None]] = []
    for place, part in enumerate(chosen):
        uri = storage.join(dataset_uri, "clips", part)
        ends = {"first": place == 0, "last": place == len(chosen) - 1}
        for clip_id, crops in _clips(uri, each, chooser, **ends):
            for number, crop in enumerate(crops):
                problem = crop_problem(crop, crop_px=crop_px)
                where = f"clip {clip_id} crop {number}: {problem}" if problem else None
                rows.append((clip_id, number, where))
    frame = pd.DataFrame(rows, columns=["clip_id", "number", "problem"])
    return frame.astype({"problem": object})


def _clips(
    uri: str, number: int, chooser: random.Random, *, first: bool, last: bool
) -> list[tuple[str, list[bytes | None]]]:
    """``number`` clips of one part: id and crops."""
    with storage.open_parquet(uri) as parquet:
        total = parquet.metadata.num_rows
        chosen = {0} if first and total else set()
        chosen |= {total - 1} if last and total else set()
        rest = sorted(set(range(total)) - chosen) if total < 10_000 else range(1, total - 1)
        chosen |= set(chooser.sample(rest, min(len(rest), max(0, number - len(chosen)))))
        found, start = [], 0
        for group in range(parquet.num_row_groups):
            stop = start + parquet.metadata.row_group(group).num_rows
            places = [place - start for place in sorted(chosen) if start <= place < stop]
            if places:
                table = parquet.read_row_group(group, columns=["clip_id", "crops"])
                for row in table.take(places).to_pylist():
                    found.append((str(row["clip_id"]), row["crops"] or []))
            start = stop
    return found


def crop_problem(data: bytes | None, *, crop_px: int) -> str | None:
    """What is wrong with the bytes of a crop, or None.

    >>> crop_problem(b"GIF89a", crop_px=112), crop_problem(None, crop_px=112)
    ('6 bytes that are no JPEG', 'no bytes')
    """
    if not data:
        return "no bytes"
    if not data.startswith(b"\xff\xd8"):
        return f"{len(data)} bytes that are no JPEG"
    if not data.rstrip(b"\0").endswith(b"\xff\xd9"):
        return "a JPEG that breaks off"
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if image is None:
        return "a JPEG that does not decode"
    height, width, *channels = image.shape
    if (height, width, channels) != (crop_px, crop_px, [3]):
        return f"{width} x {height} pixels in {channels[0] if channels else 1} channels"
    return None
