"""Corpora that are labelled by lists: the lists as they are shipped, beside empty files."""

from __future__ import annotations

from pathlib import Path

import pytest

from emotion.errors import InputError
from tests.helpers.corpora import (
    Files,
    imported,
    rows,
    unused_reasons,
    videos,
    written,
)

DFEW = videos(
    "Clip/original/00001.mp4",
    "Clip/original/00002.mp4",
    "Clip/clip_224x224_avi/00002.avi",
    "Clip/original/00003.mp4",
    "Clip/original/16372.mp4",
    "Clip/original/00009.mp4",
    "Clip/clip_224x224_16f/00001/00001_1.jpg",
) | {
    "EmoLabel_DataSplit/train(single-labeled)/set_1.csv": "video_name,label\n2,2\n3,7\n4,1\n",
    "EmoLabel_DataSplit/test(single-labeled)/set_1.csv": "video_name,label\n1,1\n",
    "EmoLabel_DataSplit/train(single-labeled)/set_2.csv": "video_name,label\n1,1\n16372,6\n",
    "EmoLabel_DataSplit/test(single-labeled)/set_2.csv": "video_name,label\n2,2\n",
}


def test_dfew_one_fold(tmp_path: Path) -> None:
    result = imported("dfew", written(tmp_path, DFEW), fold=1, val_share=0.0)
    assert rows(result) == [
        ("Clip/original/00001.mp4", "dfew-00001", "happy", "test", "1"),
        ("Clip/original/00002.mp4", "dfew-00002", "sad", "train", "2"),
        ("Clip/original/00003.mp4", "dfew-00003", "fear", "train", None),
    ]
    assert unused_reasons(result) == {
        "00004": "missing",
        "Clip/clip_224x224_avi/00002.avi": "other_version",
        "Clip/original/16372.mp4": "not_in_fold",
        "Clip/original/00009.mp4": "not_listed",
    }


def test_dfew_all_folds(tmp_path: Path) -> None:
    result = imported("dfew", written(tmp_path, DFEW), split="none")
    assert [(r[1], r[2], r[4]) for r in rows(result)] == [
        ("dfew-00001", "happy", "1"),
        ("dfew-00002", "sad", "2"),
        ("dfew-00003", "fear", None),
        ("dfew-16372", "disgust", None),
    ]
    assert result.notes == ()


@pytest.mark.parametrize(
    "train, test",
    [
        ("EmoLabel_DataSplit/train(single_labeled)/set_3.csv", "x/test(single_labeled)/set_3.csv"),
        ("train/set_3.csv", "test/set_3.csv"),
        ("label/single_trainset_3.csv", "label/single_testset_3.csv"),
    ],
)
def test_dfew_lists_under_other_names(train: str, test: str, tmp_path: Path) -> None:
    lists = {train: "video_name,label\n1,4\n2,3\n", test: "video_name,label\n3,5\n"}
    result = imported(
        "dfew", written(tmp_path, videos("00001.mp4", "00002.mp4", "00003.mp4") | lists), fold=3
    )
    assert [r[2] for r in rows(result)] == ["angry", "neutral", "surprise"]
    assert sorted(str(r[3]) for r in rows(result)) == ["test", "train", "val"]


def test_lists_that_disagree_on_a_label(tmp_path: Path) -> None:
    lists = {
        "train/set_1.csv": "video_name,label\n1,1\n2,3\n",
        "test/set_2.csv": "video_name,label\n1,2\n2,3\n",
    }
    result = imported("dfew", written(tmp_path, videos("00001.mp4", "00002.mp4") | lists))
    assert [(r[1], r[2], r[4]) for r in rows(result)] == [("dfew-00002", "neutral", "2")]
    assert unused_reasons(result) == {"00001.mp4": "two_labels"}


MAFW = videos("data/clips/00001.mp4", "data/clips/00002.mp4", "data/clips/00003.mp4") | {
    "Train & Test Set/single/no_caption/set_1/train.txt": "00001.mp4 anger\n00003.mp4 contempt\n",
    "Train & Test Set/single/no_caption/set_1/test.txt": "00002.mp4 happiness\n",
    "Train & Test Set/compound/no_caption/set_1/train.txt": "00001.mp4 anger_disgust\n",
    "Train & Test Set/compound/no_caption/set_1/test.txt": "00003.mp4 sadness\n",
    "Train & Test Set/single/with_caption/set_1/train.txt": "00001.mp4\tanger\tx\ty\n",
}


@pytest.mark.parametrize(
    "subset, expected",
    [
        (
            "single",
            [
                ("data/clips/00001.mp4", "mafw-00001", "angry", "train", None),
                ("data/clips/00002.mp4", "mafw-00002", "happy", "test", "1"),
                ("data/clips/00003.mp4", "mafw-00003", "contempt", "train", None),
            ],
        ),
        (
            "compound",
            [
                ("data/clips/00001.mp4", "mafw-00001", "anger_disgust", "train", None),
                ("data/clips/00003.mp4", "mafw-00003", "sad", "test", "1"),
            ],
        ),
    ],
)
def test_mafw(subset: str, expected: list[tuple[str, ...]], tmp_path: Path) -> None:
    result = imported("mafw", written(tmp_path, MAFW), fold=1, val_share=0.0, subset=subset)
    assert rows(result) == expected


FERV39K = videos(
    "1_Clips/Action/Happy/0267.mp4",
    "1_Clips/Crime/Happy/0267.mp4",
    "1_Clips/Action/Sad/0010.mp4",
    "2_ClipsforFaceCrop/Action/Happy/0267/00.jpg",
) | {
    "4_setups/All_scenes/train_All.csv": "Action/Happy/0267 Happy\nAction/Sad/0010 Sad\n",
    "4_setups/All_scenes/test_All.csv": "Crime/Happy/0267 Happy\nWar/Fear/0001 Fear\n\n",
    "4_setups/22_scenes/train_Action.csv": "Action/Happy/0267 Happy\n",
}


def test_ferv39k(tmp_path: Path) -> None:
    result = imported("ferv39k", written(tmp_path, FERV39K), val_share=0.0)
    assert rows(result) == [
        ("1_Clips/Action/Happy/0267.mp4", "ferv39k-Action/Happy/0267", "happy", "train", None),
        ("1_Clips/Action/Sad/0010.mp4", "ferv39k-Action/Sad/0010", "sad", "train", None),
        ("1_Clips/Crime/Happy/0267.mp4", "ferv39k-Crime/Happy/0267", "happy", "test", None),
    ]
    assert unused_reasons(result) == {"War/Fear/0001": "missing"}


HEADER = "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode\n"
MELD = videos(
    "train_splits/dia0_utt0.mp4",
    "train_splits/dia0_utt1.mp4",
    "train_splits/._dia0_utt1.mp4",
    "train_splits/dia9_utt9.mp4",
    "dev_splits_complete/dia0_utt0.mp4",
    "output_repeated_splits_test/dia0_utt0.mp4",
    "output_repeated_splits_test/final_videos_testdia0_utt0.mp4",
    "output_repeated_splits_test/dia0_utt0_old.mp4",
) | {
    "train_sent_emo.csv": HEADER
    + '1,"Oh, no.\nNo!",Ross,joy,positive,0,0,4,7\n2,What?,Monica,sadness,negative,0,1,4,7\n'
    + "3,Gone,Ross,anger,negative,7,3,4,7\n",
    "dev_sent_emo.csv": HEADER + "1,Hi,Ross,neutral,neutral,0,0,4,7\n",
    "test_sent_emo.csv": HEADER + "1,Hi,Ross,surprise,positive,0,0,4,7\n",
}


def test_meld(tmp_path: Path) -> None:
    result = imported("meld", written(tmp_path, MELD))
    final = "output_repeated_splits_test/final_videos_testdia0_utt0.mp4"
    assert rows(result) == [
        ("dev_splits_complete/dia0_utt0.mp4", "meld-val-dia0", "neutral", "val", None),
        (final, "meld-test-dia0", "surprise", "test", None),
        ("train_splits/dia0_utt0.mp4", "meld-train-dia0", "happy", "train", None),
        ("train_splits/dia0_utt1.mp4", "meld-train-dia0", "sad", "train", None),
    ]
    assert [c.source_label for c, _, _ in result.rows] == ["neutral", "surprise", "joy", "sadness"]
    assert unused_reasons(result) == {
        "train: dia7_utt3": "missing",
        "train_splits/dia9_utt9.mp4": "not_listed",
        "output_repeated_splits_test/dia0_utt0.mp4": "other_version",
        "output_repeated_splits_test/dia0_utt0_old.mp4": "other_name",
    }


def test_meld_by_speaker(tmp_path: Path) -> None:
    result = imported("meld", written(tmp_path, MELD), split="subject")
    assert {(r[1], r[3]) for r in rows(result)} in (
        {("meld-ross", "train"), ("meld-monica", "test")},
        {("meld-ross", "test"), ("meld-monica", "train")},
    )


def test_meld_as_unpacked_by_hand(tmp_path: Path) -> None:
    files = videos("test/MELD.Raw/train/train_splits/dia2_utt10.mp4") | {
        "annotations/train_sent_emo.csv": HEADER + "1,Hi,Ross,fear,negative,2,10,4,7\n"
    }
    result = imported("meld", written(tmp_path, files))
    assert [r[1:4] for r in rows(result)] == [("meld-train-dia2", "fear", "train")]
    assert "no dev_sent_emo.csv, test_sent_emo.csv below" in result.notes[0]


@pytest.mark.parametrize(
    "corpus, files, options, message",
    [
        ("dfew", {}, {}, r"looked for EmoLabel_DataSplit/train\(single-labeled\)/set_1.csv"),
        ("dfew", DFEW, {"fold": 3}, "fold 3 needs two lists, of train and of test"),
        ("dfew", {"train/set_1.csv": "name,label\n1,1\n"}, {}, "set_1.csv lacks column video_name"),
        ("dfew", {"train/set_1.csv": "video_name,label\n1,8\n"}, {}, "label '8' of 1 is not one"),
        ("dfew", {"train/set_1.csv": "video_name,label\n7,1\n"}, {},
         "none of the 1 clips that the lists name is below .*: looked for 00007, found 1 .mp4"),
        ("mafw", {}, {}, "looked for Train & Test Set/single/no_caption/set_1/train.txt"),
        ("mafw", {"single/no_caption/set_1/train.txt": "00001.mp4 rage\n"}, {},
         "label 'rage' of 00001.mp4 is not one of anger, disgust"),
        ("mafw", {"single/no_caption/set_1/train.txt": "\n00001.mp4\n"}, {},
         "train.txt, line 2: '00001.mp4' must be a clip, a blank and its label"),
        ("ferv39k", {}, {}, "looked for 4_setups/All_scenes/train_All.csv"),
        ("ferv39k", {"train_All.csv": "Action/Happy/1 Happy\n"}, {}, "its split needs two lists"),
        ("meld", {}, {}, "looked for train_sent_emo.csv, dev_sent_emo.csv, test_sent_emo.csv"),
        ("meld", {"dev_sent_emo.csv": HEADER + "1,a,Ross,joy,positive,x,0,4,7\n"}, {},
         "dev_sent_emo.csv: 'x', '0' are not two numbers"),
        ("meld", {"dev_sent_emo.csv": HEADER + "1,a,Ross,rage,positive,0,0,4,7\n"}, {},
         "emotion 'rage' is not one of neutral, joy"),
        ("meld", {"dev_sent_emo.csv": HEADER + "1,a,Ross,joy,positive,0,0,4,7\n"}, {},
         "none of the 1 listed utterances is below .*looked for train_splits/dia0_utt0.mp4"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(
    corpus: str, files: Files, options: dict[str, object], message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message) as err:
        imported(corpus, written(tmp_path, videos("a.mp4") | files), **options)
    assert "\n" not in str(err.value)


def test_a_list_that_is_not_text(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    (tmp_path / "train/set_1.csv").write_bytes(b"video_name,label\n\xff,1\n")
    with pytest.raises(InputError, match="set_1.csv is not UTF-8 text"):
        imported("dfew", written(tmp_path, videos("00001.mp4")))
