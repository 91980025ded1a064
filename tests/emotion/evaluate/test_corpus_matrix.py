"""The cross-corpus matrix: labels of a cell, refusals, and one run over two corpora."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from emotion import storage
from emotion.evaluate.corpus_matrix import (
    MatrixCell,
    evaluate_cell,
    own_and_others,
    with_shared_labels,
)
from emotion.evaluate.evaluation import evaluate_outcomes
from emotion.evaluate.fold_figures import fold_metrics
from emotion.evaluate.outcome import Outcome
from emotion.report.crossval import crossval_report, matrix_report
from jobs.crossval import main
from jobs.folds.corpus_matrix import read_corpus_videos
from tests.helpers.pages import parsed
from tests.helpers.tiny_dataset import LABELS, SPEC, Rows, a_video, add, tables_of
from tests.jobs.folds.test_crossval import write

ALL = ("up", "down", "odd")
MANY = ("train",) * 8 + ("val",) * 2 + ("test",) * 2


def test_a_model_predicts_only_shared_labels() -> None:
    """Without the label "odd", 0.3 and 0.1 become 3/4 and 1/4; a video of "odd" is left out."""
    rows = [
        Outcome("a", "s", "up", "odd", probs=(0.3, 0.1, 0.6), uncalibrated=(0.2, 0.2, 0.6)),
        Outcome("b", "s", "odd", "odd", probs=(0.0, 0.0, 1.0)),
        Outcome("c", "s", "down", "odd", probs=(0.0, 0.0, 1.0)),
        Outcome("d", "s", "down", None, "no_face"),
    ]
    found = with_shared_labels(rows, labels=ALL, shared=("up", "down"))
    assert [(o.uri, o.predicted) for o in found] == [("a", "up"), ("c", "up"), ("d", None)]
    assert found[0].probs == pytest.approx((0.75, 0.25))
    assert found[0].uncalibrated == pytest.approx((0.5, 0.5))
    assert found[1].probs == (0.5, 0.5) and found[2].reason == "no_face"
    assert with_shared_labels([], labels=ALL, shared=ALL) == []


def test_a_cell_by_hand() -> None:
    """Train labels up, down; test labels up, down, odd: 2 of 3 right, recalls 1 and 1/2."""
    rows = [
        Outcome("a", "s", "up", "up", probs=(0.8, 0.2, 0.0)),
        Outcome("b", "t", "down", "down", probs=(0.2, 0.8, 0.0)),
        Outcome("c", "t", "down", "up", probs=(0.7, 0.3, 0.0)),
        Outcome("d", "u", "odd", "up", probs=(0.7, 0.3, 0.0)),
    ]
    cell = evaluate_cell(rows, labels=ALL, train_labels=("down", "up"), test_labels=ALL)
    assert (cell.labels, cell.left_out) == (("up", "down"), 1)
    facts = cell.to_json()
    assert facts["war"] == pytest.approx(2 / 3) and facts["uar"] == pytest.approx(3 / 4)
    assert (facts["n_videos"], facts["n_subjects"]) == (3, 2)
    assert facts["war_interval"] == pytest.approx((0.5, 1.0))


@pytest.mark.parametrize(
    "train_labels, test_labels",
    [(("up",), ALL), (ALL, ("odd",)), (("up", "down"), ("odd",))],
    ids=["one train label", "one test label", "none shared"],
)
def test_too_few_labels_in_common(
    train_labels: tuple[str, ...], test_labels: tuple[str, ...]
) -> None:
    rows = [Outcome("a", "s", test_labels[-1], "up", probs=(1.0, 0.0, 0.0))]
    cell = evaluate_cell(rows, labels=ALL, train_labels=train_labels, test_labels=test_labels)
    assert cell.evaluation is None and cell.to_json()["uar"] is None


def test_own_and_others() -> None:
    """Model a is right on a and wrong on b; model b is half right on b and has no cell on a."""

    def cell(*said: str) -> MatrixCell:
        rows = [Outcome(f"{n}", f"{n}", ALL[n], text) for n, text in enumerate(said)]
        return MatrixCell(ALL[:2], 0, evaluate_outcomes(rows, labels=ALL[:2], num_resamples=5))

    cells = {
        "a": {"a": cell("up", "down"), "b": cell("down", "up")},
        "b": {"a": MatrixCell((), 2, None), "b": cell("up", "up")},
    }
    assert own_and_others(cells)["uar"] == {"own": 0.75, "others": 0.0}
    assert own_and_others({})["war"] == {"own": None, "others": None}


def two_corpora(*, splits: tuple[str, ...] = ("train", "train", "val", "test", "test")) -> Rows:
    """Return two corpora, each with a subject per entry of ``splits`` and a video of each label."""
    rng = np.random.default_rng(0)
    rows: Rows = {name: [] for name in tables_of(a_video("x", "x", "happy", "train"))}
    for corpus in ("film", "lab"):
        for number, split in enumerate(splits):
            for label in LABELS:
                subject = f"{corpus}{number}"
                video = a_video(f"{subject}-{label}", subject, label, split)
                video["videos"][0]["corpus"] = corpus
                upper = (label == "happy") == (corpus == "film")
                video["clips"][0]["crops"] = [half(rng, upper) for _ in range(SPEC.clip_len)]
                rows = add(rows, video)
    return rows


def half(rng: np.random.Generator, upper: bool) -> bytes:
    """Return a crop that is bright in its upper or lower half."""
    image = rng.integers(0, 60, (16, 16, 3)).astype(np.uint8)
    image[slice(0, 8) if upper else slice(8, 16)] += 150
    return bytes(cv2.imencode(".jpg", image)[1])


@pytest.mark.parametrize(
    "change, message",
    [
        ({"splits": ("train", "val")}, "film has no usable video in split test"),
        ({"splits": ("train", "test")}, "film has no usable video in split val"),
        ("one", "has 1 folds (film); at least 2 are needed"),
        ("none", "video film0-neutral.mp4 has none"),
        ("torn", "subject film0 is in folds film, lab"),
    ],
    ids=["no test", "no val", "one corpus", "no corpus", "a subject in both"],
)
def test_refused_corpora(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: Any, message: str
) -> None:
    rows = two_corpora(**(change if isinstance(change, dict) else {}))
    for row in rows["videos"]:
        if change == "one":
            row["corpus"] = "film"
        if change == "none":
            row["corpus"] = None
    if change == "torn":
        rows["videos"][0]["corpus"] = "lab"
    given = ["--dataset", write(tmp_path / "d", rows), "--out", str(tmp_path / "out")]
    assert main([*given, "--by", "corpus", "--matrix"]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_corpus_may_have_a_test_video_without_clips(tmp_path: Path) -> None:
    rows = two_corpora()
    for row in rows["videos"]:
        if row["split"] == "test":
            row |= {"reason": "no_face", "num_clips": 0}
    assert list(read_corpus_videos(write(tmp_path / "d", rows), by="corpus")) == ["film", "lab"]


def test_pages(tmp_path: Path) -> None:
    rows = [Outcome(f"{n}", f"s{n}", ALL[n % 2], ALL[0], probs=(0.6, 0.4)) for n in range(4)]
    whole = evaluate_outcomes(rows, labels=ALL[:2])
    metrics = fold_metrics(whole, {"f<1>": whole, "f2": whole}, by="fold")
    page = parsed(crossval_report(metrics, confusion_png=b"png", title="three"))
    assert "f<1> 50.0% (0.0% to 100.0%)" in page.text and "2 folds by fold" in page.text
    cell = MatrixCell(ALL[:2], 1, whole).to_json()
    empty = MatrixCell((), 4, None).to_json()
    mean = {name: {"own": 0.5, "others": None} for name in ("war", "uar")}
    facts = {"model_id": "m1", "train_videos": 3, "train_subjects": 2}
    found = {"by": "corpus", "names": ["a", "b"], "mean": mean, "models": {"a": facts}}
    found["cells"] = {"a": {"a": cell, "b": empty}}
    page = parsed(matrix_report(found, plots={"uar": b"png"}, title="two"))
    assert "UAR on other corpora" in page.text and "m1" in page.text and "–" in page.text


@pytest.mark.slow
def test_two_corpora_from_end_to_end(
    tmp_path: Path, local_ray: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """A happy crop of one corpus looks neutral in the other: models are right on their own only."""
    uri, out = write(tmp_path / "d", two_corpora(splits=MANY)), str(tmp_path / "out")
    flags = "--epochs 8 --workers 1 --batch-size 4 --lr 0.005"
    given = ["--dataset", uri, "--out", out, "--by", "corpus", "--matrix"]
    assert main([*given, f"--train={flags}"]) == 0
    assert "film on lab: WAR 0.000" in capsys.readouterr().out
    metrics = storage.read_json(f"{out}/metrics.json")
    assert metrics["mean"]["uar"] == {"own": 1.0, "others": 0.0}
    cells = metrics["cells"]
    assert cells["film"]["lab"]["test_set_digest"] == cells["lab"]["lab"]["test_set_digest"]
    assert (cells["lab"]["film"]["n_videos"], cells["lab"]["film"]["n_subjects"]) == (4, 2)
    clips = storage.read_tables(f"{out}/on-lab/view/clips").to_pylist()
    assert {row["subject_id"] for row in clips} == {f"lab{n}" for n in range(10)}
    for name in ("matrix_uar.png", "matrix_war.svg", "report.html"):
        assert storage.exists(f"{out}/{name}")
    assert main([*given, f"--train={flags}"]) == 0  # resumes: both models are finished
    assert storage.read_json(f"{out}/metrics.json") == metrics
