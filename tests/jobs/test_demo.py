"""Demo: its parts, and (slow) a small whole run."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from emotion.splits import assign_split
from emotion.synth.clip import subject_name
from jobs import demo
from jobs.demo import SPLIT_SEED, Config, closing_lines, step


def test_subjects_fall_into_all_splits() -> None:
    counts = Counter(
        assign_split(subject_name(k), seed=SPLIT_SEED) for k in range(Config().subjects)
    )
    assert counts == {"train": 11, "val": 2, "test": 3}


def test_too_few_subjects_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert demo.main(["--out", str(tmp_path / "demo"), "--subjects", "2"]) == 2
    assert "--subjects 2 puts no subject into test" in capsys.readouterr().err
    assert not (tmp_path / "demo").exists()


def test_a_step_that_fails_ends_the_demo(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        step("evaluate", scores=tmp_path / "no scores", labels="x.csv", out=tmp_path, split=None)
    assert end.value.code == 2
    shown = capsys.readouterr()
    assert f"$ python -m jobs.evaluate --scores '{tmp_path}/no scores' --labels x.csv" in shown.out
    assert "--split" not in shown.out


def test_it_ends_with_the_accuracy_and_what_next(tmp_path: Path) -> None:
    (tmp_path / "eval").mkdir()
    metrics = {
        "n_subjects": 3, "n_videos": 21, "war": 0.5, "war_interval": [0.4, 0.6],
        "uar": 0.25, "uar_interval": None,
    }  # fmt: skip
    (tmp_path / "eval" / "metrics.json").write_text(json.dumps(metrics))
    text = "\n".join(closing_lines(tmp_path, seconds=12.3))
    assert "The demo took 12 s." in text
    assert "3 people and 21 videos" in text
    assert "0.50, 95% interval 0.40 to 0.60" in text
    assert "UAR (mean over the labels)      0.25\n" in text
    assert f"-m serve --package {tmp_path}/run/package" in text


@pytest.mark.slow
def test_the_whole_demo_in_small(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "demo"
    argv = ["--out", str(out), "--subjects", "8", "--detector", "dlib", "--epochs", "1"]
    assert demo.main(argv) == 0
    for name in ("dataset/_SUCCESS", "run/package/model.json", "scores/_SUCCESS", "timeline.png"):
        assert (out / name).is_file(), name
    capsys.readouterr()
    assert demo.main(argv) == 0
    again = capsys.readouterr().out
    assert again.count("nothing to do") == 3
    assert "already complete" in again
