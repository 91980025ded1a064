"""A package of one label set, and a label table of another."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.evaluate import main
from tests.jobs.test_evaluate import write_labels, write_scores


def run(tmp_path: Path, *lines: str) -> int:
    scores = write_scores(str(tmp_path / "scores"))
    labels = write_labels(str(tmp_path / "labels.csv"), *lines)
    return main(["--scores", scores, "--labels", labels, "--out", str(tmp_path / "eval")])


def test_no_label_is_known(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, "a.mp4,s1,joy,test", "b.mp4,s1,anger,test", "e.mp4,s2,joy,train") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "made by a package of another label set, up, down, odd; --labels" in line
    assert "has anger, joy: score with a package of these labels" in line
    assert not (tmp_path / "eval").exists()


def test_some_labels_are_known(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = ("a.mp4,s1,up,test", "b.mp4,s1,joy,test", "c.mp4,s2,joy,test", "d.mp4,s2,odd,test")
    assert run(tmp_path, *lines) == 0
    printed = capsys.readouterr().out
    assert "split test: 2 videos of 2 subjects" in printed
    assert "left out: 2 with label joy, which the package does not have" in printed


def test_the_split_alone_has_no_known_label(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A known label in another split: the message does not name another label set."""
    assert run(tmp_path, "a.mp4,s1,joy,test", "b.mp4,s1,up,train") == 2
    line = capsys.readouterr().err
    assert "no video with a known label in split 'test'" in line and "'joy': 1" in line
