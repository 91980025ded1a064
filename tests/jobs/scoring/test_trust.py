"""Margin, baseline, people and warning of a score set, on a composite of two drawn people."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from emotion import storage
from emotion.labels import LABELS
from emotion.package.model_package import load_package, save_package
from emotion.package.trust import MeasuredOn, Trust
from emotion.predict.answer import VideoPrediction
from emotion.predict.baseline import parse_baseline
from emotion.predict.video import load_video_predictor
from emotion.synth.reel import FPS, render_reel
from jobs import export, predict
from tests.helpers.drawing import write_video
from tests.helpers.scoring import rows, score

pytestmark = pytest.mark.large

FLAGS = ("--baseline", "first:1s", "--margin", "0.02")
FIGURES = MeasuredOn("a test", "videos", 9, "2026-11-28", 0.5, 0.4, {"happy": 0.8})


def frames(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One video: the left person rests with a frown, the right one is neutral; then both smile."""
    made = tmp_path_factory.mktemp("reels")
    sides = []
    for subject, rest in enumerate(("angry", "neutral")):
        path = made / f"{subject}.mp4"
        render_reel(path, seed=5, subject=subject, labels=(rest, "happy"), act_s=2.0)
        sides.append(frames(path))
    root = tmp_path_factory.mktemp("archive")
    both = [np.concatenate(pair, axis=1) for pair in zip(*sides, strict=True)]
    write_video(root / "two.mp4", both, fps=float(FPS))
    return root


@pytest.fixture(scope="module")
def drawn(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save the random model as one that was trained on drawn faces."""
    out = tmp_path_factory.mktemp("drawn") / "package"
    trust = Trust(domain="drawn", margin=0.5, figures=(FIGURES,))
    save_package(str(out), replace(load_package(str(package)), trust=trust))
    return out


def answer(archive: Path, drawn: Path, baseline: str | None) -> VideoPrediction:
    predictor = load_video_predictor(
        str(drawn),
        device="cpu",
        margin=0.02,
        baseline=parse_baseline(baseline) if baseline else None,
    )
    return predictor.predict(archive / "two.mp4")


@pytest.fixture(scope="module")
def out(archive: Path, drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("scored") / "scores"
    assert score(archive, drawn, out, *FLAGS) == 0
    return out


def test_at_rest_both_people_read_as_neutral(out: Path) -> None:
    people = rows(out, "people")
    assert [(row["baseline_s"], row["baseline_reason"]) for row in people] == [(1.0, None)] * 2
    assert all(0.5 < row["usable_share"] <= row["face_share"] <= 1 for row in people)
    first = [row for row in rows(out, "timeline") if row["start_s"] == 0.0]
    assert [row["label"] for row in first] == ["neutral"] * 2
    for row in rows(out, "timeline"):
        assert sum(row[f"delta_{label}"] for label in LABELS) == pytest.approx(0, abs=1e-5)


def test_scores_are_those_of_predict_with_the_same_flags(
    out: Path, archive: Path, drawn: Path
) -> None:
    expected = answer(archive, drawn, "first:1s")
    by_id = {row["clip_id"].split("/")[-1]: row for row in rows(out, "scores")}
    assert len(by_id) == len(expected.clips) >= 4
    for clip in expected.clips:
        row = by_id[clip.clip_id.split("/")[-1]]
        stored = [row[f"prob_{label}"] for label in LABELS]
        assert stored == pytest.approx(list(clip.probs.values()), abs=1e-5)
        assert row["is_uncertain"] == clip.is_uncertain == (row["margin"] < 0.02)
    assert [one.usable_share for one in expected.people] == pytest.approx(
        [row["usable_share"] for row in rows(out, "people")]
    )
    assert expected.trust.margin == 0.02


def test_a_baseline_changes_the_answers_and_none_does_not(archive: Path, drawn: Path) -> None:
    plain = answer(archive, drawn, None)
    relative, reasons = answer(archive, drawn, "first:1s"), answer(archive, drawn, "first:30s")
    assert [c.probs for c in relative.clips] != [c.probs for c in plain.clips]
    assert [c.probs for c in reasons.clips] == [c.probs for c in plain.clips]
    assert [one.baseline_reason for one in reasons.people] == ["too_short"] * 2
    assert [one.baseline_reason for one in plain.people] == [None] * 2


@pytest.mark.parametrize(
    "flags, said",
    [
        (("--margin", "0.02"), "baseline 'first:1s', now None"),
        (("--baseline", "median", "--margin", "0.02"), "baseline 'first:1s', now 'median'"),
        (("--baseline", "first:1s"), "margin 0.02, now 0.5"),
    ],
)
def test_another_baseline_or_margin_needs_another_output(
    out: Path,
    archive: Path,
    drawn: Path,
    flags: tuple[str, ...],
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert score(archive, drawn, out, *flags) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    "flags, said",
    [
        (("--baseline", "label:calm"), "the model has the labels neutral, happy"),
        (("--baseline", "first"), "--baseline must be first:30s"),
        (("--margin", "1.5"), "--margin must be at least 0 and at most 1, got 1.5"),
    ],
)
def test_a_wrong_flag_is_one_line(
    archive: Path,
    drawn: Path,
    tmp_path: Path,
    flags: tuple[str, ...],
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert score(archive, drawn, tmp_path / "out", *flags) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and said in lines[0]
    assert not (tmp_path / "out").exists()


def test_every_output_warns(
    out: Path, archive: Path, drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Report, command line, JSON, subtitles and the page of a video."""
    text = "trained on drawn faces only"
    assert text in (out / "report.html").read_text()
    assert predict.main([str(archive / "two.mp4"), "--package", str(drawn)]) == 0
    said = capsys.readouterr().out
    assert text in said and "recall, measured on a test (9 videos): happy 80%" in said
    assert "two.mp4: uncertain (" in said  # the package's margin is 0.5
    assert (
        predict.main([str(archive / "two.mp4"), "--package", str(drawn), "--format", "json"]) == 0
    )
    trust = json.loads(capsys.readouterr().out)["trust"]
    assert text in trust["warning"] and trust["recall"] == {"happy": 0.8}
    given = ["--scores", str(out), "--out", str(tmp_path / "export")]
    assert export.main([*given, "--formats", "vtt", "eaf", "report", "overlay", "csv"]) == 0
    assert text in capsys.readouterr().out
    for name in ("vtt/two.mp4.vtt", "eaf/two.mp4.eaf", "report/two.mp4.html"):
        assert text in (tmp_path / "export" / name).read_text()
    with av.open(str(tmp_path / "export/overlay/two.mp4.mp4")) as container:
        assert text in container.metadata["comment"]
    head = (tmp_path / "export/csv/timeline.csv").read_text().splitlines()[0]
    assert '"is_uncertain"' in head and '"delta_happy"' in head
    people = storage.read_bytes(str(tmp_path / "export/csv/people.csv")).decode()
    assert len(people.splitlines()) == 3
