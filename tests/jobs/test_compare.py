"""jobs.compare: one table over evaluations of one test set."""

import csv
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emotion.errors import InputError
from emotion.evaluate.comparison import uar_difference
from emotion.evaluate.outcome import Outcome
from jobs import compare

LABELS = ("up", "down")


def outcomes(*predicted: str) -> list[Outcome]:
    """Return a video of each label of subject s and of subject t, with these predictions."""
    truth = [("s", "up"), ("s", "down"), ("t", "up"), ("t", "down")]
    return [
        Outcome(uri=f"{subject}-{label}.mp4", subject_id=subject, label=label, predicted=guess)
        for (subject, label), guess in zip(truth, predicted, strict=True)
    ]


RIGHT = outcomes("up", "down", "up", "down")
HALF = outcomes("up", "up", "up", "up")


def test_difference_by_hand() -> None:
    """The second model is half right on each subject: every resample differs by 1/2."""
    found = uar_difference(RIGHT, HALF, labels=LABELS)
    assert (found.uar, found.interval) == (0.5, (0.5, 0.5))
    again = uar_difference(HALF, RIGHT, labels=LABELS)
    assert (again.uar, again.interval) == (-0.5, (-0.5, -0.5))


def test_a_model_against_itself() -> None:
    found = uar_difference(HALF, HALF, labels=LABELS)
    assert (found.uar, found.interval) == (0.0, (0.0, 0.0))


def test_pairs_are_drawn_together() -> None:
    """A model right on s only has a UAR of 0, 0.5 or 1 by resample; minus itself always 0."""
    on_s = outcomes("up", "down", "down", "up")
    same = uar_difference(on_s, on_s, labels=LABELS)
    assert same.interval == (0.0, 0.0)
    other = uar_difference(on_s, outcomes("down", "up", "up", "down"), labels=LABELS)
    assert (other.uar, other.interval) == (0.0, (-1.0, 1.0))


def test_one_subject_has_no_interval() -> None:
    assert uar_difference(RIGHT[:2], HALF[:2], labels=LABELS).interval is None


def test_other_videos_are_refused() -> None:
    with pytest.raises(InputError, match="different videos"):
        uar_difference(RIGHT, HALF[:2], labels=LABELS)


def write_eval(root: Path, name: str, judged: list[Outcome], *, digest: str = "d1") -> str:
    folder, scores = root / name, root / f"scores-{name}"
    folder.mkdir()
    scores.mkdir()
    facts = {"num_parameters": 900231, "clips_per_s": 12.5, "cpu_s": 1800.0, "epochs": 60}
    facts |= {"gpu_s": 7200.0} if name == "right" else {}
    (scores / "config.json").write_text(
        json.dumps({"architecture": "r3d_lite", "training": facts | {"dataset_digest": "abc"}})
    )
    right = sum(o.label == o.predicted for o in judged) / len(judged)
    metrics = {"war": right, "uar": right, "macro_f1": right, "ece": 0.1, "uar_interval": [0.2, 1]}
    metrics |= {"labels": list(LABELS), "n_videos": len(judged), "n_subjects": 2}
    metrics |= {"model_id": f"id-{name}", "test_set_digest": digest}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    (folder / "config.json").write_text(json.dumps({"scores": str(scores)}))
    rows = [
        {"uri": o.uri, "subject_id": o.subject_id, "label": o.label, "predicted": o.predicted}
        for o in judged
    ]
    pq.write_table(pa.Table.from_pylist(rows), folder / "predictions.parquet")
    return str(folder)


def test_one_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evals = [write_eval(tmp_path, "half", HALF), write_eval(tmp_path, "right", RIGHT)]
    out = tmp_path / "out"
    assert compare.main(["--evals", *evals, "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "| half | r3d_lite | 0.5 | – | – | 0.5 | 0.2 | 1 | – |" in printed
    with (out / "compare.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == ["half", "right"]
    assert (rows[1]["uar_above_first"], rows[1]["above_low"]) == ("0.5", "0.5")
    assert (rows[1]["cpu_hours"], rows[1]["num_parameters"]) == ("0.5", "900231")
    assert [row["gpu_hours"] for row in rows] == ["", "2.0"]  # half's run had no GPU
    page = (out / "report.html").read_text()
    assert "id-right" in page and "highest" in page
    assert compare.main(["--evals", *evals, "--out", str(out)]) == 0  # its own files


@pytest.mark.parametrize(
    "second, digest, flags, says",
    [
        (RIGHT[:2], "d2", [], "were judged on different test sets, of 4 and 2 videos; t-down.mp4"),
        (RIGHT, "d1", ["--names", "one"], "--names has 1 names for 2 --evals"),
    ],
    ids=["test set", "names"],
)
def test_refuses(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    second: list[Outcome],
    digest: str,
    flags: list[str],
    says: str,
) -> None:
    evals = [write_eval(tmp_path, "a", HALF), write_eval(tmp_path, "b", second, digest=digest)]
    assert compare.main(["--evals", *evals, "--out", str(tmp_path / "out"), *flags]) == 2
    assert says in capsys.readouterr().err


def test_refuses_what_is_no_evaluation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = write_eval(tmp_path, "a", HALF)
    for evals in ([one], [one, str(tmp_path)]):
        assert compare.main(["--evals", *evals, "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert "a comparison needs two" in error
    assert "has no metrics.json: name a folder that jobs.evaluate made" in error
