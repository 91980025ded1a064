"""What an importer hands over: rows of a label table, and everything it did not use."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from emotion.errors import InputError

KNOWN_COLUMNS = ("uri", "subject_id", "label", "split", "fold", "corpus")

Why = Literal[
    "missing",  # a list names it, and there is no such file
    "not_listed",  # a video that no list names
    "not_in_fold",  # a video that only the lists of other folds name
    "no_label",  # a video of the corpus whose label the owner does not give
    "no_subject",  # --subject-pattern matches nothing in its path
    "other_name",  # a video that is not named as the corpus names its videos
    "other_version",  # a second file of a clip that is already used
    "other_label",  # its label is not in the label set, and --other drop was given
    "two_labels",  # named more than once, with different labels
    "listed_twice",  # named more than once, with one label; the first row counts
    "audio_only",  # sound without pictures
    "no_video",  # no video file by its name: lists, texts, pictures
]
"""Why a file, or an entry of a list, has no row."""

WHYS: tuple[str, ...] = get_args(Why)

WORDS = {
    "neutral": ("neutral", "neutrality", "neu"),
    "happy": ("happy", "happiness", "joy", "joyful", "hap"),
    "sad": ("sad", "sadness"),
    "angry": ("angry", "anger", "ang"),
    "surprise": ("surprise", "surprised", "sur"),
    "fear": ("fear", "fearful", "afraid", "fea"),
    "disgust": ("disgust", "disgusted", "dis"),
}
"""How the corpora write the seven expressions; nothing here joins two expressions into one."""

OURS = {word: label for label, words in WORDS.items() for word in words}


@dataclass(frozen=True)
class Clip:
    """One labelled video.

    Attributes:
        uri: its path below the root, or an absolute address.
        subject_id: the person, or what stands for one.
        source_label: as the owner writes it, spelled out.
        split: train, val or test by the owner; None where the owner gives none.
        fold: the owner's fold in which it is tested, from 1; None: no folds.
        extra: further columns.
    """

    uri: str
    subject_id: str
    source_label: str
    split: str | None = None
    fold: str | None = None
    extra: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Unused:
    """One file, or one entry of a list, that gives no row."""

    path: str
    why: Why


@dataclass(frozen=True)
class Found:
    """What an importer found.

    Attributes:
        clips: the labelled videos, one per file.
        unused: every other file, and every listed clip without a file.
        notes: a line each on what a person should know of this import.
    """

    clips: tuple[Clip, ...]
    unused: tuple[Unused, ...]
    notes: tuple[str, ...] = ()


def parse_map(text: str) -> dict[str, str]:
    """Read ``joy=happy, 3=sad``; empty gives no mapping.

    Raises:
        InputError: if a part is not NAME=LABEL, or a name comes twice.

    >>> parse_map("joy=happy, 3=sad")
    {'joy': 'happy', '3': 'sad'}
    """
    found: dict[str, str] = {}
    for part in filter(None, (p.strip() for p in text.split(","))):
        name, sign, label = (p.strip() for p in part.partition("="))
        if not (name and sign and label) or name in found:
            raise InputError(f"--map {text!r}: {part!r} must be NAME=LABEL, each name once")
        found[name] = label
    return found


def our_label(source: str, *, mapping: Mapping[str, str], label_set: Sequence[str]) -> str:
    """The label of a row: mapped, in the label set already, a known word for one of it, or as is.

    >>> [our_label(w, mapping={}, label_set=["happy", "sad"]) for w in ("joy", "Sad", "calm")]
    ['happy', 'sad', 'calm']
    """
    if source in mapping:
        return mapping[source]
    if source in label_set:
        return source
    word = OURS.get(source.lower(), source)
    return word if word in label_set else source


def to_csv(rows: Iterable[tuple[Clip, str, str]], *, corpus: str) -> bytes:
    """A label table as UTF-8 CSV, in the order of the rows.

    Args:
        rows: each clip with its label and its split (empty: none).
        corpus: goes into the column ``corpus``.
    """
    rows = list(rows)
    extra = list(dict.fromkeys(name for clip, _, _ in rows for name in clip.extra))
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*KNOWN_COLUMNS, "source_label", *extra])
    for clip, label, split in rows:
        known = [clip.uri, clip.subject_id, label, split, clip.fold or "", corpus]
        values = [clip.extra.get(name, "") for name in extra]
        writer.writerow([*known, clip.source_label, *values])
    return text.getvalue().encode()
