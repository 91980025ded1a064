"""Corpora whose file names say everything: literal names, and the rows worked out from them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from emotion.corpora import acted, generic, wild
from emotion.corpora.archive import Archive, open_archive
from emotion.corpora.table import Clip, CorpusClips
from emotion.errors import InputError
from tests.helpers.corpora import imported, named


def unused_reasons(result: CorpusClips) -> dict[str, str]:
    return {item.path: item.reason for item in result.unused}


@pytest.mark.parametrize(
    "path, subject, label, fold, intensity",
    [
        ("VideoFlash/1001_DFA_ANG_XX.flv", "crema-d-1001", "anger", "1", "unspecified"),
        ("VideoFlash/1018_IEO_DIS_LO.flv", "crema-d-1018", "disgust", "1", "low"),
        ("VideoFlash/1019_IEO_FEA_MD.flv", "crema-d-1019", "fear", "2", "medium"),
        ("1036_IEO_HAP_HI.mp4", "crema-d-1036", "happy", "2", "high"),
        ("1037_IOM_NEU_XX.mp4", "crema-d-1037", "neutral", "3", "unspecified"),
        ("1040_ITH_SAD_X.mp4", "crema-d-1040", "sad", "3", "unspecified"),
        ("1072_WSI_SAD_XX.mp4", "crema-d-1072", "sad", "4", "unspecified"),
        ("1073_WSI_SAD_XX.mp4", "crema-d-1073", "sad", "5", "unspecified"),
        ("1091_WSI_SAD_XX.mp4", "crema-d-1091", "sad", "5", "unspecified"),
    ],
)
def test_crema_d_names(path: str, subject: str, label: str, fold: str, intensity: str) -> None:
    result = acted.crema_d(named(path), named("x"))
    about = {"sentence": path.split("_")[1], "intensity": intensity}
    assert result.clips == (Clip(path, subject, label, None, fold, about),)
    assert result.unused == ()


def test_crema_d_demographics(tmp_path: Path) -> None:
    (tmp_path / "VideoDemographics.csv").write_text(
        '"ActorID","Age","Sex","Race","Ethnicity"\n'
        '1001,51,"Male","Caucasian","Not Hispanic"\n'
        '1047,22,"Female","Unknown","Hispanic"\n'
    )
    names = named("1047_DFA_ANG_XX.flv", "1002_DFA_ANG_XX.flv", "AudioWAV/1001_DFA_ANG_XX.wav", "x")
    result = acted.crema_d(names, open_archive(str(tmp_path)))
    assert result.notes == ()
    assert [dict(c.extra) for c in result.clips] == [
        {"sentence": "DFA", "intensity": "unspecified"},
        {
            "sentence": "DFA", "intensity": "unspecified",
            "age": "22", "sex": "female", "race": "Unknown", "ethnicity": "Hispanic",
        },
    ]  # fmt: skip
    assert unused_reasons(result) == {"AudioWAV/1001_DFA_ANG_XX.wav": "audio_only", "x": "no_video"}


@pytest.mark.parametrize(
    "path, label, fold, extra",
    [
        ("Actor_12/02-01-06-01-02-01-12.mp4", "fearful", "3",
         ("video", "speech", "normal", "02", "01", "female")),
        ("Actor_01/01-02-02-02-01-02-01.mp4", "calm", "1",
         ("audio-video", "song", "strong", "01", "02", "male")),
        ("Actor_04/01-01-01-01-01-01-04.mp4", "neutral", "1",
         ("audio-video", "speech", "normal", "01", "01", "female")),
        ("Actor_05/01-01-08-01-01-01-05.mp4", "surprised", "2",
         ("audio-video", "speech", "normal", "01", "01", "male")),
        ("Actor_24/01-01-07-01-01-01-24.mp4", "disgust", "6",
         ("audio-video", "speech", "normal", "01", "01", "female")),
    ],
)  # fmt: skip
def test_ravdess_names(path: str, label: str, fold: str, extra: tuple[str, ...]) -> None:
    columns = ("modality", "vocal_channel", "intensity", "sentence", "repetition", "sex")
    (clip,) = acted.ravdess(named(path)).clips
    about = dict(zip(columns, extra, strict=True))
    assert clip == Clip(path, f"ravdess-{path[6:8]}", label, None, fold, about)


def test_ravdess_takes_each_recording_once() -> None:
    result = acted.ravdess(
        named(
            "Actor_01/01-01-03-01-01-01-01.mp4",
            "Actor_01/02-01-03-01-01-01-01.mp4",
            "Actor_01/02-01-04-01-01-01-01.mp4",
            "Actor_01/03-01-03-01-01-01-01.wav",
            "Actor_01/03-01-03-01-01-01-01.mp4",
            "Actor_01/intro.mp4",
        )
    )
    assert [c.uri for c in result.clips] == [
        "Actor_01/01-01-03-01-01-01-01.mp4",
        "Actor_01/02-01-04-01-01-01-01.mp4",
    ]
    assert unused_reasons(result) == {
        "Actor_01/02-01-03-01-01-01-01.mp4": "other_version",
        "Actor_01/03-01-03-01-01-01-01.wav": "audio_only",
        "Actor_01/03-01-03-01-01-01-01.mp4": "audio_only",
        "Actor_01/intro.mp4": "other_name",
    }


@pytest.mark.parametrize(
    "path, subject, label, fold",
    [
        ("AudioVisualClip/DC/a01.avi", "savee-DC", "anger", "1"),
        ("AudioVisualClip/JE/sa15.avi", "savee-JE", "sadness", "2"),
        ("AudioVisualClip/JK/su02.avi", "savee-JK", "surprise", "3"),
        ("KL/n30.avi", "savee-KL", "neutral", "4"),
        ("DC_d03.avi", "savee-DC", "disgust", "1"),
        ("all/KL_h1.avi", "savee-KL", "happiness", "4"),
        ("all/JE_f04.avi", "savee-JE", "fear", "2"),
    ],
)
def test_savee_names(path: str, subject: str, label: str, fold: str) -> None:
    (clip,) = acted.savee(named(path)).clips
    assert (clip.uri, clip.subject_id, clip.source_label, clip.fold) == (path, subject, label, fold)
    assert clip.extra["sex"] == "male"


@pytest.mark.parametrize(
    "find, first, second",
    [
        (lambda names: acted.crema_d(names, named("x")),
         "VideoFlash/1001_DFA_ANG_XX.flv", "mp4/1001_DFA_ANG_XX.mp4"),
        (acted.savee, "AudioVisualClip/DC/a01.avi", "all/DC_a01.mp4"),
    ],
    ids=["crema-d", "savee"],
)  # fmt: skip
def test_a_recording_in_two_files_counts_once(
    find: Callable[[Archive], CorpusClips], first: str, second: str
) -> None:
    result = find(named(second, first))
    assert [c.uri for c in result.clips] == [first]
    assert unused_reasons(result) == {second: "other_version"}


def test_savee_leaves_out_other_names() -> None:
    result = acted.savee(named("AudioData/DC/a01.wav", "XX/a01.avi", "DC/test.avi"))
    assert result.clips == ()
    assert unused_reasons(result) == {
        "AudioData/DC/a01.wav": "audio_only",
        "XX/a01.avi": "other_name",
        "DC/test.avi": "other_name",
    }


def test_afew_names() -> None:
    result = wild.afew(
        named(
            "Train_AFEW/Angry/000046280.avi",
            "Val_AFEW/Angry/005150814.avi",
            "AFEW/Train/Surprise/011603160.avi",
            "Test_AFEW/000149120.avi",
            "Train_AFEW/Bored/000046281.avi",
            "Angry/000046282.avi",
            "Train_AFEW/AlignedFaces/Angry/000046280/1.jpg",
        )
    )
    assert [(c.uri, c.subject_id, c.source_label, c.split) for c in result.clips] == [
        ("AFEW/Train/Surprise/011603160.avi", "afew-train-Surprise-011603160", "Surprise", "train"),
        ("Train_AFEW/Angry/000046280.avi", "afew-train-Angry-000046280", "Angry", "train"),
        ("Val_AFEW/Angry/005150814.avi", "afew-val-Angry-005150814", "Angry", "test"),
    ]
    assert [c.extra["official_split"] for c in result.clips] == ["train", "train", "val"]
    assert unused_reasons(result) == {
        "Test_AFEW/000149120.avi": "no_label",
        "Train_AFEW/Bored/000046281.avi": "other_name",
        "Angry/000046282.avi": "other_name",
        "Train_AFEW/AlignedFaces/Angry/000046280/1.jpg": "no_video",
    }


@pytest.mark.parametrize(
    "pattern, subjects",
    [
        ("", ["train/happy/anna_1", "train/test/sad/bo_2"]),
        (r"/([a-z]+)_\d", ["anna", "bo"]),
        (r"[a-z]+_(?=\d)", ["anna_", "bo_"]),
    ],
    ids=["one each", "group", "no group"],
)
def test_folders(pattern: str, subjects: list[str]) -> None:
    names = named(
        "train/happy/anna_1.mp4", "train/test/sad/bo_2.mkv", "train/x.mp4", "y.mp4", "a.txt"
    )
    result = generic.folders(names, subject_pattern=pattern)
    assert [c.subject_id for c in result.clips] == subjects
    assert [(c.source_label, c.split) for c in result.clips] == [
        ("happy", "train"),
        ("sad", "test"),
    ]
    assert unused_reasons(result) == {
        "train/x.mp4": "no_label",
        "y.mp4": "no_label",
        "a.txt": "no_video",
    }


def test_folders_without_a_subject() -> None:
    result = generic.folders(named("sad/a1.mp4", "sad/b.mp4"), subject_pattern=r"/(.)\d")
    assert [c.subject_id for c in result.clips] == ["a"]
    assert unused_reasons(result) == {"sad/b.mp4": "no_subject"}


@pytest.mark.parametrize(
    "corpus, names, message",
    [
        ("crema-d", ["1001_DFA_XYZ_XX.flv"], "emotion code 'XYZ' is not one of ANG, DIS, FEA"),
        ("crema-d", ["1001_DFA_ANG_QQ.flv"], "level code 'QQ' is not one of LO, MD, HI"),
        ("crema-d", ["1092_DFA_ANG_XX.flv"], "actor 1092 is not one of 1001 to 1091"),
        (
            "crema-d",
            ["a.mp4", "b.wav"],
            "no usable crema-d video below /none: found 1 .mp4, 1 .wav",
        ),
        ("ravdess", ["01-01-09-01-01-01-01.mp4"], "emotion code '09' is not one of 01, 02"),
        ("ravdess", ["01-01-01-01-01-01-25.mp4"], "actor 25 is not one of 01 to 24"),
        ("savee", ["DC/x01.avi"], "emotion code 'x' is not one of a, d, f, h, n, sa, su"),
        ("afew", ["Train/Angry/1.jpg"], "no usable afew video below /none: found 1 .jpg"),
    ],
)
def test_what_is_wrong_is_said(corpus: str, names: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        imported(corpus, named(*names))


def test_a_pattern_that_is_none() -> None:
    with pytest.raises(InputError, match=r"--subject-pattern '\(': missing \)"):
        generic.folders(named("sad/a.mp4"), subject_pattern="(")
