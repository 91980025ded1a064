"""Folds, splits and labels, which every importer shares."""

from __future__ import annotations

import pytest

from emotion.corpora.archive import Archive, find_videos
from emotion.corpora.importer import NUM_FOLDS
from emotion.corpora.subjects import split_subjects
from emotion.corpora.table import Unused, dataset_label, parse_map
from emotion.errors import InputError
from emotion.labels import LABELS
from tests.helpers.corpora import imported, named


@pytest.mark.parametrize(
    "corpus, fold, message",
    [
        ("meld", 1, "meld has no folds; crema-d, ravdess"),
        ("crema-d", 6, "crema-d has the folds 1 to 5"),
        ("ravdess", 0, "ravdess has the folds 1 to 6"),
    ],
)
def test_a_fold_that_is_none(corpus: str, fold: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        imported(corpus, named("a.mp4"), fold=fold)


@pytest.mark.parametrize("rule", ["subject", "none"])
def test_a_fold_and_another_split(rule: str) -> None:
    with pytest.raises(InputError, match=f"--fold 1 takes the owner's split; --split {rule} does"):
        imported("savee", named("DC/a01.avi"), fold=1, split=rule)


CREMA_ACTORS = [f"{actor}_DFA_ANG_XX.flv" for actor in range(1001, 1092)]
RAVDESS_ACTORS = [f"Actor_{n:02d}/01-01-05-01-01-01-{n:02d}.mp4" for n in range(1, 25)]
SAVEE_SPEAKERS = [f"{name}/a01.avi" for name in ("DC", "JE", "JK", "KL")]


@pytest.mark.parametrize(
    "corpus, names, fold, sizes, tested",
    [
        ("crema-d", CREMA_ACTORS, 1, (66, 7, 18), range(1001, 1019)),
        ("crema-d", CREMA_ACTORS, 5, (65, 7, 19), range(1073, 1092)),
        ("ravdess", RAVDESS_ACTORS, 2, (18, 2, 4), range(5, 9)),
        ("savee", SAVEE_SPEAKERS, 3, (2, 1, 1), ["JK"]),
    ],
)
def test_a_fold_is_tested_and_val_is_carved_from_the_rest(
    corpus: str, names: list[str], fold: int, sizes: tuple[int, ...], tested: list[object]
) -> None:
    result = imported(corpus, named(*names), fold=fold)
    subjects = {
        part: {clip.subject_id for clip, _, split in result.rows if split == part}
        for part in ("train", "val", "test")
    }
    assert tuple(len(group) for group in subjects.values()) == sizes
    assert {s.rpartition("-")[2].lstrip("0") for s in subjects["test"]} == {str(t) for t in tested}
    assert {c.fold for c, _, split in result.rows if split == "test"} == {str(fold)}
    assert {c.fold for c, _, _ in result.rows} == {str(k + 1) for k in range(NUM_FOLDS[corpus])}


@pytest.mark.parametrize(
    "rule, splits", [("official", {"train", "val", "test"}), ("none", {""})]
)  # fmt: skip
def test_a_split_without_a_fold(rule: str, splits: set[str]) -> None:
    result = imported("savee", named(*SAVEE_SPEAKERS), split=rule)
    assert {split for _, _, split in result.rows} == splits


def test_the_table_depends_on_the_seed_and_not_on_the_order() -> None:
    first = imported("ravdess", named(*RAVDESS_ACTORS), seed=3)
    again = imported("ravdess", Archive("/none", tuple(RAVDESS_ACTORS[::-1])), seed=3)
    other = imported("ravdess", named(*RAVDESS_ACTORS), seed=4)
    assert first.table == again.table
    assert [s for _, _, s in first.rows] != [s for _, _, s in other.rows]


@pytest.mark.parametrize(
    "num, val_share, test_share, expected",
    [
        (0, 0.1, 0.1, (0, 0, 0)),
        (1, 0.1, 0.1, (1, 0, 0)),
        (2, 0.1, 0.1, (1, 0, 1)),
        (3, 0.1, 0.1, (1, 1, 1)),
        (3, 0.5, 0.4, (1, 1, 1)),
        (24, 0.1, 0.15, (18, 2, 4)),
        (100, 0.0, 0.2, (80, 0, 20)),
        (100, 0.1, 0.0, (90, 10, 0)),
    ],
)
def test_split_sizes(num: int, val_share: float, test_share: float, expected: object) -> None:
    names = [f"s{k}" for k in range(num)]
    result = split_subjects(names, seed=1, val_share=val_share, test_share=test_share)
    parts = list(result.values())
    assert sorted(result) == sorted(names)
    assert tuple(parts.count(p) for p in ("train", "val", "test")) == expected


@pytest.mark.parametrize("val_share, test_share", [(-0.1, 0.1), (0.5, 0.5)])
def test_shares_that_leave_no_train(val_share: float, test_share: float) -> None:
    with pytest.raises(InputError, match="together below 1"):
        split_subjects(["a"], seed=0, val_share=val_share, test_share=test_share)


def test_every_file_is_a_row_or_unused() -> None:
    names = (*RAVDESS_ACTORS, "Actor_01/02-01-05-01-01-01-01.mp4", "a.wav", "b.txt", "c.mp4")
    result = imported("ravdess", named(*names))
    paths = [clip.uri for clip, _, _ in result.rows] + [item.path for item in result.unused]
    assert sorted(paths) == sorted(names)


def test_labels_that_we_do_not_have() -> None:
    names = named("Actor_01/01-01-02-01-01-01-01.mp4", "Actor_01/01-01-03-01-01-01-01.mp4")
    kept = imported("ravdess", names)
    assert [label for _, label, _ in kept.rows] == ["calm", "happy"]
    assert any("1 calm" in note and "unknown_label" in note for note in kept.notes)
    dropped = imported("ravdess", names, drop_other=True)
    assert [label for _, label, _ in dropped.rows] == ["happy"]
    assert dropped.unused == (Unused("Actor_01/01-01-02-01-01-01-01.mp4", "other_label"),)
    mapped = imported("ravdess", names, mapping=(("calm", "neutral"),), drop_other=True)
    assert [label for _, label, _ in mapped.rows] == ["neutral", "happy"]
    declared = imported("ravdess", names, label_set=("calm", "joy"))
    assert [label for _, label, _ in declared.rows] == ["calm", "happy"]


@pytest.mark.parametrize(
    "source, label",
    [
        ("joy", "happy"), ("Happiness", "happy"), ("Anger", "angry"), ("sadness", "sad"),
        ("fearful", "fear"), ("surprised", "surprise"), ("Disgust", "disgust"),
        ("Neutral", "neutral"), ("neutral", "neutral"), ("calm", "calm"), ("Contempt", "Contempt"),
        ("anger_disgust", "anger_disgust"),
    ],
)  # fmt: skip
def test_words_for_labels(source: str, label: str) -> None:
    assert dataset_label(source, mapping={}, label_set=LABELS) == label


def test_a_word_for_a_label_outside_the_set_stays_as_written() -> None:
    assert dataset_label("Joy", mapping={}, label_set=("calm", "tense")) == "Joy"


@pytest.mark.parametrize("text", ["joy", "joy=", "=happy", "joy=happy,joy=sad"])
def test_a_map_that_is_none(text: str) -> None:
    with pytest.raises(InputError, match="must be NAME=LABEL, each name once"):
        parse_map(text)


@pytest.mark.parametrize(
    "name, expected",
    [
        ("1", ("a/1.mp4", "b/x/1.avi")),
        ("1.mp4", ("a/1.mp4", "b/x/1.avi")),
        ("x/1", ("b/x/1.avi",)),
        ("/1", ()),
        ("x/1.5", ()),
        ("2", ()),
        ("", ()),
        ("11", ("b/11.mkv",)),
    ],
)
def test_find(name: str, expected: tuple[str, ...]) -> None:
    assert find_videos(named("a/1.mp4", "b/x/1.avi", "b/11.mkv", "2.txt"), name) == expected
