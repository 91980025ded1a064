"""Corpora of actors with all labels in the file names: CREMA-D, RAVDESS and SAVEE.

Sources of the names:

- CREMA-D: Cao et al., "CREMA-D: Crowd-Sourced Emotional Multimodal Actors Dataset", IEEE Trans.
  Affective Computing 5(4), 2014, and the owner's repository CheyneyComputerScience/CREMA-D.
- RAVDESS: Livingstone and Russo, PLoS ONE 13(5): e0196391, 2018, and Zenodo record 1188976.
- SAVEE: Haq and Jackson, "Speaker-dependent audio-visual emotion recognition", AVSP 2009.

They have no official splits. The folds of CREMA-D (5) and RAVDESS (6) are those of the lists that
MAE-DFER published (Sun et al., arXiv:2307.02227, repository sunlicai/MAE-DFER): blocks of actors in
order of their number. Each of SAVEE's four folds leaves one speaker out, as is usual.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath

from emotion.corpora.archive import Archive, non_videos, read_columns
from emotion.corpora.table import Clip, CorpusClips, Unused
from emotion.errors import InputError

CREMA_NAME = re.compile(r"(\d{4})_([A-Z]{3})_([A-Z]{3})_([A-Z]{1,2})")
CREMA_LABELS = {
    "ANG": "anger", "DIS": "disgust", "FEA": "fear",
    "HAP": "happy", "NEU": "neutral", "SAD": "sad",
}  # fmt: skip
CREMA_LEVELS = {
    "LO": "low", "MD": "medium", "HI": "high",
    "XX": "unspecified", "X": "unspecified",  # one recording has this name: 1040_ITH_SAD_X
}  # fmt: skip
CREMA_ACTORS = range(1001, 1092)
CREMA_DEMOGRAPHICS = "VideoDemographics.csv"

RAVDESS_NAME = re.compile(r"\d\d(?:-\d\d){6}")
RAVDESS_MODALITIES = {"01": "audio-video", "02": "video", "03": "audio"}
RAVDESS_CHANNELS = {"01": "speech", "02": "song"}
RAVDESS_LABELS = {
    "01": "neutral", "02": "calm", "03": "happy", "04": "sad",
    "05": "angry", "06": "fearful", "07": "disgust", "08": "surprised",
}  # fmt: skip
RAVDESS_LEVELS = {"01": "normal", "02": "strong"}
RAVDESS_ACTORS = {f"{n:02d}": n for n in range(1, 25)}

SAVEE_NAME = re.compile(r"(?:([A-Z]{2})_)?([a-z]{1,2})(\d{1,2})")
SAVEE_SPEAKERS = ("DC", "JE", "JK", "KL")
SAVEE_LABELS = {
    "a": "anger", "d": "disgust", "f": "fear", "h": "happiness",
    "n": "neutral", "sa": "sadness", "su": "surprise",
}  # fmt: skip


def _decode(codes: Mapping[str, str], code: str, *, kind: str, path: str) -> str:
    if code not in codes:
        raise InputError(f"{path}: {kind} code {code!r} is not one of {', '.join(codes)}")
    return codes[code]


def crema_d(archive: Archive, lists: Archive) -> CorpusClips:
    """Read CREMA-D: ``1001_DFA_ANG_XX.flv`` is actor, sentence, emotion, level.

    If ``VideoDemographics.csv`` (ActorID, Age, Sex, Race, Ethnicity) is in ``lists``, the clips get
    the columns age, sex, race and ethnicity. Actors 1001-1018 are fold 1, the next 18 are fold 2,
    and so on; fold 5 has 19. If several files have the same name, such as an .flv and its .mp4
    version, the first by path is used and the others are ``other_version``.

    Raises:
        InputError: if a name of this form has an unknown code, or the CSV lacks a column.
    """
    people, notes = _demographics(lists)
    clips: list[Clip] = []
    unused = non_videos(archive)
    used: set[str] = set()
    for path in archive.videos:
        stem = PurePosixPath(path).stem
        match = CREMA_NAME.fullmatch(stem)
        if match is None or stem in used:
            unused.append(Unused(path, "other_version" if match else "other_name"))
            continue
        used.add(stem)
        actor, sentence, emotion, level = match.groups()
        if int(actor) not in CREMA_ACTORS:
            raise InputError(f"{path}: actor {actor} is not one of 1001 to 1091")
        label = _decode(CREMA_LABELS, emotion, kind="emotion", path=path)
        intensity = _decode(CREMA_LEVELS, level, kind="level", path=path)
        fold = min((int(actor) - CREMA_ACTORS.start) // 18, 4) + 1
        about = {"sentence": sentence, "intensity": intensity} | people.get(actor, {})
        clips.append(Clip(path, f"crema-d-{actor}", label, fold=str(fold), extra=about))
    return CorpusClips(tuple(clips), tuple(unused), notes)


def _demographics(lists: Archive) -> tuple[dict[str, dict[str, str]], tuple[str, ...]]:
    paths = [p for p in lists.paths if PurePosixPath(p).name == CREMA_DEMOGRAPHICS]
    if not paths:
        return {}, (f"no {CREMA_DEMOGRAPHICS} below {lists.root}: no age, sex, race, ethnicity",)
    columns = ("ActorID", "Age", "Sex", "Race", "Ethnicity")
    rows = read_columns(lists, paths[0], *columns)
    return {
        actor: {"age": age, "sex": sex.lower(), "race": race, "ethnicity": ethnicity}
        for actor, age, sex, race, ethnicity in rows
    }, ()


def ravdess(archive: Archive) -> CorpusClips:
    """Read RAVDESS: the name ``02-01-06-01-02-01-12.mp4`` has seven codes.

    They are modality, channel, emotion, intensity, statement, repetition and actor. Actors with odd
    numbers are male, those with even numbers female. The owner publishes each recording with sound
    (01) and without (02), with the same pictures. If both exist, the one with sound is used, and
    the other is ``other_version``. Actors 1-4 are fold 1, 5-8 are fold 2, and so on.

    Raises:
        InputError: if a name of this form has an unknown code.
    """
    clips: list[Clip] = []
    unused = non_videos(archive)
    used: set[str] = set()
    for path in sorted(archive.videos, key=lambda p: (PurePosixPath(p).stem, p)):
        stem = PurePosixPath(path).stem
        if RAVDESS_NAME.fullmatch(stem) is None:
            unused.append(Unused(path, "other_name"))
            continue
        recording = stem.partition("-")[2]
        clip = _ravdess_clip(path, stem.split("-"))
        if clip.extra["modality"] == "audio":
            unused.append(Unused(path, "audio_only"))
        elif recording in used:
            unused.append(Unused(path, "other_version"))
        else:
            used.add(recording)
            clips.append(clip)
    return CorpusClips(tuple(sorted(clips, key=lambda c: c.uri)), tuple(unused))


def _ravdess_clip(path: str, parts: list[str]) -> Clip:
    modality, channel, emotion, level, statement, repetition, actor = parts
    if actor not in RAVDESS_ACTORS:
        raise InputError(f"{path}: actor {actor} is not one of 01 to 24")
    number = RAVDESS_ACTORS[actor]
    return Clip(
        path,
        f"ravdess-{actor}",
        _decode(RAVDESS_LABELS, emotion, kind="emotion", path=path),
        fold=str((number - 1) // 4 + 1),
        extra={
            "modality": _decode(RAVDESS_MODALITIES, modality, kind="modality", path=path),
            "vocal_channel": _decode(RAVDESS_CHANNELS, channel, kind="channel", path=path),
            "intensity": _decode(RAVDESS_LEVELS, level, kind="intensity", path=path),
            "sentence": statement,
            "repetition": repetition,
            "sex": "male" if number % 2 else "female",
        },
    )


def savee(archive: Archive) -> CorpusClips:
    """Read SAVEE: ``AudioVisualClip/DC/a01.avi`` or ``DC_a01.avi`` is speaker, emotion, sentence.

    Its four speakers, DC, JE, JK and KL, are male. They are folds 1 to 4, in this order.

    Raises:
        InputError: if a file of one of the speakers has an unknown emotion code.
    """
    clips: list[Clip] = []
    unused = non_videos(archive)
    used: set[str] = set()
    for path in archive.videos:
        pure = PurePosixPath(path)
        match = SAVEE_NAME.fullmatch(pure.stem)
        speaker = (match.group(1) or pure.parent.name) if match else ""
        if match is None or speaker not in SAVEE_SPEAKERS:
            unused.append(Unused(path, "other_name"))
            continue
        recording = f"{speaker}_{match.group(2)}{match.group(3)}"
        if recording in used:
            unused.append(Unused(path, "other_version"))
            continue
        used.add(recording)
        label = _decode(SAVEE_LABELS, match.group(2), kind="emotion", path=path)
        fold = str(SAVEE_SPEAKERS.index(speaker) + 1)
        about = {"sentence": match.group(3), "sex": "male"}
        clips.append(Clip(path, f"savee-{speaker}", label, fold=fold, extra=about))
    return CorpusClips(tuple(clips), tuple(unused))
