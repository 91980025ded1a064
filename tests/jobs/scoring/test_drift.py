"""Drift of a score set against another one and against the training set of its model."""

import json
import shutil
from pathlib import Path
from typing import Any

import av
import pytest

from emotion.package.model_package import load_package
from jobs import drift, train
from tests.helpers.scoring import rows, score

pytestmark = pytest.mark.large


def test_drift_against_another_set_and_exit_codes(
    scores: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--scores", str(scores), "--baseline", str(scores), "--least", "1"]
    assert drift.main([*given, "--out", str(tmp_path / "drift.json")]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer == json.loads((tmp_path / "drift.json").read_text())
    assert {v["name"]: v["psi"] for v in answer["variables"]} == {
        "label": 0.0, "confidence": 0.0, "face_px": 0.0, "brightness": 0.0,
    }  # fmt: skip
    assert drift.main(["--scores", str(tmp_path)]) == 2


def darken(source: Path, target: Path) -> None:
    """Write the same video at a third of its brightness."""
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        video = old.streams.video[0]
        stream = new.add_stream("libx264", rate=video.average_rate, options={"crf": "12"})
        stream.width, stream.height, stream.pix_fmt = video.width, video.height, "yuv420p"
        for frame in old.decode(video):
            dark = av.VideoFrame.from_ndarray(frame.to_ndarray(format="rgb24") // 3, format="rgb24")
            dark.pts, dark.time_base = frame.pts, frame.time_base
            new.mux(stream.encode(dark))
        new.mux(stream.encode())


def test_drift_against_the_training_set(
    corpus: Path, dataset: Path, tmp_path: Path, local_ray: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """Compare with the profiles in the package: the same faces do not drift, dark ones do."""
    trained = tmp_path / "run"
    given = ["--dataset", str(dataset), "--out", str(trained), "--epochs", "1", "--batch-size", "2"]
    assert train.main([*given, "--model-args", "width=4", "input_px=16"]) == 0
    profiles: Any = load_package(str(trained / "package")).training["baseline"]
    train_ids = {r["video_id"] for r in rows(dataset, "videos") if r["split"] == "train"}
    faces = [r for r in rows(dataset, "faces") if r["track_id"] is not None]
    mine = [face for face in faces if face["video_id"] in train_ids]
    assert 0 < len(mine) < len(faces)
    assert sum(profiles["brightness"]["counts"]) == len(mine)
    same, dark = tmp_path / "same", tmp_path / "dark"
    shutil.copytree(corpus / "videos/s0", same)
    dark.mkdir()
    for video in same.iterdir():
        darken(video, dark / video.name)
    drift_of = {}
    for videos in (same, dark):
        out = tmp_path / f"scores of {videos.name}"
        assert score(videos, trained / "package", out) == 0
        capsys.readouterr()
        code = drift.main(["--scores", str(out), "--least", "10"])
        answer = json.loads(capsys.readouterr().out)
        assert answer["baseline"].startswith("training of model ")
        assert code == int(answer["drift"])
        drift_of[videos.name] = {one["name"]: one for one in answer["variables"]}
    assert (drift_of["same"]["brightness"]["level"], drift_of["same"]["brightness"]["psi"]) == (
        "ok",
        0.0,
    )
    assert drift_of["same"]["face_px"]["level"] == "ok"
    assert drift_of["dark"]["brightness"]["level"] == "drift"
    assert drift_of["dark"]["label"]["level"] == "unknown"  # val has too few clips to compare with
