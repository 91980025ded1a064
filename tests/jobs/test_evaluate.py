"""The figures of an evaluation: values computed by hand and scikit-learn's; and the job."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from sklearn.metrics import f1_score, precision_recall_fscore_support, recall_score

from emotion import storage
from emotion.errors import InputError
from emotion.evaluate.bootstrap import SubjectSums, bootstrap
from emotion.evaluate.evaluation import Evaluation, evaluate_outcomes
from emotion.evaluate.outcome import Outcome
from emotion.splits import assign_split
from jobs.evaluate import main
from schemas.scores import scored_videos_schema
from schemas.tables import REJECTS, SCHEMA_VERSION, rows_table

LABELS = ("up", "down", "odd")


def outcomes(*pairs: tuple[str, str | None], subject_id: str = "s") -> list[Outcome]:
    return [Outcome(f"{n}.mp4", subject_id, t, p, "no_face") for n, (t, p) in enumerate(pairs)]


def value(evaluation: Evaluation, name: str) -> float | None:
    return evaluation.figures[name].value


def test_figures_worked_out_by_hand() -> None:
    """Label up: 2 of 4 right, one without a prediction; down: 1 of 1; odd does not occur."""
    found = evaluate_outcomes(
        outcomes(("up", "up"), ("up", "up"), ("up", "down"), ("up", None), ("down", "down")),
        labels=LABELS,
    )
    assert value(found, "war") == pytest.approx(3 / 5)
    assert value(found, "uar") == pytest.approx((2 / 4 + 1) / 2)
    assert value(found, "war_covered") == pytest.approx(3 / 4)
    assert value(found, "uar_covered") == pytest.approx((2 / 3 + 1) / 2)
    assert value(found, "coverage") == pytest.approx(4 / 5)
    assert found.per_class["up"].precision == 1.0
    assert found.per_class["up"].recall == pytest.approx(0.5)
    assert found.per_class["up"].f1 == pytest.approx(2 * 0.5 / 1.5)
    assert found.per_class["down"].precision == pytest.approx(0.5)
    assert found.per_class["down"].f1 == pytest.approx(2 / 3)
    assert found.per_class["odd"].support == 0
    assert value(found, "macro_f1") == pytest.approx(2 / 3)
    assert found.confusion == ((2, 1, 0), (0, 1, 0), (0, 0, 0))
    assert found.no_prediction == (1, 0, 0)
    assert found.missing == {"no_face": 1}
    assert (found.n_videos, found.n_subjects) == (5, 1)
    assert found.figures["war"].interval is None


def test_no_video_has_a_prediction() -> None:
    found = evaluate_outcomes(outcomes(("up", None), ("down", None)), labels=LABELS)
    names = ("war", "uar", "macro_f1", "coverage")
    assert [value(found, name) for name in names] == [0.0, 0.0, 0.0, 0.0]
    assert value(found, "war_covered") is None and value(found, "uar_covered") is None


def test_nothing_to_evaluate_is_an_error() -> None:
    with pytest.raises(InputError, match="no labelled video"):
        evaluate_outcomes([], labels=LABELS)


def test_figures_are_scikit_learns() -> None:
    rng = np.random.default_rng(3)
    true = [LABELS[n] for n in rng.integers(0, 3, 200)]
    said = [(*LABELS, "none")[n] for n in rng.integers(0, 4, 200)]
    pairs = [(t, None if p == "none" else p) for t, p in zip(true, said, strict=True)]
    found = evaluate_outcomes(outcomes(*pairs), labels=LABELS)
    names = list(LABELS)
    precision, recall, f1, support = precision_recall_fscore_support(true, said, labels=names)
    for n, name in enumerate(LABELS):
        mine = found.per_class[name]
        assert (mine.precision, mine.recall) == pytest.approx((precision[n], recall[n]))
        assert (mine.f1, mine.support) == pytest.approx((f1[n], support[n]))
    assert value(found, "war") == pytest.approx(
        np.mean([t == p for t, p in zip(true, said, strict=True)])
    )
    assert value(found, "uar") == pytest.approx(
        recall_score(true, said, labels=names, average="macro")
    )
    assert value(found, "macro_f1") == pytest.approx(
        f1_score(true, said, labels=names, average="macro")
    )


def sums(counts: list[list[list[int]]]) -> SubjectSums:
    """Return sums of subjects without probabilities."""
    num = len(counts)
    none = np.zeros((num, 10, 3))
    return SubjectSums(np.array(counts, np.float64), np.zeros(num), none, none)


RIGHT, WRONG = [[1, 0], [0, 0]], [[0, 1], [0, 0]]  # one label and "no prediction"


@pytest.mark.parametrize(
    "per_subject, low, high",
    [
        ([RIGHT, WRONG], 0.0, 1.0),  # both drawn right: 1/4; both wrong: 1/4
        ([RIGHT] * 5, 1.0, 1.0),
        ([RIGHT] * 50 + [WRONG] * 50, 0.40, 0.60),  # 0.5 +- 1.96 * sqrt(0.25 / 100)
    ],
    ids=["one of two", "all alike", "normal"],
)
def test_bootstrap_over_subjects(
    per_subject: list[list[list[int]]], low: float, high: float
) -> None:
    found = bootstrap(sums(per_subject), seed=0, num_resamples=1000)
    assert found is not None
    assert found["war"] == pytest.approx((low, high), abs=0.021)
    assert found["war"] == found["uar"]  # one label: both figures are its recall
    assert "ece" not in found  # no video has probabilities
    assert found == bootstrap(sums(per_subject), seed=0, num_resamples=1000)


def test_subjects_are_drawn_whole() -> None:
    """Ten right videos of one person and ten wrong ones of another: the interval is 0 to 1."""
    some = outcomes(*[("up", "up")] * 10, subject_id="a")
    others = outcomes(*[("up", "down")] * 10, subject_id="b")
    assert evaluate_outcomes(some + others, labels=LABELS).figures["war"].interval == (0.0, 1.0)


def test_uar_and_war_have_their_own_intervals() -> None:
    """One person has 9 right "up" videos, the other one wrong "down" video."""
    up, down = np.zeros((2, 3, 3), np.int64)
    up[0, 0], down[1, 0] = 9, 1
    found = bootstrap(sums([up.tolist(), down.tolist()]), seed=0, num_resamples=1000)
    assert found is not None and found["war"] == found["uar"] == (0.0, 1.0)
    mixed = bootstrap(sums([(up + down).tolist()] * 3), seed=0, num_resamples=100)
    assert mixed is not None and (mixed["war"], mixed["uar"]) == ((0.9, 0.9), (0.5, 0.5))


def test_one_subject_has_no_interval() -> None:
    assert bootstrap(sums([RIGHT]), seed=0, num_resamples=10) is None


PREDICTED = {"a.mp4": "up", "b.mp4": "down", "c.mp4": None, "e.mp4": "up", "f.mp4": "up"}


def write_scores(uri: str, *, finished: bool = True) -> str:
    """Write a score set of the archive /videos: c has no face, d is a reject, g is missing."""
    schema = scored_videos_schema(LABELS)
    rows = [
        dict.fromkeys(schema.names)
        | {"video_id": u, "uri": u, "label": p, "reason": None if p else "no_face"}
        for u, p in PREDICTED.items()
    ]
    broken: dict[str, object] = dict.fromkeys(REJECTS.names, "d") | {
        "offset_s": None,
        "offset_bytes": None,
    }
    rejects = rows_table([broken | {"uri": "d.mp4", "reason": "truncated"}], REJECTS)
    storage.write_table(f"{uri}/videos/part-0.parquet", rows_table(rows, schema))
    storage.write_table(f"{uri}/rejects/part-0.parquet", rejects)
    config: dict[str, object] = {
        "labels": list(LABELS),
        "videos_root": "/videos",
        "model_id": "m1",
    }
    config |= {"job": "jobs.score", "schema_version": SCHEMA_VERSION}
    storage.write_json(f"{uri}/config.json", config)
    if finished:
        storage.write_json(f"{uri}/_SUCCESS", {})
    return uri


def write_labels(uri: str, *lines: str, header: str = "uri,subject_id,label,split") -> str:
    storage.write_bytes(uri, "\n".join([header, *lines, ""]).encode())
    return uri


LINES = (
    "a.mp4,s1,up,test",
    "/videos/b.mp4,s1,up,test",  # absolute, below the archive's root
    "c.mp4,s2,down,test",
    "d.mp4,s2,down,test",
    "g.mp4,s3,up,test",
    "e.mp4,s4,up,train",
    "f.mp4,s3,calm,test",
)


def test_the_job_joins_judges_and_writes(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    scores = write_scores(f"{store}/scores")
    labels, out = write_labels(f"{store}/labels.csv", *LINES), f"{store}/eval"
    assert main(["--scores", scores, "--labels", labels, "--out", out]) == 0
    metrics = storage.read_json(f"{out}/metrics.json")
    assert metrics["n_videos"] == 5 and metrics["n_subjects"] == 3
    assert metrics["war"] == pytest.approx(1 / 5)
    assert metrics["uar"] == pytest.approx((1 / 3 + 0) / 2)
    assert metrics["war_covered"] == pytest.approx(1 / 2)
    assert metrics["coverage"] == pytest.approx(2 / 5)
    assert metrics["missing"] == {"no_face": 1, "not_scored": 1, "truncated": 1}
    assert metrics["unknown_labels"] == {"calm": 1}
    assert metrics["other_splits"] == 1 and metrics["duplicate_uris"] == 0
    assert metrics["split"] == "test" and metrics["model_id"] == "m1"
    assert metrics["labels"] == list(LABELS)
    assert metrics["confusion"] == [[1, 1, 0], [0, 0, 0], [0, 0, 0]]
    assert metrics["no_prediction"] == [1, 2, 0]
    assert metrics["per_class"]["up"]["support"] == 3
    low, high = metrics["war_interval"]
    assert 0 <= low <= metrics["war"] <= high <= 1
    png = np.frombuffer(storage.read_bytes(f"{out}/confusion.png"), np.uint8)
    image = cv2.imdecode(png, cv2.IMREAD_COLOR)
    assert image is not None and min(image.shape[:2]) > 300
    assert b"data:image/png;base64," in storage.read_bytes(f"{out}/report.html")
    printed = capsys.readouterr().out
    assert "split test: 5 videos of 3 subjects" in printed
    assert "WAR       0.200  95% interval" in printed
    assert "coverage  0.400 (videos with an answer)" in printed
    assert main(["--scores", scores, "--labels", labels, "--out", out, "--split", "all"]) == 0
    assert storage.read_json(f"{out}/metrics.json")["n_videos"] == 6


def test_a_uri_named_twice_is_left_out_and_counted(tmp_path: Path) -> None:
    scores = write_scores(str(tmp_path / "scores"))
    lines = ("a.mp4,s1,up,test", "e.mp4,s1,up,test", "/videos/e.mp4,s1,down,test")
    labels = write_labels(str(tmp_path / "labels.csv"), *lines)
    assert main(["--scores", scores, "--labels", labels, "--out", str(tmp_path / "eval")]) == 0
    metrics = json.loads((tmp_path / "eval" / "metrics.json").read_text())
    assert (metrics["n_videos"], metrics["duplicate_uris"]) == (1, 1)


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_without_a_split_column_subjects_are_split_as_by_the_build(
    tmp_path: Path, split: str
) -> None:
    scores = write_scores(str(tmp_path / "scores"))
    subjects = [f"s{n:03d}" for n in range(40)]
    lines = [f"{name}.mp4,{name},up" for name in subjects[1:]] + ["a.mp4,s000,up"]
    labels = write_labels(str(tmp_path / "l.csv"), *lines, header="uri,subject_id,label")
    out = str(tmp_path / "eval")
    assert main(["--scores", scores, "--labels", labels, "--out", out, "--split", split]) == 0
    metrics = json.loads((tmp_path / "eval" / "metrics.json").read_text())
    assert metrics["n_videos"] == sum(assign_split(name) == split for name in subjects)


def test_an_unfinished_score_set_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scores = write_scores(str(tmp_path / "scores"), finished=False)
    labels = write_labels(str(tmp_path / "labels.csv"), *LINES)
    assert main(["--scores", scores, "--labels", labels, "--out", str(tmp_path / "eval")]) == 2
    assert "has no _SUCCESS" in capsys.readouterr().err
    assert not (tmp_path / "eval").exists()


def test_the_score_set_is_not_written_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scores = write_scores(str(tmp_path / "scores"))
    labels = write_labels(str(tmp_path / "labels.csv"), *LINES)
    assert main(["--scores", scores, "--labels", labels, "--out", scores]) == 2
    assert (
        "was made with job 'jobs.score', now 'jobs.evaluate'; name a new --out"
        in capsys.readouterr().err
    )


def test_a_split_without_videos_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scores = write_scores(str(tmp_path / "scores"))
    labels = write_labels(str(tmp_path / "labels.csv"), *LINES)
    arguments = ["--scores", scores, "--labels", labels, "--out", str(tmp_path / "eval")]
    assert main([*arguments, "--split", "val"]) == 2
    err = capsys.readouterr().err
    assert "no video with a known label in split 'val'" in err and "--split all" in err


def test_a_missing_label_table_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scores = write_scores(str(tmp_path / "scores"))
    missing = str(tmp_path / "gone.csv")
    assert main(["--scores", scores, "--labels", missing, "--out", str(tmp_path / "e")]) == 2
    assert "gone.csv does not exist" in capsys.readouterr().err
