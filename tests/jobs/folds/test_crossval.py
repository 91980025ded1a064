"""Cross-validation: folds, the training data of a fold, and one run over three folds."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pytest

from emotion import storage
from emotion.errors import InputError
from emotion.evaluate.evaluation import evaluate_outcomes
from emotion.evaluate.fold_figures import over_folds
from emotion.evaluate.outcome import Outcome
from jobs.crossval import main
from jobs.folds.folds import deal_folds, fold_splits, read_folds, write_view
from tests.helpers.tiny_dataset import LABELS, SPEC, Rows, a_video, add, tables_of, write_dataset

pytestmark = pytest.mark.large


def picture(label: str, rng: np.random.Generator) -> bytes:
    """Return a crop whose brightness depends on the label."""
    image = rng.integers(0, 40, (16, 16, 3)).astype(np.uint8) + (180 if label == "happy" else 0)
    return bytes(cv2.imencode(".jpg", image.astype(np.uint8))[1])


def three_folds(*, per_fold: int = 2, **changes: str | None) -> Rows:
    """Return three folds of subjects with a video of each label.

    Args:
        per_fold: subjects per fold.
        changes: another fold of single videos, by SUBJECT_LABEL.
    """
    rng = np.random.default_rng(0)
    empty: Rows = {name: [] for name in tables_of(a_video("x", "x", "happy", "train"))}
    rows = empty
    for fold in ("1", "2", "3"):
        for number in range(per_fold):
            for label in LABELS:
                subject = f"s{fold}{number}"
                video = a_video(f"{subject}-{label}", subject, label, "train")
                chosen = changes.get(f"{subject}_{label}", fold)
                for name in ("videos", "clips"):
                    video[name][0]["fold"] = chosen
                video["clips"][0]["crops"] = [picture(label, rng) for _ in range(SPEC.clip_len)]
                rows = add(rows, video)
    return rows


def write(folder: Path, rows: Rows) -> str:
    uri = str(folder)
    write_dataset(uri, tables_of(rows))
    report = {"success": True, "spec_digest": SPEC.digest}
    storage.write_json(f"{uri}/validation/report.json", report)
    storage.write_json(f"{uri}/_SUCCESS", {"counts": {}})
    return uri


def test_folds_are_read_in_order(tmp_path: Path) -> None:
    folds = read_folds(write(tmp_path / "d", three_folds()), by="fold")
    assert list(folds) == ["1", "2", "3"]
    assert sorted({video.subject_id for video in folds["2"]}) == ["s20", "s21"]


@pytest.mark.parametrize(
    "by, changes, message",
    [
        ("dialect", {}, "has no such column; it has video_id, uri"),
        ("corpus", {}, "--by corpus: video s10-neutral.mp4 has none"),
        ("fold", {"s10_happy": None}, "video s10-happy.mp4 has none"),
        ("fold", {"s10_happy": "2"}, "subject s10 is in folds 1, 2"),
        ("split", {}, r"has 1 folds \(train\); at least 3"),
    ],
    ids=["column", "empty", "one empty", "a subject in two", "too few"],
)
def test_refused_folds(tmp_path: Path, by: str, changes: dict[str, Any], message: str) -> None:
    uri = write(tmp_path / "d", three_folds(**changes))
    with pytest.raises(InputError, match=message):
        read_folds(uri, by=by)


def test_folds_are_dealt_by_subject(tmp_path: Path) -> None:
    uri = write(tmp_path / "d", three_folds())
    three = deal_folds(uri, num_folds=3)
    assert list(three) == ["1", "2", "3"]
    people = [{video.subject_id for video in videos} for videos in three.values()]
    assert [len(its) for its in people] == [2, 2, 2] and len(set.union(*people)) == 6
    assert all(
        Counter(v.label for v in videos) == dict.fromkeys(LABELS, 2) for videos in three.values()
    )
    each = deal_folds(uri, num_folds=None)
    assert list(each) == ["s10", "s11", "s20", "s21", "s30", "s31"]
    assert {video.fold for video in each["s20"]} == {"s20"}
    with pytest.raises(InputError, match="has 6 subjects; at least 7 are needed"):
        deal_folds(uri, num_folds=7)


@pytest.mark.parametrize(
    "flags, error",
    [
        (["--split", "kfold:2"], "at least kfold:3 is needed"),
        (["--split", "kfold"], "must be column, kfold:N or subject, got kfold"),
        (["--split", "kfold:x"], "must be column, kfold:N or subject, got kfold:x"),
        (["--split", "subject", "--by", "corpus"], "leave out --by and --matrix"),
        (["--split", "kfold:5", "--matrix"], "leave out --by and --matrix"),
    ],
)
def test_refused_splits(
    flags: list[str], error: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--dataset", "d", "--out", str(tmp_path / "out"), *flags]) == 2
    assert error in capsys.readouterr().err


def test_a_view_has_no_clip_of_the_test_fold(store: str, tmp_path: Path) -> None:
    uri = write(tmp_path / "d", three_folds())
    folds = read_folds(uri, by="fold")
    split_of = fold_splits(folds, "3")
    write_view(uri, f"{store}/view", split_of=split_of, facts={"test": "3"})
    clips = storage.read_tables(f"{store}/view/clips").to_pylist()
    assert {(row["fold"], row["split"]) for row in clips} == {("1", "val"), ("2", "train")}
    assert len(clips) == 8
    before = {
        row["clip_id"]: row["crops"] for row in storage.read_tables(f"{uri}/clips").to_pylist()
    }
    assert all(row["crops"] == before[row["clip_id"]] for row in clips)
    marker = storage.read_json(f"{store}/view/_SUCCESS")
    assert marker["test"] == "3" and marker["source"] == uri
    storage.write_table(f"{store}/view/clips/part-00000.parquet", pa.table({"kept": [1]}))
    write_view(uri, f"{store}/view", split_of=split_of, facts={"test": "3"})
    assert storage.read_tables(f"{store}/view/clips").column_names == ["kept"]


def test_mean_and_deviation_over_folds() -> None:
    """Check WAR of 1, 1/2 and 0: the mean is 1/2, the sample deviation 1/2."""
    said = {"1": ("up", "up"), "2": ("up", "down"), "3": ("down", "down")}
    folds = {
        name: evaluate_outcomes(
            [Outcome(f"{n}", f"{n}", "up", label) for n, label in enumerate(pair)],
            labels=("up", "down"),
        )
        for name, pair in said.items()
    }
    found = over_folds(folds)
    assert found["war"] == pytest.approx({"mean": 0.5, "deviation": 0.5})
    assert found["coverage"] == {"mean": 1.0, "deviation": 0.0}
    assert "ece" not in found  # no probabilities


@pytest.mark.parametrize(
    "flags, message",
    [("--dataset x", "may not hold --dataset"), ("--epochs '2", "cannot be read as flags")],
    ids=["own flag", "quotes"],
)
def test_refused_flags(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: str, message: str
) -> None:
    uri = write(tmp_path / "d", three_folds())
    arguments = ["--dataset", uri, "--out", str(tmp_path / "o"), f"--train={flags}"]
    assert main(arguments) == 2
    assert message in capsys.readouterr().err


@pytest.mark.slow
def test_three_folds_from_end_to_end(
    tmp_path: Path, local_ray: None, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = three_folds(per_fold=3)
    without_clip = a_video("quiet", "s10", "happy", "train")["videos"][0]
    rows["videos"].append(without_clip | {"fold": "1", "num_clips": 0, "reason": "no_face"})
    uri, out = write(tmp_path / "d", rows), str(tmp_path / "out")
    flags = "--epochs 2 --workers 1 --batch-size 4 --lr 0.01"
    arguments = ["--dataset", uri, "--out", out, f"--train={flags}"]
    assert main(arguments) == 0
    metrics = storage.read_json(f"{out}/metrics.json")
    assert metrics["n_videos"] == 19 and metrics["n_subjects"] == 9
    assert metrics["missing"] == {"no_face": 1}
    wars = [storage.read_json(f"{out}/fold-{n}/metrics.json")["war"] for n in (1, 2, 3)]
    assert metrics["over_folds"]["war"]["mean"] == pytest.approx(np.mean(wars))
    assert metrics["over_folds"]["war"]["deviation"] == pytest.approx(np.std(wars, ddof=1))
    assert metrics["folds"]["1"]["coverage"] == pytest.approx(6 / 7)
    assert metrics["ece_uncalibrated"] is not None
    table = storage.read_tables(out + "/fold-1/view/clips").to_pylist()
    assert {row["fold"] for row in table} == {"2", "3"}
    assert main(arguments) == 0  # resumes: every fold's run is finished
    assert "is finished: nothing to do" in capsys.readouterr().out
    assert storage.read_json(f"{out}/metrics.json") == metrics
    assert main([*arguments[:-1], "--train=--epochs 3"]) == 2
    assert "was made with train" in capsys.readouterr().err
