"""Evaluation of an archive that the model has not seen, or has seen in part."""

from __future__ import annotations

from pathlib import Path

import pytest

from emotion import storage
from emotion.package.seen import Seen, fingerprint, make_seen, seen_from_json, union
from jobs.evaluate import main
from schemas.scores import scored_videos_schema
from schemas.tables import SCHEMA_VERSION, rows_table

LABELS = ("up", "down")
VIDEOS = ("a", "b", "c", "d")
"""Each shows a person of its own, such as p_a; the SHA-256 of its bytes is its name, 64 times."""


def write_scores(uri: str, seen: Seen | None) -> str:
    schema = scored_videos_schema(LABELS)
    rows = [
        dict.fromkeys(schema.names)
        | {"video_id": v, "uri": f"{v}.mp4", "label": "up", "content_sha256": v * 64}
        for v in VIDEOS
    ]
    storage.write_table(f"{uri}/videos/part-0.parquet", rows_table(rows, schema))
    config = {"labels": list(LABELS), "videos_root": "/videos", "model_id": "m1"}
    storage.write_json(
        f"{uri}/config.json", config | {"job": "jobs.score", "schema_version": SCHEMA_VERSION}
    )
    if seen is not None:
        storage.write_json(f"{uri}/seen.json", seen.to_json())
    storage.write_json(f"{uri}/_SUCCESS", {})
    return uri


def evaluate(tmp_path: Path, seen: Seen | None, *more: str, column: str = "") -> int:
    scores = write_scores(str(tmp_path / "scores"), seen)
    header = "uri,subject_id,label" + (",split" if column else "")
    rows = [f"{v}.mp4,p_{v},up" + (f",{column}" if column else "") for v in VIDEOS]
    (tmp_path / "labels.csv").write_text("\n".join([header, *rows]))
    labels = str(tmp_path / "labels.csv")
    return main(["--scores", scores, "--labels", labels, "--out", str(tmp_path / "e"), *more])


STRANGERS = make_seen(["other"], ["9" * 64])
A_AND_B = make_seen(["p_a"], ["b" * 64])


@pytest.mark.parametrize(
    "seen, more, column, line, warning",
    [
        (STRANGERS, (), "", "split unseen: 4 videos of 4 subjects; 0 left out", 0),
        (Seen(), (), "", "split unseen: 4 videos of 4 subjects; 0 left out", 0),
        (A_AND_B, (), "", "split unseen: 2 videos of 2 subjects; 2 left out", 0),
        (A_AND_B, ("--split", "all"), "", "split all: 4 videos of 4 subjects; 0 left out", 2),
        (A_AND_B, (), "test", "split test: 4 videos of 4 subjects; 0 left out", 2),
        (A_AND_B, ("--split", "unseen"), "test", "split unseen: 2 videos of 2 subjects; 2 left", 0),
    ],
    ids=["strangers", "published", "some", "all", "a split column", "unseen of a column"],
)
def test_videos_that_the_model_has_seen_are_left_out_or_named(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    seen: Seen,
    more: tuple[str, ...],
    column: str,
    line: str,
    warning: int,
) -> None:
    assert evaluate(tmp_path, seen, *more, column=column) == 0
    out = capsys.readouterr().out
    assert line in out
    text = f"warning: the model has seen the people or files of {warning} of these videos"
    assert (text in out) == bool(warning) and ("warning" in out) == bool(warning)
    metrics = storage.read_json(str(tmp_path / "e/metrics.json"))
    assert (metrics["seen"], metrics["split"]) == (
        warning,
        line.split(":")[0].removeprefix("split "),
    )


def test_nothing_is_unseen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    everyone = make_seen([f"p_{v}" for v in VIDEOS], [])
    assert evaluate(tmp_path, everyone) == 2
    assert "no video with a known label in split 'unseen'" in capsys.readouterr().err


def test_a_score_set_that_does_not_know(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate(tmp_path, None, "--split", "unseen") == 2
    assert "--split unseen needs seen.json" in capsys.readouterr().err
    assert evaluate(tmp_path, None, "--split", "all") == 0  # as before


def test_seen() -> None:
    seen = make_seen(["anna", "bob"], ["ab" * 32, None])
    assert seen is not None and seen_from_json(seen.to_json()) == seen
    assert seen.has("anna", None) and seen.has("carl", "ab" * 32)
    assert not seen.has("carl", None) and not seen.has("ANNA", "cd" * 32)
    assert fingerprint("anna") in seen.subjects and "anna" not in str(seen.to_json())
    assert make_seen(map(str, range(100_001)), []) is None
    assert union([seen, Seen()]) == seen and union([seen, None]) is None
    assert union([]) == Seen() and seen_from_json(None) is None
