"""Import job: each corpus, in a folder and in a bucket, to a table that a build accepts."""

from __future__ import annotations

from pathlib import Path
from typing import cast, get_args

import pytest

from emotion import storage
from emotion.corpora.archive import open_archive
from emotion.corpora.importer import Corpus, import_corpus
from emotion.label_table import LabelRow, read_label_table
from emotion.video.decode import Limits, VideoFacts, sample_frames
from jobs.import_corpus import Config, main, options
from tests.helpers.drawing import number_video, read_number

MELD_HEADER = "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID\n"
FOLDERS: dict[str, dict[str, str]] = {
    "crema-d": {
        "VideoFlash/1001_DFA_ANG_XX.flv": "",
        "VideoFlash/1020_IEO_HAP_HI.flv": "",
        "AudioWAV/1001_DFA_ANG_XX.wav": "",
        "VideoDemographics.csv": "ActorID,Age,Sex,Race,Ethnicity\n"
        "1020,61,Female,Caucasian,Not Hispanic\n",
    },
    "ravdess": {"Actor_02/02-01-06-01-02-01-02.mp4": "", "Actor_05/01-01-03-01-01-01-05.mp4": ""},
    "savee": {"AudioVisualClip/DC/a01.avi": "", "AudioVisualClip/JE/n01.avi": ""},
    "meld": {
        "train_splits/dia0_utt0.mp4": "",
        "dev_splits_complete/dia0_utt0.mp4": "",
        "train_sent_emo.csv": MELD_HEADER + '1,"Oh, no.",Ross,joy,positive,0,0\n',
        "dev_sent_emo.csv": MELD_HEADER + "1,Hi,Ross,fear,negative,0,0\n",
    },
    "afew": {"Train_AFEW/Angry/000046280.avi": "", "Val_AFEW/Sad/005150814.avi": ""},
    "dfew": {
        "Clip/original/00001.mp4": "",
        "Clip/original/00002.mp4": "",
        "EmoLabel_DataSplit/train(single-labeled)/set_1.csv": "video_name,label\n1,5\n",
        "EmoLabel_DataSplit/test(single-labeled)/set_1.csv": "video_name,label\n2,6\n",
    },
    "ferv39k": {
        "Action/Happy/0267.mp4": "",
        "War/Fear/0001.mp4": "",
        "4_setups/All_scenes/train_All.csv": "Action/Happy/0267 Happy\n",
        "4_setups/All_scenes/test_All.csv": "War/Fear/0001 Fear\n",
    },
    "mafw": {
        "data/clips/00001.mp4": "",
        "data/clips/00002.mp4": "",
        "Train & Test Set/single/no_caption/set_1/train.txt": "00001.mp4 sadness\n",
        "Train & Test Set/single/no_caption/set_1/test.txt": "00002.mp4 anger\n",
    },
    "csv": {"a/1.mp4": "", "a/2.mp4": "", "mine.csv": "uri,label\na/1.mp4,joy\na/2.mp4,anger\n"},
    "folders": {"joy/anna.mp4": "", "anger/bo.mp4": ""},
}
EXPECTED = {
    "crema-d": [
        ("VideoFlash/1001_DFA_ANG_XX.flv", "crema-d-1001", "angry", "test", "1"),
        ("VideoFlash/1020_IEO_HAP_HI.flv", "crema-d-1020", "happy", "train", "2"),
    ],
    "ravdess": [
        ("Actor_02/02-01-06-01-02-01-02.mp4", "ravdess-02", "fear", "test", "1"),
        ("Actor_05/01-01-03-01-01-01-05.mp4", "ravdess-05", "happy", "train", "2"),
    ],
    "savee": [
        ("AudioVisualClip/DC/a01.avi", "savee-DC", "angry", "test", "1"),
        ("AudioVisualClip/JE/n01.avi", "savee-JE", "neutral", "train", "2"),
    ],
    "meld": [
        ("dev_splits_complete/dia0_utt0.mp4", "meld-val-dia0", "fear", "val", None),
        ("train_splits/dia0_utt0.mp4", "meld-train-dia0", "happy", "train", None),
    ],
    "afew": [
        ("Train_AFEW/Angry/000046280.avi", "afew-train-Angry-000046280", "angry", "train", None),
        ("Val_AFEW/Sad/005150814.avi", "afew-val-Sad-005150814", "sad", "test", None),
    ],
    "dfew": [
        ("Clip/original/00001.mp4", "dfew-00001", "surprise", "train", None),
        ("Clip/original/00002.mp4", "dfew-00002", "disgust", "test", "1"),
    ],
    "ferv39k": [
        ("Action/Happy/0267.mp4", "ferv39k-Action/Happy/0267", "happy", "train", None),
        ("War/Fear/0001.mp4", "ferv39k-War/Fear/0001", "fear", "test", None),
    ],
    "mafw": [
        ("data/clips/00001.mp4", "mafw-00001", "sad", "train", None),
        ("data/clips/00002.mp4", "mafw-00002", "angry", "test", "1"),
    ],
    "csv": [("a/1.mp4", "a/1", "happy", None, None), ("a/2.mp4", "a/2", "angry", None, None)],
    "folders": [
        ("anger/bo.mp4", "anger/bo", "angry", None, None),
        ("joy/anna.mp4", "joy/anna", "happy", None, None),
    ],
}
FLAGS = {
    "crema-d": ["--fold", "1"],
    "ravdess": ["--fold", "1"],
    "savee": ["--fold", "1"],
    "dfew": ["--fold", "1"],
    "mafw": ["--fold", "1"],
    "folders": ["--split", "none"],
    "csv": ["--split", "none"],
}


def lay_out(root: str, corpus: str) -> list[str]:
    """Write the corpus below ``root`` and return the job's flags for it."""
    for name, text in FOLDERS[corpus].items():
        storage.write_bytes(f"{root}/{name}", text.encode())
    flags = ["--corpus", corpus, "--root", root, *FLAGS.get(corpus, [])]
    return [*flags, "--table", f"{root}/mine.csv"] if corpus == "csv" else flags


@pytest.mark.parametrize("corpus", get_args(Corpus))
def test_a_build_accepts_the_table(corpus: str, store: str) -> None:
    """Import twice, in a folder and in a bucket: the bytes are equal."""
    root, out = f"{store}/videos", f"{store}/labels.csv"
    argv = [*lay_out(root, corpus), "--out", out]
    assert main(argv) == 0
    table = read_label_table(out, videos_root=root)
    result = [(r.uri, r.subject_id, r.label, r.split, r.fold) for r in table.rows]
    assert result == EXPECTED[corpus]
    assert {r.corpus for r in table.rows} == {corpus}
    written = storage.read_bytes(out)
    assert main(argv) == 0
    assert storage.read_bytes(out) == written


@pytest.mark.parametrize("corpus", get_args(Corpus))
def test_every_file_is_a_row_or_counted(corpus: str, tmp_path: Path) -> None:
    lay_out(str(tmp_path), corpus)
    for name in ("x/other.mp4", "x/notes.txt", "sound.wav"):
        storage.write_bytes(str(tmp_path / name), b"")
    archive = open_archive(str(tmp_path))
    table = str(tmp_path / "mine.csv") if corpus == "csv" else ""
    config = Config(corpus=cast(Corpus, corpus), root="", out="", table=table)
    result = import_corpus(config.corpus, archive, archive, options(config))
    paths = [clip.uri for clip, _, _ in result.rows] + [item.path for item in result.unused]
    assert sorted(paths) == list(archive.paths)
    assert len(paths) == len(FOLDERS[corpus]) + 3


def test_further_columns_reach_the_build(tmp_path: Path) -> None:
    out = str(tmp_path / "labels.csv")
    assert main([*lay_out(str(tmp_path / "c"), "crema-d"), "--out", out]) == 0
    table = read_label_table(out, videos_root=str(tmp_path / "c"))
    columns = (
        "domain", "source_label", "sentence", "intensity", "age", "sex", "race", "ethnicity"
    )  # fmt: skip
    assert table.extra_columns == columns
    assert table.rows[1] == LabelRow(
        "VideoFlash/1020_IEO_HAP_HI.flv", "crema-d-1020", "happy", "train", "2", "crema-d",
        dict(zip(
            columns,
            ("acted", "happy", "IEO", "high", "61", "female", "Caucasian", "Not Hispanic"),
            strict=True,
        )),
    )  # fmt: skip


def test_it_says_what_it_used_and_what_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, out = str(tmp_path / "r"), str(tmp_path / "labels.csv")
    argv = lay_out(root, "ravdess")
    for name in ("Actor_02/03-01-06-01-02-01-02.wav", "Actor_02/02-01-02-01-02-01-02.mp4"):
        storage.write_bytes(f"{root}/{name}", b"")
    assert main([*argv, "--out", out, "--other", "drop"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{out}: 2 videos of 2 subjects",
        "  labels: fear 1, happy 1",
        "  splits: test 1, train 1",
        "  not used, other_label: 1, such as Actor_02/02-01-02-01-02-01-02.mp4",
        "  not used, audio_only: 1, such as Actor_02/03-01-06-01-02-01-02.wav",
        "  note: val is 0 of 1 subjects of train",
    ]


def test_lists_may_lie_elsewhere(tmp_path: Path) -> None:
    storage.write_bytes(str(tmp_path / "videos/00001.mp4"), b"")
    storage.write_bytes(str(tmp_path / "videos/00002.mp4"), b"")
    lay_out(str(tmp_path / "lists"), "dfew")
    argv = ["--corpus", "dfew", "--fold", "1", "--root", str(tmp_path / "videos")]
    out = str(tmp_path / "labels.csv")
    assert main([*argv, "--lists", str(tmp_path / "lists"), "--out", out]) == 0
    rows = read_label_table(out, videos_root=str(tmp_path / "videos")).rows
    assert [(r.uri, r.split) for r in rows] == [("00001.mp4", "train"), ("00002.mp4", "test")]


def test_a_table_inside_the_root_is_not_taken_for_a_file_of_the_corpus(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = [*lay_out(str(tmp_path), "folders"), "--out", str(tmp_path / "labels.csv")]
    assert main(argv) == 0
    first = capsys.readouterr().out
    assert main(argv) == 0
    assert capsys.readouterr().out == first


@pytest.mark.parametrize(
    "argv, message",
    [
        (["--corpus", "dfew", "--root", "gone"], "gone is not a folder that can be read"),
        (["--corpus", "dfew", "--root", "empty"], "empty holds no file"),
        (["--corpus", "dfew", "--root", "joy"], "no list below "),
        (["--corpus", "dfew", "--root", "joy", "--lists", "gone"], "gone is not a folder"),
        (["--corpus", "csv", "--root", "joy"], "--corpus csv needs --table, the CSV or Parquet"),
        (["--corpus", "afew", "--root", "joy", "--table", "x"],
         "--table applies to --corpus csv only, got afew"),
        (["--corpus", "csv", "--root", "joy", "--table", "x", "--subset", "compound"],
         "--subset applies to --corpus mafw only, got csv"),
        (["--corpus", "dfew", "--root", "joy", "--subject-pattern", "x"],
         "--subject-pattern applies to --corpus folders only, got dfew"),
        (["--corpus", "dfew", "--root", "joy", "--uri-column", "x"],
         "--uri-column applies to --corpus csv only, got dfew"),
        (["--corpus", "folders", "--root", ".", "--fold", "1"], "--fold 1: folders has no folds"),
        (["--corpus", "folders", "--root", ".", "--map", "joy"], "'joy' must be NAME=LABEL"),
        (["--corpus", "folders", "--root", ".", "--val-share", "1"], "together below 1"),
        (["--corpus", "folders", "--root", ".", "--label-set", "one"], "two or more different"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_line(
    argv: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "empty").mkdir()
    lay_out(str(tmp_path), "folders")
    monkeypatch.chdir(tmp_path)
    assert main([*argv, "--out", "labels.csv"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert message in line
    assert not (tmp_path / "labels.csv").exists()


def test_another_table_is_not_overwritten(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    argv = lay_out(f"{store}/v", "folders")
    storage.write_bytes(f"{store}/labels.csv", b"uri,subject_id,label\n")
    assert main([*argv, "--out", f"{store}/labels.csv"]) == 2
    assert "exists and has other content; name another --out" in capsys.readouterr().err
    assert storage.read_bytes(f"{store}/labels.csv") == b"uri,subject_id,label\n"


@pytest.mark.parametrize("codec", ["flv", "libx264"])
def test_flash_video_as_crema_d_ships_it_is_read(codec: str, tmp_path: Path) -> None:
    path = number_video(tmp_path / "1001_DFA_ANG_XX.flv", 30, codec=codec)
    frames = sample_frames(path, sample_fps=5, limits=Limits(), facts=VideoFacts())
    assert [read_number(frame.image) for frame in frames] == [0, 5, 10, 15, 20, 25]
