"""Model card: written from facts, and extended by the figures of a test."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emotion import storage
from emotion.errors import PackageError
from emotion.evaluate.calibration import ece
from emotion.evaluate.evaluation import evaluate_outcomes
from emotion.evaluate.outcome import Outcome
from emotion.evaluate.val_figures import ClipColumns, clip_outcomes, val_figures
from emotion.package.card import model_card, with_test
from emotion.package.model_package import (
    ModelPackage,
    add_to_card,
    load_package,
    pack_tar,
    save_package,
)
from emotion.train.recipe import Recipe
from jobs import evaluate as job
from tests.helpers.small_package import LABELS, a_package
from tests.jobs.test_evaluate import LINES, write_labels, write_scores

COUNTS = {"calm": 30, "tense": 1200, "other": 0}
TRAINING: dict[str, Any] = {
    "dataset": "archive",
    "dataset_digest": "0123abcd",
    "split_by": "the label table",
    "corpora": {"one": 1000, "two": 20},
    "train_clips": 1230,
    "train_subjects": 41,
    "train_counts": COUNTS,
    "val_clips": 3,
    "val_subjects": 2,
    "val_counts": {"calm": 2, "tense": 1, "other": 0},
    "test_clips": 7,
    "test_subjects": 1,
    "test_counts": {"calm": 7, "tense": 0, "other": 0},
    "epochs": 9,
    "best_epoch": 4,
    "batch_size": 16,
    "seed": 0,
    "git_commit": "f" * 40,
    "recipe": vars(Recipe(60, 0.002, mixup=0.3, backbone_lr=0.1)) | {"augment": {"flip": 0.5}},
    "pretrained_report": {"source": "KINETICS400_V1", "num_tensors": 118, "new": ["fc.weight"]},
}
KNOWN = {
    "c0": ClipColumns("anna", {"light": "dark"}),
    "c1": ClipColumns("anna", {"light": "bright"}),
    "c2": ClipColumns("bert", {"light": "bright"}),
}
LOGITS = np.array([[2, 0, 0], [0, 2, 0], [0, 2, 0]], np.float32)
TARGETS = np.array([0, 0, 1])


def figures(*names: str) -> dict[str, Any]:
    """Return figures of three clips: anna's two calm ones, right and wrong, and bert's, right."""
    outcomes = clip_outcomes(LOGITS, TARGETS, names, KNOWN, labels=LABELS, temperature=2.0)
    return val_figures(outcomes, labels=LABELS, columns=("light", "face_px"))


def test_figures_of_val_are_worked_out_by_hand() -> None:
    val = figures("c0", "c1", "c2")
    assert val["war"] == pytest.approx(2 / 3)
    assert val["uar"] == pytest.approx((1 / 2 + 1) / 2)
    # WAR of draws of two people: anna twice 1/2, bert twice 1, both 2/3.
    assert val["war_interval"] == (0.5, 1.0)
    assert (val["n_clips"], val["n_subjects"]) == (3, 2)
    e = np.e
    assert val["ece"] == pytest.approx(ece([e / (e + 2)] * 3, [1, 0, 1]))
    assert val["ece_uncalibrated"] == pytest.approx(ece([e**2 / (e**2 + 2)] * 3, [1, 0, 1]))
    assert list(val["slices"]) == ["light"]
    bright, dark = val["slices"]["light"]["groups"]
    assert (bright["name"], bright["n_videos"], bright["figures"]["war"]) == ("bright", 2, 0.5)
    assert (dark["name"], dark["n_subjects"], dark["figures"]["war"]) == ("dark", 1, 1.0)


def test_a_checkpoint_without_names_has_no_intervals() -> None:
    assert figures() == {}


def facts(**changes: object) -> dict[str, Any]:
    package = replace(a_package(), training=TRAINING, metrics=figures("c0", "c1", "c2"))
    return package.facts() | {"model_id": package.model_id} | changes


@pytest.mark.parametrize(
    "line",
    [
        "- dataset: archive",
        "- digest: 0123abcd",
        "- split of people by: the label table",
        "- corpora: one (1,000 videos), two (20 videos)",
        "| split | people | clips | calm | tense | other |",
        "| train | 41 | 1,230 | 30 | 1,200 | 0 |",
        "| test | 1 | 7 | 7 | 0 | 0 |",
        "- started from: KINETICS400_V1, 118 tensors; new were fc.weight",
        "- seed: 0",
        "- epochs run: 9 (best: 4)",
        f"- git commit: {'f' * 40}",
        "| WAR (share that is right) | 0.667 | 0.500 to 1.000 |",
        "| bright | 2 | 2 | 0.500 (0.000 to 1.000) | 0.500 (0.000 to 1.000) |",
        "- It was trained on 41 people, and chosen on 2.",
        "- The rarest label in training is calm, with 30 clips.",
        "- The train split had no clip of: other.",
        "- The val split had no clip of: other.",
    ],
)
def test_a_card_says(line: str) -> None:
    assert line in model_card(facts()).splitlines()


@pytest.mark.parametrize(
    "words",
    [
        "AdamW at 0.002 with weight decay 0.05",
        "mixup 0.3",
        "learning rate of the backbone times 0.1; augmentation: flip 0.5",
        "On 3 clips of 2 people; intervals come from drawing people",
        "So few people (2)",
        "torch 2.",
        "Largest difference in UAR: ",
    ],
)
def test_a_card_has_the_words(words: str) -> None:
    assert words in model_card(facts())


def test_a_card_of_no_facts_is_a_card() -> None:
    """Card of a package that an earlier release wrote."""
    card = model_card(facts(training={}, metrics={}, versions={}))
    assert "- dataset: not recorded" in card and "Nothing was recorded." in card
    assert "workplace" in card


def a_test(model_id: str) -> dict[str, Any]:
    outcomes = [
        Outcome("a", "s1", "calm", "calm"),
        Outcome("b", "s2", "tense", None, "no_face"),
    ]
    return evaluate_outcomes(outcomes, labels=LABELS).to_json() | {"model_id": model_id}


def saved(tmp_path: Path) -> tuple[str, ModelPackage]:
    package = replace(a_package(), training=TRAINING)
    save_package(str(tmp_path / "package"), package)
    return str(tmp_path / "package"), package


def test_a_tests_figures_are_added_once_and_the_model_stays(tmp_path: Path) -> None:
    folder, package = saved(tmp_path)
    plain = storage.read_bytes(f"{folder}/card.md").decode()
    for name in ("scores, split test", "others, split all", "scores, split test"):
        add_to_card(folder, a_test(package.model_id), name=name)
    card = storage.read_bytes(f"{folder}/card.md").decode()
    sections = [line for line in card.splitlines() if line.startswith("## ")]
    assert sections[-2:] == ["## Tested on others, split all", "## Tested on scores, split test"]
    assert len(sections) == plain.count("\n## ") + 2
    assert card.startswith(plain.rstrip("\n"))
    for line in (
        "| WAR (share that is right) | 0.500 | 0.000 to 1.000 |",
        "| coverage (share with a prediction) | 0.500 |  |",
        "| true \\ predicted | calm | tense | other | no prediction |",
        "| tense | 0 | 0 | 0 | 1 |",
    ):
        assert card.count(line) == 2, line
    assert load_package(folder) == package
    assert load_package(folder).model_id == package.model_id


def test_an_archive_keeps_the_folders_card(tmp_path: Path) -> None:
    import tarfile

    folder, package = saved(tmp_path)
    add_to_card(folder, a_test(package.model_id), name="scores, split test")
    pack_tar(folder, str(tmp_path / "model.tar.gz"))
    with tarfile.open(tmp_path / "model.tar.gz") as tar:
        file = tar.extractfile("card.md")
        assert file is not None
        assert file.read() == storage.read_bytes(f"{folder}/card.md")


@pytest.mark.parametrize(
    "where, model_id, says",
    [
        ("package", "another", "the figures are of another"),
        ("model.tar.gz", "", "is an archive: name its folder"),
        ("gone", "", "gone does not exist; name a folder"),
    ],
)
def test_refuses_to_write_a_card(tmp_path: Path, where: str, model_id: str, says: str) -> None:
    saved(tmp_path)
    with pytest.raises(PackageError, match=says):
        add_to_card(str(tmp_path / where), a_test(model_id), name="x")


def test_with_test_is_the_same_twice() -> None:
    card = model_card(facts())
    once = with_test(card, a_test("m"), name="x")
    assert with_test(once, a_test("m"), name="x") == once


def test_the_job_writes_the_card(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, _ = saved(tmp_path)
    relabelled = replace(a_package(labels=("up", "down", "odd")), training={})
    save_package(folder, relabelled)
    scores = write_scores(str(tmp_path / "scores"))
    config = json.loads((tmp_path / "scores/config.json").read_text())
    storage.write_json(f"{scores}/config.json", config | {"model_id": relabelled.model_id})
    labels = write_labels(str(tmp_path / "labels.csv"), *LINES)
    argv = ["--scores", scores, "--labels", labels, "--out", str(tmp_path / "eval")]
    argv += ["--update-card"]
    assert job.main(argv) == 2
    assert "--update-card needs --package" in capsys.readouterr().err
    assert job.main([*argv, "--package", folder]) == 0
    card = storage.read_bytes(f"{folder}/card.md").decode()
    assert "## Tested on scores, split test" in card
    assert "On 5 videos of 3 people" in card
    assert load_package(folder).model_id == relabelled.model_id
