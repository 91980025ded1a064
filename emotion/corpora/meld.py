"""MELD: utterances of a television series, with a list per split.

Source: Poria et al., "MELD: A Multimodal Multi-Party Dataset for Emotion Recognition in
Conversations", ACL 2019, and the owners' repository declare-lab/MELD.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from emotion import storage
from emotion.corpora.archive import Archive, files_summary, non_videos, read_columns
from emotion.corpora.table import Clip, CorpusClips, Unused
from emotion.errors import InputError

LISTS = {
    "train_sent_emo.csv": "train",
    "dev_sent_emo.csv": "val",
    "test_sent_emo.csv": "test",
}
FOLDERS = {
    "train_splits": "train", "train": "train",
    "dev_splits_complete": "val", "dev_splits": "val", "dev": "val",
    "output_repeated_splits_test": "test", "test_splits": "test", "test": "test",
}  # fmt: skip
"""Folders of the videos of a split: the owner's names, and shorter names in use."""

LABELS = ("neutral", "joy", "sadness", "anger", "surprise", "fear", "disgust")
NAME = re.compile(r"(final_videos_test)?dia(\d+)_utt(\d+)")
Key = tuple[str, int, int]


def meld(archive: Archive, lists: Archive, *, by_speaker: bool) -> CorpusClips:
    """Read MELD: a list's row with Dialogue_ID 0 and Utterance_ID 3 is ``dia0_utt3.mp4``.

    The numbers start at 0 in each split. The test folder has some utterances twice. Users report
    that ``final_videos_testdia0_utt3.mp4`` is the one that agrees with the list, so it is used. The
    same characters are in all official splits, so these are not splits by person. The speaker is
    stored in a column; other people may be in the picture.

    Args:
        archive: the videos.
        lists: the folder of the lists.
        by_speaker: True: the subject is the speaker; False: the subject is the dialogue.

    Raises:
        InputError: if none of the three lists exists, a list lacks a column, an emotion is unknown,
            a number is invalid, or no listed utterance has a video.
    """
    videos, unused = _videos(archive)
    clips: list[Clip] = []
    num_listed = 0
    for key, label, speaker in _rows(lists):
        num_listed += 1
        split, dialogue, utterance = key
        path = videos.get(key)
        if path is None:
            unused.append(Unused(f"{split}: dia{dialogue}_utt{utterance}", "missing"))
            continue
        person = speaker.lower() if by_speaker else f"{split}-dia{dialogue}"
        about = {"official_split": split, "dialogue": str(dialogue), "speaker": speaker}
        clips.append(Clip(path, f"meld-{person}", label, split, extra=about))
    if not clips:
        raise InputError(
            f"meld: none of the {num_listed} listed utterances is below {archive.root}: looked for "
            f"train_splits/dia0_utt0.mp4 and similar names, {files_summary(archive)}"
        )
    used = {c.uri for c in clips}
    unused += [Unused(p, "not_listed") for p in videos.values() if p not in used]
    return CorpusClips(tuple(clips), tuple(unused), _notes(lists))


def _list_paths(lists: Archive) -> dict[str, str]:
    """Return the path of each list, by file name; the first one if there are several."""
    paths: dict[str, str] = {}
    for path in lists.paths:
        name = PurePosixPath(path).name
        if name in LISTS:
            paths.setdefault(name, path)
    return paths


def _notes(lists: Archive) -> tuple[str, ...]:
    missing = [name for name in LISTS if name not in _list_paths(lists)]
    return (f"no {', '.join(missing)} below {lists.root}",) if missing else ()


def _rows(lists: Archive) -> Iterator[tuple[Key, str, str]]:
    paths = _list_paths(lists)
    if not paths:
        raise InputError(
            f"no list below {lists.root}: looked for {', '.join(LISTS)}, {files_summary(lists)}; "
            "name their folder with --lists"
        )
    for name, path in paths.items():
        where = storage.join(lists.root, path)
        columns = ("Dialogue_ID", "Utterance_ID", "Emotion", "Speaker")
        for dialogue, utterance, label, speaker in read_columns(lists, path, *columns):
            if not (dialogue.isdecimal() and utterance.isdecimal()):
                raise InputError(f"{where}: {dialogue!r}, {utterance!r} are not two numbers")
            if label not in LABELS:
                raise InputError(f"{where}: emotion {label!r} is not one of {', '.join(LABELS)}")
            yield (LISTS[name], int(dialogue), int(utterance)), label, speaker


def _videos(archive: Archive) -> tuple[dict[Key, str], list[Unused]]:
    """Return the video of each utterance, and the files that are not used."""
    videos: dict[Key, str] = {}
    unused = non_videos(archive)
    # Names that begin with "final" come after those with "dia", so they replace them.
    for path in sorted(archive.videos, key=lambda p: (PurePosixPath(p).name, p)):
        pure = PurePosixPath(path)
        match = NAME.fullmatch(pure.stem)
        splits = [FOLDERS[name] for name in pure.parts[:-1] if name in FOLDERS]
        if match is None or not splits:
            unused.append(Unused(path, "other_name"))
            continue
        key = (splits[-1], int(match.group(2)), int(match.group(3)))
        if key in videos:
            unused.append(Unused(videos[key], "other_version"))
        videos[key] = path
    return videos, unused
