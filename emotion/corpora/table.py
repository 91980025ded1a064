"""Clips of a corpus, files that get no row, and the label table as a CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from emotion.errors import InputError

KNOWN_COLUMNS = ("uri", "subject_id", "label", "split", "fold", "corpus")

UnusedReason = Literal[
    "missing",  # a list names it, but the file does not exist
    "not_listed",  # a video that no list names
    "not_in_fold",  # a video that only the lists of other folds name
    "no_label",  # a video of the corpus without a label
    "no_subject",  # --subject-pattern matches nothing in its path
    "other_name",  # a video that is not named as the corpus names its videos
    "other_version",  # a second file of a clip that already has a row
    "other_label",  # its label is not in the label set, and --other drop was given
    "two_labels",  # named more than once, with different labels
    "listed_twice",  # named more than once, with one label; the first row counts
    "audio_only",  # sound without pictures
    "no_video",  # by its name not a video file: lists, texts, pictures
]
"""All reasons for which a file, or an entry of a list, gets no row in the label table."""

UNUSED_REASONS: tuple[str, ...] = get_args(UnusedReason)

WORDS = {
    "neutral": ("neutral", "neutrality", "neu"),
    "happy": ("happy", "happiness", "joy", "joyful", "hap"),
    "sad": ("sad", "sadness"),
    "angry": ("angry", "anger", "ang"),
    "surprise": ("surprise", "surprised", "sur"),
    "fear": ("fear", "fearful", "afraid", "fea"),
    "disgust": ("disgust", "disgusted", "dis"),
}
"""Names that corpora use for each of the seven expressions; different expressions stay apart."""

LABEL_OF_WORD = {word: label for label, words in WORDS.items() for word in words}


@dataclass(frozen=True)
class Clip:
    """One labelled video.

    Attributes:
        uri: path of the video below the root, or its absolute address.
        subject_id: the person; if the person is unknown, a dialogue or the clip itself.
        source_label: the label that the corpus gives, as a whole word.
        split: split that the corpus gives: train, val or test; None if it gives none.
        fold: fold of the corpus in which the video is tested, from "1"; None if there is none.
        extra: values of additional columns, by name.
    """

    uri: str
    subject_id: str
    source_label: str
    split: str | None = None
    fold: str | None = None
    extra: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Unused:
    """One file, or one entry of a list, without a row."""

    path: str
    reason: UnusedReason


@dataclass(frozen=True)
class CorpusClips:
    """Result of reading a corpus.

    Attributes:
        clips: the labelled videos, one for each file or row that can be used.
        unused: every other file, and every clip in a list that has no file.
        notes: one line for each fact that the user should know.
    """

    clips: tuple[Clip, ...]
    unused: tuple[Unused, ...]
    notes: tuple[str, ...] = ()


def parse_map(text: str) -> dict[str, str]:
    """Read a mapping of source labels to labels, such as ``joy=happy, 3=sad``; may be empty.

    Raises:
        InputError: if a part is not NAME=LABEL, or a name is given twice.

    >>> parse_map("joy=happy, 3=sad")
    {'joy': 'happy', '3': 'sad'}
    """
    mapping: dict[str, str] = {}
    for part in filter(None, (p.strip() for p in text.split(","))):
        name, sign, label = (p.strip() for p in part.partition("="))
        if not (name and sign and label) or name in mapping:
            raise InputError(f"--map {text!r}: {part!r} must be NAME=LABEL, each name once")
        mapping[name] = label
    return mapping


def dataset_label(source: str, *, mapping: Mapping[str, str], label_set: Sequence[str]) -> str:
    """Return the dataset's label for a source label, by the first rule that applies.

    1. ``mapping`` has the source label: the mapped label.
    2. The label set has it: the source label.
    3. ``WORDS`` has it as a name of a label in the label set, in any case: that label.
    4. Otherwise: the source label.

    >>> [dataset_label(w, mapping={}, label_set=["happy", "sad"]) for w in ("joy", "Sad", "calm")]
    ['happy', 'sad', 'calm']
    """
    if source in mapping:
        return mapping[source]
    if source in label_set:
        return source
    word = LABEL_OF_WORD.get(source.lower(), source)
    return word if word in label_set else source


def to_csv(rows: Iterable[tuple[Clip, str, str]], *, corpus: str, domain: str = "") -> bytes:
    """Return a label table as UTF-8 CSV, in the order of the rows.

    Args:
        rows: each clip with its label and its split (empty text if it has none).
        corpus: value of the column ``corpus`` in every row.
        domain: value of the column ``domain`` in every row; empty: no such column, unless the clips
            have one.
    """
    rows = list(rows)
    extra = list(dict.fromkeys(name for clip, _, _ in rows for name in clip.extra))
    own = {"domain": domain} if domain and "domain" not in extra else {}
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*KNOWN_COLUMNS, *own, "source_label", *extra])
    for clip, label, split in rows:
        known = [clip.uri, clip.subject_id, label, split, clip.fold or "", corpus]
        values = [clip.extra.get(name, "") for name in extra]
        writer.writerow([*known, *own.values(), clip.source_label, *values])
    return text.getvalue().encode()
