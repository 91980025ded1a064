"""Check of a sample of the stored crops: each is decoded, its size and channels are compared."""

from __future__ import annotations

import random
import zlib
from collections.abc import Sequence

import cv2
import numpy as np
import pandas as pd

from emotion import storage

MAX_CLIPS = 16
"""Largest number of clips, of one group of parts, whose crops are decoded.

They are the first clip, the last clip, and random clips between them.
"""


def sample_crops(dataset_uri: str, parts: Sequence[str], *, crop_px: int) -> pd.DataFrame:
    """Return a row per crop of the chosen clips: clip_id, number, and ``problem``.

    ``number`` is the place of the crop in its clip, from 0. ``problem`` is a note on the error, or
    None. The random choice is seeded with the names of the parts, so it is the same in every run.
    Only the row groups of the chosen clips are read. Without parts the frame is empty.

    Args:
        dataset_uri: the dataset folder.
        parts: file names of a group of parts of ``clips``, in order.
        crop_px: side that a crop must have, in pixels.
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
                note = f"clip {clip_id} crop {number}: {problem}" if problem else None
                rows.append((clip_id, number, note))
    frame = pd.DataFrame(rows, columns=["clip_id", "number", "problem"])
    return frame.astype({"problem": object})


def _clips(
    uri: str, number: int, chooser: random.Random, *, first: bool, last: bool
) -> list[tuple[str, list[bytes | None]]]:
    """Return the id and the crops of at most ``number`` clips of one part, in order of rows.

    ``first`` and ``last`` include the first and the last clip of the part.
    """
    with storage.open_parquet(uri) as parquet:
        total = parquet.metadata.num_rows
        chosen = {0} if first and total else set()
        chosen |= {total - 1} if last and total else set()
        others = sorted(set(range(total)) - chosen) if total < 10_000 else range(1, total - 1)
        chosen |= set(chooser.sample(others, min(len(others), max(0, number - len(chosen)))))
        clips, start = [], 0
        for group in range(parquet.num_row_groups):
            stop = start + parquet.metadata.row_group(group).num_rows
            places = [place - start for place in sorted(chosen) if start <= place < stop]
            if places:
                table = parquet.read_row_group(group, columns=["clip_id", "crops"])
                for row in table.take(places).to_pylist():
                    clips.append((str(row["clip_id"]), row["crops"] or []))
            start = stop
    return clips


def crop_problem(data: bytes | None, *, crop_px: int) -> str | None:
    """Return the error in the bytes of a crop as text; None if the crop is correct.

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
