"""Corpora of film and web clips, labelled by lists or folders: DFEW, FERV39k, MAFW and AFEW.

Sources of the names and lists:

- DFEW: Jiang et al., ACM MM 2020, and the README that its owners ship with it.
- FERV39k: Wang et al., CVPR 2022; the lists as sunlicai/MAE-DFER reads them.
- MAFW: Liu et al., ACM MM 2022, repository MAFW-database/MAFW; the lists as sunlicai/MAE-DFER and
  sunlicai/HiCMAE read them.
- AFEW: Dhall et al., IEEE MultiMedia 19(3), 2012, as shipped for the EmotiW challenges.

These corpora do not name the people in their clips. Each clip counts as one subject, as in the
papers. So a split by subject is a split by clip, and one actor may be in two splits.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from emotion import storage
from emotion.corpora.archive import (
    Archive,
    files_summary,
    find_videos,
    non_videos,
    read_columns,
    read_text,
)
from emotion.corpora.table import LABEL_OF_WORD, Clip, CorpusClips, Unused, UnusedReason
from emotion.errors import InputError

DFEW_LIST = re.compile(
    r"(?:.*/)?(?:(train|test)[^/]*/set_([1-5])|single_(train|test)set_([1-5]))\.csv"
)
DFEW_LABELS = {
    "1": "happy", "2": "sad", "3": "neutral", "4": "angry",
    "5": "surprise", "6": "disgust", "7": "fear",
}  # fmt: skip
FERV39K_LIST = re.compile(r"(?:.*/)?(train|test)_All\.csv")
FERV39K_LABELS = ("Happy", "Sad", "Neutral", "Angry", "Surprise", "Disgust", "Fear")
MAFW_LIST = re.compile(r"(?:.*/)?(single|compound)/no_caption/set_([1-5])/(train|test)\.txt")
MAFW_LABELS = (
    "anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise",
    "contempt", "anxiety", "helplessness", "disappointment",
)  # fmt: skip
AFEW_SETS = {"train": "train", "val": "test"}
"""The owners do not publish the test labels, so papers train on Train and report on Val."""


@dataclass(frozen=True)
class Entry:
    """One line of a list.

    Attributes:
        name: name of the clip, as the list spells it (DFEW: with leading zeros).
        label: label of the clip, as a word.
        part: split of the list: train or test.
        fold: fold of the list, from 1.
    """

    name: str
    label: str
    part: str
    fold: int


def dfew(archive: Archive, lists: Archive, *, fold: int | None) -> CorpusClips:
    """Read DFEW: ``set_1.csv`` to ``set_5.csv`` below ``train(single-labeled)`` and ``test(...)``.

    A list has the columns video_name (a number) and label (1 to 7). Clip 5 is ``00005.mp4``. If
    there are several videos of this number, the one under ``Clip/original`` is used. Lists with the
    names ``single_trainset_1.csv`` or ``train/set_1.csv`` are read, too.

    Args:
        archive: the clips.
        lists: the folder of the lists.
        fold: fold whose split is used, 1 to 5; None uses the clips of all folds, without a split.

    Raises:
        InputError: if there is no list or no clip, a list of the fold is missing, a list lacks a
            column, or a label is not 1 to 7.
    """
    entries = []
    for path, match in _lists(
        lists, DFEW_LIST, "EmoLabel_DataSplit/train(single-labeled)/set_1.csv"
    ):
        part, number = match.group(1) or match.group(3), int(match.group(2) or match.group(4))
        for name, label in read_columns(lists, path, "video_name", "label"):
            if label not in DFEW_LABELS:
                raise _bad_label(lists, path, name, label, DFEW_LABELS)
            clip = PurePosixPath(name).stem.zfill(5)
            entries.append(Entry(clip, DFEW_LABELS[label], part, number))
    return _listed("dfew", archive, entries, fold=fold, prefer="original")


def mafw(archive: Archive, lists: Archive, *, fold: int | None, subset: str) -> CorpusClips:
    """Read MAFW: ``Train & Test Set/single/no_caption/set_1/train.txt``, lines ``00001.mp4 anger``.

    Args:
        archive: the clips.
        lists: the folder of the lists.
        fold: fold whose split is used, 1 to 5; None uses the clips of all folds, without a split.
        subset: ``single``, 11 expressions, or ``compound``, with labels such as ``anger_disgust``.

    Raises:
        InputError: if there is no list or no clip, a list of the fold is missing, or a line has no
            label or an unknown one.
    """
    entries = []
    example = f"Train & Test Set/{subset}/no_caption/set_1/train.txt"
    for path, match in _lists(lists, MAFW_LIST, example, keep=subset):
        for name, label in _pairs(lists, path):
            if not set(label.split("_")) <= set(MAFW_LABELS):
                raise _bad_label(lists, path, name, label, MAFW_LABELS)
            entries.append(Entry(name, label, match.group(3), int(match.group(2))))
    return _listed("mafw", archive, entries, fold=fold)


def ferv39k(archive: Archive, lists: Archive) -> CorpusClips:
    """Read FERV39k: ``4_setups/All_scenes/train_All.csv``, lines ``Action/Happy/0267 Happy``.

    The clip is the video with this path below any folder. The owners also publish faces as folders
    of pictures (``2_ClipsforFaceCrop``); these are not videos and are not used.

    Raises:
        InputError: if one of the two lists is missing, there is no clip, or a line has no label or
            an unknown one.
    """
    entries = []
    for path, match in _lists(lists, FERV39K_LIST, "4_setups/All_scenes/train_All.csv"):
        for name, label in _pairs(lists, path):
            if label not in FERV39K_LABELS:
                raise _bad_label(lists, path, name, label, FERV39K_LABELS)
            entries.append(Entry(name, label, match.group(1), 1))
    return _listed("ferv39k", archive, entries, fold=1, has_folds=False)


def afew(archive: Archive) -> CorpusClips:
    """Read AFEW: ``Train_AFEW/Angry/000046280.avi``; the name is the clip's time in its film.

    The time (hours, minutes, seconds, milliseconds) does not name the film, so each clip is a
    subject. ``Val`` becomes test (see ``AFEW_SETS``); the column ``official_split`` has the owners'
    name of the split. Clips in a folder ``Test`` have no label and get the reason ``no_label``.
    """
    clips: list[Clip] = []
    unused = non_videos(archive)
    for path in archive.videos:
        *folders, expression, _ = ("", *PurePosixPath(path).parts)
        sets = [name.lower().partition("_")[0] for name in folders]
        official = next((s for s in reversed(sets) if s in AFEW_SETS), None)
        if official is not None and expression.lower() in LABEL_OF_WORD:
            stem = PurePosixPath(path).stem
            subject = f"afew-{official}-{expression}-{stem}"
            about = {"official_split": official}
            clips.append(Clip(path, subject, expression, AFEW_SETS[official], extra=about))
        else:
            is_test = "test" in [*sets, expression.lower().partition("_")[0]]
            unused.append(Unused(path, "no_label" if is_test else "other_name"))
    return CorpusClips(tuple(clips), tuple(unused))


def _lists(
    lists: Archive, pattern: re.Pattern[str], example: str, *, keep: str | None = None
) -> list[tuple[str, re.Match[str]]]:
    matches = [(p, m) for p in lists.paths if (m := pattern.fullmatch(p))]
    if keep is not None:
        matches = [(p, m) for p, m in matches if m.group(1) == keep]
    if not matches:
        raise InputError(
            f"no list below {lists.root}: looked for {example} and similar names, "
            f"{files_summary(lists)}; name their folder with --lists"
        )
    return matches


def _pairs(lists: Archive, path: str) -> Iterator[tuple[str, str]]:
    """Yield the name and the label of each line; the label is the text after the last space."""
    for number, line in enumerate(read_text(lists, path).splitlines(), start=1):
        name, _, label = line.strip().rpartition(" ")
        if name:
            yield name.strip(), label
        elif label:
            where = f"{storage.join(lists.root, path)}, line {number}"
            raise InputError(f"{where}: {line.strip()!r} must be a clip, a blank and its label")


def _bad_label(
    lists: Archive, path: str, name: str, label: str, known: Iterable[str]
) -> InputError:
    where = storage.join(lists.root, path)
    return InputError(f"{where}: label {label!r} of {name} is not one of {', '.join(known)}")


def _listed(
    corpus: str,
    archive: Archive,
    entries: Sequence[Entry],
    *,
    fold: int | None,
    prefer: str = "",
    has_folds: bool = True,
) -> CorpusClips:
    """Return the clips of the lists, each with its video file.

    Args:
        corpus: name of the corpus; part of every subject_id.
        archive: the clips.
        entries: lines of all lists.
        fold: fold whose split is used; None uses all clips, without a split.
        prefer: folder whose video is used if a clip has several; empty: the first by path.
        has_folds: False if the lists have one split only.

    Raises:
        InputError: if a list of the fold is missing, or no clip has a video.
    """
    if fold is not None and {e.part for e in entries if e.fold == fold} != {"train", "test"}:
        split = f"fold {fold}" if has_folds else "its split"
        raise InputError(f"{corpus}: {split} needs two lists, of train and of test")
    by_name: dict[str, list[Entry]] = {}
    for entry in entries:
        by_name.setdefault(entry.name, []).append(entry)
    clips: list[Clip] = []
    unused = non_videos(archive)
    listed: set[str] = set()
    for name, named in by_name.items():
        paths = sorted(
            find_videos(archive, name), key=lambda p: prefer not in PurePosixPath(p).parts
        )
        listed.update(paths)
        reason = _unused_reason(named, fold) if paths else "missing"
        if reason is None:
            subject = f"{corpus}-{PurePosixPath(name).with_suffix('').as_posix()}"
            clips.append(_listed_clip(paths.pop(0), subject, named, fold, has_folds))
            reason = "other_version"
        unused += [
            Unused(path, reason) for path in paths or ([name] if reason == "missing" else [])
        ]
    if not clips:
        some = ", ".join(list(by_name)[:3])
        raise InputError(
            f"{corpus}: none of the {len(by_name)} clips that the lists name is below "
            f"{archive.root}: looked for {some}, {files_summary(archive)}"
        )
    unused += [Unused(path, "not_listed") for path in archive.videos if path not in listed]
    return CorpusClips(tuple(sorted(clips, key=lambda c: c.uri)), tuple(unused))


def _unused_reason(named: Sequence[Entry], fold: int | None) -> UnusedReason | None:
    if len({e.label for e in named}) > 1:
        return "two_labels"
    parts = [e.part for e in named if fold in (None, e.fold)]
    return None if parts else "not_in_fold"


def _listed_clip(
    path: str, subject: str, named: Sequence[Entry], fold: int | None, has_folds: bool
) -> Clip:
    tested = sorted(e.fold for e in named if e.part == "test")
    parts = [e.part for e in named if e.fold == fold]
    return Clip(
        path,
        subject,
        named[0].label,
        split=parts[0] if parts else None,
        fold=str(tested[0]) if has_folds and tested else None,
    )
