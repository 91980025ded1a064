"""Fingerprints of the people and files that a package was trained on or chosen by.

An evaluation leaves these videos out. A fingerprint is the start of a SHA-256, so a package does
not name people. It hides a name only from readers who cannot guess it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

DIGITS = 16
"""Hex digits of a fingerprint: among 100,000 names, two are equal once in four billion sets."""
FILE = "seen.json"
"""File of a score set with what its model has seen; without it that is not known."""
MAX_SEEN = 100_000
"""Largest number of people, and of files, that a package names; with more it names none."""


def fingerprint(subject_id: str) -> str:
    """Return the fingerprint of a person's name.

    >>> fingerprint("s001")
    '7e3bc81f04b2f13a'
    """
    return hashlib.sha256(subject_id.encode()).hexdigest()[:DIGITS]


@dataclass(frozen=True)
class Seen:
    """People and files of train and val, as fingerprints.

    Attributes:
        subjects: fingerprints of the names of people.
        files: first ``DIGITS`` hex digits of the SHA-256 of the videos' bytes.
    """

    subjects: frozenset[str] = frozenset()
    files: frozenset[str] = frozenset()

    def has(self, subject_id: str, content_sha256: str | None) -> bool:
        """Return True if the person or the video's bytes are among them.

        Args:
            subject_id: name of the person.
            content_sha256: hex digits of the SHA-256 of the video; None if unknown.
        """
        file = (content_sha256 or "")[:DIGITS]
        return fingerprint(subject_id) in self.subjects or file in self.files

    def __or__(self, other: Seen) -> Seen:
        return Seen(self.subjects | other.subjects, self.files | other.files)

    def to_json(self) -> dict[str, list[str]]:
        """Return two sorted lists; see ``from_json``."""
        return {"subjects": sorted(self.subjects), "files": sorted(self.files)}


def make_seen(subject_ids: Iterable[str], contents: Iterable[str | None]) -> Seen | None:
    """Return the fingerprints of people and of files' SHA-256; None with more than ``MAX_SEEN``."""
    subjects = frozenset(map(fingerprint, subject_ids))
    files = frozenset(content[:DIGITS] for content in contents if content)
    return Seen(subjects, files) if max(len(subjects), len(files)) <= MAX_SEEN else None


def seen_from_json(value: Mapping[str, Any] | None) -> Seen | None:
    """Return the value of ``Seen.to_json``; None for None."""
    if value is None:
        return None
    return Seen(frozenset(map(str, value["subjects"])), frozenset(map(str, value["files"])))


def union(seen: Iterable[Seen | None]) -> Seen | None:
    """Return all people and files; None if those of one part are not known."""
    total = Seen()
    for one in seen:
        if one is None:
            return None
        total |= one
    return total
