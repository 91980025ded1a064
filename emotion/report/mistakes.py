"""The most confident wrong answers, each with the crops of one clip side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from emotion import storage
from emotion.errors import InputError
from emotion.evaluate.outcome import Outcome
from emotion.report.page import data_uri
from emotion.storage import read_group, read_groups
from schemas.scores import prob_column

SIDE_PX = 96  # side of a crop on the page
MAX_CROPS = 24  # largest number of crops in one strip; from a longer clip, evenly spaced ones
QUALITY = 80  # JPEG quality of a strip, 0 to 100


@dataclass(frozen=True)
class ClipStrip:
    """The crops of one clip side by side.

    Attributes:
        picture: a data: address of a JPEG, num_crops * SIDE_PX pixels wide.
        num_crops: number of crops.
        length_s: length of the clip in seconds.
    """

    picture: str
    num_crops: int
    length_s: float


@dataclass(frozen=True)
class Mistake:
    """A video with a wrong answer.

    ``strip`` shows one clip of the video; None if no dataset was read or it has no such clip.
    """

    uri: str
    subject_id: str
    label: str
    predicted: str
    confidence: float
    strip: ClipStrip | None = None


def surest_mistakes(outcomes: Sequence[Outcome], *, limit: int) -> list[Mistake]:
    """Return at most ``limit`` wrong answers, the most confident first.

    Videos without a prediction or without probabilities are left out.

    >>> surest_mistakes([Outcome("a", "s", "up", "down", probs=(0.1, 0.9))], limit=3)[0].confidence
    0.9
    """
    wrong = [
        Mistake(o.uri, o.subject_id, o.label, o.predicted, max(o.probs))
        for o in outcomes
        if o.predicted is not None and o.predicted != o.label and o.probs is not None
    ]
    return sorted(wrong, key=lambda m: (-m.confidence, m.uri))[:limit]


def with_strips(mistakes: Sequence[Mistake], *, dataset_uri: str, scores_uri: str) -> list[Mistake]:
    """Return the mistakes, each with a strip of the clip in which the wrong label is most probable.

    The crops come from the dataset: from the clip that begins nearest to the scored clip. Crops are
    read only from the row groups of the chosen clips.

    Raises:
        InputError: if the dataset has none of these videos.
    """
    if not mistakes:
        return []
    at_s = _surest_clips(mistakes, scores_uri)
    videos = storage.read_tables(
        storage.join(dataset_uri, "videos"), columns=["video_id", "uri"]
    ).to_pylist()
    wanted = {m.uri for m in mistakes}
    uris = {row["video_id"]: row["uri"] for row in videos if row["uri"] in wanted}
    if not uris:
        raise InputError(
            f"--dataset {dataset_uri} has none of the {len(wanted)} videos to show, such as "
            f"{min(wanted)}; name the dataset of the archive that was scored, or leave it out"
        )
    strips = _strips(storage.join(dataset_uri, "clips"), uris, at_s)
    return [
        Mistake(m.uri, m.subject_id, m.label, m.predicted, m.confidence, strips.get(m.uri))
        for m in mistakes
    ]


def _surest_clips(mistakes: Sequence[Mistake], scores_uri: str) -> dict[str, float]:
    """Return the start of the clip with the highest probability of the wrong label, by uri."""
    column_of = {m.uri: prob_column(m.predicted) for m in mistakes}
    columns = ["uri", "start_s", *sorted(set(column_of.values()))]
    best: dict[str, tuple[float, float]] = {}
    for group in read_groups(storage.join(scores_uri, "scores"), columns):
        for row in group.rows.to_pylist():
            if row["uri"] in column_of:
                candidate = row[column_of[row["uri"]]], row["start_s"]
                best[row["uri"]] = max(candidate, best.get(row["uri"], candidate))
    return {uri: start_s for uri, (_, start_s) in best.items()}


def _strips(
    clips_uri: str, uris: Mapping[str, str], at_s: Mapping[str, float]
) -> dict[str, ClipStrip]:
    """Return the strip of the clip that begins nearest to the wanted time, by uri."""
    nearest: dict[str, tuple[float, str, int, int, float]] = {}
    columns = ["video_id", "start_s", "stop_s"]
    for group in read_groups(clips_uri, columns):
        for number, row in enumerate(group.rows.to_pylist()):
            if row["video_id"] in uris:
                uri = uris[row["video_id"]]
                away_s = abs(row["start_s"] - at_s.get(uri, 0.0))
                length_s = row["stop_s"] - row["start_s"]
                candidate = away_s, group.part, group.number, number, length_s
                nearest[uri] = min(candidate, nearest.get(uri, candidate))
    strips = {}
    for uri, (_, part, number, row_number, length_s) in nearest.items():
        crops = read_group(part, number, columns=["crops"])["crops"][row_number].as_py()
        strips[uri] = make_strip(crops, length_s=length_s)
    return strips


def make_strip(jpegs: Sequence[bytes], *, length_s: float) -> ClipStrip:
    """Join crops side by side into one JPEG.

    Args:
        jpegs: crops, at least one; from more than ``MAX_CROPS``, evenly spaced ones are taken.
        length_s: length of the clip in seconds.

    Raises:
        InputError: if a crop is no JPEG.
    """
    kept = np.linspace(0, len(jpegs) - 1, min(len(jpegs), MAX_CROPS)).round().astype(int)
    images = [_small(jpegs[n]) for n in kept]
    written, data = cv2.imencode(".jpg", np.hstack(images), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    if not written:
        raise ValueError(f"a strip of {len(images)} crops cannot be written as JPEG")
    return ClipStrip(data_uri(data.tobytes(), mime="image/jpeg"), len(images), length_s)


def _small(jpeg: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise InputError("a stored crop is no JPEG; validate the dataset")
    return np.asarray(cv2.resize(image, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA), np.uint8)
