"""MELD: utterances of a television series, with a list per split.

Source: Poria et al., "MELD: A Multimodal Multi-Party Dataset for Emotion Recognition in
Conversations", ACL 2019, and the owners' repository declare-lab/MELD.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from emotion import storage
from emotion.corpora.archive import Archive, no_pictures, read_columns, what_is_there
from emotion.corpora.table import Clip, Found, Unused
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
"""Where the videos of a split lie: as shipped, and as people rename them."""

LABELS = ("neutral", "joy", "sadness", "anger", "surprise", "fear", "disgust")
NAME = re.compile(r"(final_videos_test)?dia(\d+)_utt(\d+)")
Key = tuple[str, int, int]


def meld(archive: Archive, lists: Archive, *, by_speaker: bool) -> Found:
    """MELD: Dialogue_ID 0, Utterance_ID 3 of a split's list is its ``dia0_utt3.mp4``.

    Numbers begin anew in each split. In the test folder some utterances are there twice; users
    found that ``final_videos_testdia0_utt3.mp4`` is the one that agrees with the list: it counts.
    The official split has the same characters everywhere, so it cannot be by person: a dialogue
    stands for the subject, unless ``by_speaker``. The speaker is a column; others may be in the
    picture.

    Raises:
        InputError: none of the three lists, a list without its columns, an unknown emotion or a
            number that is none, or no video.
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
            f"train_splits/dia0_utt0.mp4 and its like, {what_is_there(archive)}"
        )
    used = {c.uri for c in clips}
    unused += [Unused(p, "not_listed") for p in videos.values() if p not in used]
    return Found(tuple(clips), tuple(unused), _notes(lists))


def _list_paths(lists: Archive) -> dict[str, str]:
    """The first list of each split, by its name."""
    found: dict[str, str] = {}
    for path in lists.paths:
        name = PurePosixPath(path).name
        if name in LISTS:
            found.setdefault(name, path)
    return found


def _notes(lists: Archive) -> tuple[str, ...]:
    missing = [name for name in LISTS if name not in _list_paths(lists)]
    return (f"no {', '.join(missing)} below {lists.root}",) if missing else ()


def _rows(lists: Archive) -> Iterator[tuple[Key, str, str]]:
    paths = _list_paths(lists)
    if not paths:
        raise InputError(
            f"no list below {lists.root}: looked for {', '.join(LISTS)}, {what_is_there(lists)}; "
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
    """The video of each utterance, and what is none."""
    videos: dict[Key, str] = {}
    unused = no_pictures(archive)
    # The names that begin with "final" sort behind those that begin with "dia".
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
