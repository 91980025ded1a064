"""Who is who: the persons of one video, told by embeddings of their faces.

An embedding is a vector of unit length; two pictures of one person lie close together. The means
here only ever take good looks in, and an identity, once given, is never taken back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from emotion.extract.embed import SAME_PERSON_DISTANCE
from emotion.extract.observe import Observation, SeenFace
from emotion.extract.track import match

Vector = NDArray[np.float32]
Embed = Callable[[Sequence[NDArray[np.uint8]]], NDArray[np.float32]]
"""(P, P, 3) uint8 RGB crops in, (N, 128) float32 of unit length out."""

UNSURE = 0.06
"""Two distances, or a distance and its limit, that differ by less call for another look."""
STRANGER = 0.5
"""A good look this far from its track's mean is at somebody else."""
_SURELY = 0.1
_MAX_YAW_DEG = 40.0
_MIN_SIZE_PX = 24.0
_MIN_BLUR = 5.0


@dataclass(eq=False)
class Appearance:
    """Running mean of the embeddings of one track, or of one person."""

    count: int = 0
    _total: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))

    def learn(self, vector: Vector) -> None:
        """Take one more embedding in."""
        self._total = vector + self._total if self.count else vector.astype(np.float64)
        self.count += 1

    @property
    def mean(self) -> Vector | None:
        """Mean direction, of unit length; None before the first embedding."""
        length = float(np.linalg.norm(self._total)) if self.count else 0.0
        return np.asarray(self._total / length, np.float32) if length > 0 else None

    def distance(self, vector: Vector) -> float:
        """From the mean, 0 to 2; 2 before the first embedding."""
        mean = self.mean
        return 2.0 if mean is None else float(np.linalg.norm(mean - vector))


class Identities:
    """The persons of one video, numbered from 0 in order of appearance.

    Memory is one vector per person.
    """

    def __init__(self) -> None:
        self._persons: list[Appearance] = []

    def __len__(self) -> int:
        return len(self._persons)

    def distances(self, vectors: Sequence[Vector | None]) -> NDArray[np.float32]:
        """(N, persons) float32 from each person's mean; 2 where one is not known."""
        shape = (len(vectors), len(self._persons))
        far = [
            2.0 if vector is None else person.distance(vector)
            for vector in vectors
            for person in self._persons
        ]
        return np.array(far, np.float32).reshape(shape)

    def sure(self, vector: Vector, *, taken: set[int]) -> bool:
        """Whether one more look at the same face would hardly change whose it is."""
        free = [k for k in range(len(self)) if k not in taken]
        near = np.sort(self.distances([vector])[0, free])
        if not len(near):
            return True
        rival = near[1] if len(near) > 1 else np.float32(2.0)
        return bool(abs(near[0] - SAME_PERSON_DISTANCE) >= UNSURE and rival - near[0] >= UNSURE)

    def assign(self, vectors: Sequence[Vector | None], *, taken: Sequence[set[int]]) -> list[int]:
        """Whose faces these are; they were seen at one time, and so are of different people.

        Args:
            vectors: an embedding per track; None where there is none: a new person.
            taken: per track, the persons seen beside it, whom it cannot be.

        Returns:
            An identity per track: nearest first, each once; new ones for those near nobody.
        """
        distance = self.distances(vectors)
        for row, others in enumerate(taken):
            distance[row, list(others)] = 2.0
        pairs = dict(match(2.0 - distance, 2.0 - SAME_PERSON_DISTANCE))
        found = []
        for row, vector in enumerate(vectors):
            if row not in pairs:
                self._persons.append(Appearance())
                pairs[row] = len(self._persons) - 1
            found.append(pairs[row])
            if vector is not None:
                self.learn(pairs[row], vector)
        return found

    def strangers(self, claims: Sequence[tuple[int, Appearance, Vector]]) -> list[bool]:
        """Which faces of one frame are surely not of the person that their track showed so far.

        Args:
            claims: per face the track's identity, its mean, and the face's own embedding.

        Returns:
            True for a face far from its track's mean, for one much nearer to another person, and
            for two that are nearer to each other's means than to their own.
        """
        found = [self._is_another(*claim) for claim in claims]
        for i, (_, a, at_a) in enumerate(claims):
            for j, (_, b, at_b) in enumerate(claims[:i]):
                if not (a.count and b.count):
                    continue
                straight = a.distance(at_a) + b.distance(at_b)
                if a.distance(at_b) + b.distance(at_a) + _SURELY < straight:
                    found[i] = found[j] = True
        return found

    def _is_another(self, identity: int, known: Appearance, vector: Vector) -> bool:
        if not known.count:
            return False
        others = np.delete(self.distances([vector])[0], identity)
        nearest = float(others.min()) if len(others) else 2.0
        own = known.distance(vector)
        return own > STRANGER or nearest + _SURELY < own

    def learn(self, identity: int, vector: Vector) -> None:
        """Take one more embedding of a person in, unless it may be somebody else's.

        A mean that took such in would move to where more people are near it, and take them too.
        """
        person = self._persons[identity]
        if not person.count or person.distance(vector) <= SAME_PERSON_DISTANCE - UNSURE:
            person.learn(vector)


class Looker:
    """Embeds stored crops: the same bytes give the same vector, whoever observed them."""

    def __init__(self, embed: Embed) -> None:
        self._embed = embed

    def __call__(self, jpeg: bytes) -> Vector | None:
        """The embedding of one crop; None if it is no picture."""
        data = np.frombuffer(jpeg, np.uint8)
        pixels = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB) if len(data) else None
        if pixels is None:
            return None
        return np.asarray(self._embed([np.asarray(pixels, np.uint8)])[0], np.float32)


def is_good(face: SeenFace) -> bool:
    """Whether a crop is frontal, sharp and large enough to learn from."""
    return (
        abs(face.yaw_deg) <= _MAX_YAW_DEG
        and face.size_px >= _MIN_SIZE_PX
        and face.blur >= _MIN_BLUR
    )


def worth(face: SeenFace) -> float:
    """How well a crop tells who it is: the frontal, sharp and large one of several."""
    frontal = float(np.cos(np.radians(face.yaw_deg)))
    return min(face.size_px, 112.0) * frontal * float(np.log1p(face.blur))


class Glance:
    """Looks at the faces of one frame, at each once at most."""

    def __init__(self, look: Looker, seen: Observation) -> None:
        self._look, self._seen = look, seen
        self._found: dict[int, Vector | None] = {}

    def __call__(self, number: int) -> Vector | None:
        """The embedding of the frame's face ``number``."""
        if number not in self._found:
            self._found[number] = self._look(self._seen.faces[number].jpeg)
        return self._found[number]


def look_well(
    look: Looker, faces: Sequence[SeenFace], people: Identities, *, taken: set[int]
) -> Vector | None:
    """Look at the best of some faces of one person; at all, if that leaves doubt who it is.

    Returns:
        An embedding of unit length, or None if no face could be embedded.
    """
    best = max(faces, key=worth)
    vector = look(best.jpeg)
    if vector is not None and people.sure(vector, taken=taken):
        return vector
    mean = Appearance()
    for face in faces:
        each = vector if face is best else look(face.jpeg)
        if each is not None:
            mean.learn(each)
    return mean.mean
