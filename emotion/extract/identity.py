"""Identities: the persons of one video, distinguished by embeddings of their faces.

An embedding is a vector of unit length. Embeddings of one person are close together. An identity
never changes after it is assigned to a track.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from emotion.arrays import repr_with_shapes
from emotion.extract.embed import SAME_PERSON_DISTANCE
from emotion.extract.observe import DetectedFace, Observation
from emotion.extract.track import match

Vector = NDArray[np.float32]
Embed = Callable[[Sequence[NDArray[np.uint8]]], NDArray[np.float32]]
"""Function from N crops, each (P, P, 3) uint8 RGB, to embeddings, (N, 128) float32, unit length."""

UNSURE_MARGIN = 0.06
"""If two distances, or a distance and its limit, differ by less, more faces are embedded."""
STRANGER_DISTANCE = 0.5
"""A good face (``is_good``) farther than this from its track's mean shows another person."""
_CLEAR_MARGIN = 0.1
_MAX_YAW_DEG = 40.0
_MIN_SIZE_PX = 24.0
_MIN_BLUR = 5.0


@dataclass(eq=False)
class MeanEmbedding:
    """Running mean of the embeddings of one track or one person; ``count`` is their number."""

    count: int = 0
    _total: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))

    __repr__ = repr_with_shapes

    def add(self, vector: Vector) -> None:
        """Add one embedding."""
        self._total = vector + self._total if self.count else vector.astype(np.float64)
        self.count += 1

    @property
    def mean(self) -> Vector | None:
        """The mean of the embeddings, scaled to unit length; None before the first embedding."""
        length = float(np.linalg.norm(self._total)) if self.count else 0.0
        return np.asarray(self._total / length, np.float32) if length > 0 else None

    def distance(self, vector: Vector) -> float:
        """Return the distance from the mean, 0 to 2; 2 before the first embedding."""
        mean = self.mean
        return 2.0 if mean is None else float(np.linalg.norm(mean - vector))


class Identities:
    """Persons of one video, numbered from 0 in order of appearance.

    Memory is one vector per person.
    """

    def __init__(self) -> None:
        self._persons: list[MeanEmbedding] = []

    def __len__(self) -> int:
        return len(self._persons)

    def distances(self, vectors: Sequence[Vector | None]) -> NDArray[np.float32]:
        """Return the distances to each person's mean, (N, persons) float32, 0 to 2; 2 for None."""
        shape = (len(vectors), len(self._persons))
        values = [
            2.0 if vector is None else person.distance(vector)
            for vector in vectors
            for person in self._persons
        ]
        return np.array(values, np.float32).reshape(shape)

    def is_clear(self, vector: Vector, *, taken: set[int]) -> bool:
        """Return True if no more faces are needed to decide which person a vector shows.

        Persons in ``taken`` are not considered.
        """
        free = [k for k in range(len(self)) if k not in taken]
        near = np.sort(self.distances([vector])[0, free])
        if not len(near):
            return True
        rival = near[1] if len(near) > 1 else np.float32(2.0)
        return bool(
            abs(near[0] - SAME_PERSON_DISTANCE) >= UNSURE_MARGIN
            and rival - near[0] >= UNSURE_MARGIN
        )

    def assign(self, vectors: Sequence[Vector | None], *, taken: Sequence[set[int]]) -> list[int]:
        """Assign a person to each of several tracks, which are visible at the same time.

        So they show different people. The nearest pairs are assigned first, each person once. A
        track that is near no person gets a new person.

        Args:
            vectors: one embedding per track; None makes a new person.
            taken: per track, the persons of other tracks in the same frames; they are excluded.

        Returns:
            One identity per track.
        """
        distance = self.distances(vectors)
        for row, others in enumerate(taken):
            distance[row, list(others)] = 2.0
        pairs = dict(match(2.0 - distance, 2.0 - SAME_PERSON_DISTANCE))
        identities = []
        for row, vector in enumerate(vectors):
            if row not in pairs:
                self._persons.append(MeanEmbedding())
                pairs[row] = len(self._persons) - 1
            identities.append(pairs[row])
            if vector is not None:
                self.add(pairs[row], vector)
        return identities

    def strangers(self, claims: Sequence[tuple[int, MeanEmbedding, Vector]]) -> list[bool]:
        """Return, for each face of one frame, True if its track clearly shows another person now.

        Args:
            claims: per face the track's identity, its mean, and the face's own embedding.

        Returns:
            True for a face far from its track's mean, for a face much nearer to another person, and
            for two faces that are nearer to each other's means than to their own.
        """
        flags = [self._is_another(*claim) for claim in claims]
        for i, (_, a, at_a) in enumerate(claims):
            for j, (_, b, at_b) in enumerate(claims[:i]):
                if not (a.count and b.count):
                    continue
                kept = a.distance(at_a) + b.distance(at_b)
                if a.distance(at_b) + b.distance(at_a) + _CLEAR_MARGIN < kept:
                    flags[i] = flags[j] = True
        return flags

    def _is_another(self, identity: int, mean: MeanEmbedding, vector: Vector) -> bool:
        if not mean.count:
            return False
        others = np.delete(self.distances([vector])[0], identity)
        nearest = float(others.min()) if len(others) else 2.0
        own = mean.distance(vector)
        return own > STRANGER_DISTANCE or nearest + _CLEAR_MARGIN < own

    def add(self, identity: int, vector: Vector) -> None:
        """Add one embedding to a person's mean, unless it is too far from that mean.

        An embedding that is far away would move the mean towards other people.
        """
        person = self._persons[identity]
        if not person.count or person.distance(vector) <= SAME_PERSON_DISTANCE - UNSURE_MARGIN:
            person.add(vector)


class CropEmbedder:
    """Embedder of stored crops: the same bytes give the same vector on every worker."""

    def __init__(self, embed: Embed) -> None:
        self._embed = embed

    def __call__(self, jpeg: bytes) -> Vector | None:
        """Return the embedding of one crop; None if the bytes are not a picture."""
        data = np.frombuffer(jpeg, np.uint8)
        pixels = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB) if len(data) else None
        if pixels is None:
            return None
        return np.asarray(self._embed([np.asarray(pixels, np.uint8)])[0], np.float32)


def is_good(face: DetectedFace) -> bool:
    """Return True if a crop is frontal, sharp and large enough for a mean embedding."""
    return (
        abs(face.yaw_deg) <= _MAX_YAW_DEG
        and face.size_px >= _MIN_SIZE_PX
        and face.blur >= _MIN_BLUR
    )


def clarity(face: DetectedFace) -> float:
    """Return a score that is highest for the most frontal, sharp and large crop."""
    frontal = float(np.cos(np.radians(face.yaw_deg)))
    return min(face.size_px, 112.0) * frontal * float(np.log1p(face.blur))


class FrameEmbeddings:
    """Embeddings of the faces of one frame, each computed at most once."""

    def __init__(self, embed_crop: CropEmbedder, observation: Observation) -> None:
        self._embed_crop, self._observation = embed_crop, observation
        self._vectors: dict[int, Vector | None] = {}

    def __call__(self, number: int) -> Vector | None:
        """Return the embedding of the frame's face ``number``; None if its crop is unreadable."""
        if number not in self._vectors:
            self._vectors[number] = self._embed_crop(self._observation.faces[number].jpeg)
        return self._vectors[number]


def embed_best(
    embed_crop: CropEmbedder, faces: Sequence[DetectedFace], people: Identities, *, taken: set[int]
) -> Vector | None:
    """Embed the clearest of some faces of one person; embed all if that one does not decide.

    Args:
        embed_crop: embeds a crop.
        faces: at least one face.
        people: known persons; the embedding decides if ``people.is_clear``.
        taken: persons that are excluded.

    Returns:
        An embedding of unit length, or the mean of several; None if no face could be embedded.
    """
    best = max(faces, key=clarity)
    vector = embed_crop(best.jpeg)
    if vector is not None and people.is_clear(vector, taken=taken):
        return vector
    mean = MeanEmbedding()
    for face in faces:
        each = vector if face is best else embed_crop(face.jpeg)
        if each is not None:
            mean.add(each)
    return mean.mean
