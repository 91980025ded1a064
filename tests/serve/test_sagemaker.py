"""The container's ``serve`` as a plain process in a tree like /opt/ml, with a small package."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import torch

from emotion.extract.spec import ExtractionSpec
from emotion.labels import LABELS
from emotion.models.registry import build_model
from emotion.package.model_package import ModelPackage, save_package, weights_bytes
from emotion.predict.video import VideoPredictor, load_video_predictor
from emotion.weights import DLIB_LANDMARKS
from schemas.api import ClipAnswer, VideoAnswer
from serve import sagemaker
from serve.records import in_window, parse_record
from serve.scoring import video_answer
from tests.helpers.paths import ROOT, SHARED
from tests.helpers.ports import free_port, wait_for_server

pytestmark = pytest.mark.large

REAL = SHARED / "data" / "real"


def save_random_package(folder: Path) -> None:
    """Write a package with random weights, for clips cut with dlib, which needs no download."""
    torch.manual_seed(0)
    model = build_model("r3d_lite", len(LABELS), {})
    spec = ExtractionSpec(
        detector="dlib", detector_sha256=DLIB_LANDMARKS.sha256, sample_fps=4.0, min_score=0.0
    )
    package = ModelPackage(
        name="r3d_lite",
        args={},
        labels=LABELS,
        spec=spec,
        weights=weights_bytes(model.state_dict()),
        training={},
        metrics={},
        versions={},
    )
    save_package(str(folder), package)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("opt_ml")
    save_random_package(root / "model")
    return root


@pytest.fixture(scope="module")
def url(tree: Path) -> Iterator[str]:
    port = free_port()
    environ = os.environ | {
        "SM_ROOT": str(tree),
        "OMP_NUM_THREADS": "1",
        "VIDEO_EMOTION_ALLOW_URI": f"s3://,{REAL}",
    }
    command = [sys.executable, "-m", "serve.sagemaker", "serve", "--host", "127.0.0.1"]
    server = subprocess.Popen([*command, "--port", str(port)], cwd=ROOT, env=environ)
    try:
        address = f"http://127.0.0.1:{port}"
        wait_for_server(f"{address}/ping", server, timeout_s=90)
        yield address
    finally:
        server.terminate()
        server.wait(timeout=20)


@pytest.fixture(scope="module")
def predictor(tree: Path) -> VideoPredictor:
    return load_video_predictor(str(tree / "model"), device="cpu")


def invoke(url: str, body: bytes, kind: str) -> httpx.Response:
    headers = {"content-type": kind}
    return httpx.post(f"{url}/invocations", content=body, headers=headers, timeout=120)


def test_execution_parameters_are_within_the_service_bounds(url: str) -> None:
    answer = httpx.get(f"{url}/execution-parameters").json()
    expected = {
        "MaxConcurrentTransforms": 1,
        "BatchStrategy": "SINGLE_RECORD",
        "MaxPayloadInMB": 100,
    }
    assert answer == expected


def test_bytes_and_records_are_scored_as_the_predictor_does(
    url: str, predictor: VideoPredictor, shared: Path
) -> None:
    face_video = REAL / "single_face.mp4"
    expected = video_answer(predictor.predict(face_video), uri="upload")
    assert len(expected.clips) > 0
    sent = invoke(url, face_video.read_bytes(), "video/mp4").json()
    record = json.dumps({"record_id": "r1", "video_uri": str(face_video)}).encode()
    named = invoke(url, record, "application/json").json()
    assert (sent["status"], named["status"], named["record_id"]) == ("ok", "ok", "r1")
    for answer in (sent["prediction"], named["prediction"]):
        assert answer["label"] == expected.label
        assert answer["probs"] == pytest.approx(expected.probs, abs=1e-5)
        for clip, wanted in zip(answer["clips"], expected.clips, strict=True):
            assert clip["probs"] == pytest.approx(wanted.probs, abs=1e-5)


def test_every_line_has_its_own_status(url: str, tmp_path: Path) -> None:
    lines = [
        {"record_id": "gone", "video_uri": str(REAL / "none.mp4")},
        {"record_id": "outside", "video_uri": "/etc/passwd"},
        {"record_id": "../up", "video_uri": "s3://bucket/a.mp4"},
        {"record_id": "window", "video_uri": "s3://bucket/a.mp4", "start_s": 4, "end_s": 4},
    ]
    body = b"\n".join(json.dumps(line).encode() for line in lines) + b"\nnot json\n"
    response = invoke(url, body, "application/jsonlines")
    assert response.status_code == 200
    answers = [json.loads(line) for line in response.text.splitlines()]
    outcomes = [(a["record_id"], a["status"], a["error"]["reason"]) for a in answers]
    assert outcomes == [
        ("gone", "error", "missing"),
        ("outside", "error", "uri_not_allowed"),
        (None, "error", "bad_record"),
        (None, "error", "bad_record"),
        (None, "error", "bad_record"),
    ]


@pytest.mark.parametrize(
    ("body", "kind", "status", "reason"),
    [
        (b"", "video/mp4", 200, "empty_file"),
        (b"text\n" * 99, "application/octet-stream", 200, "not_a_video"),
        (b"a,b", "text/csv", 415, "unsupported_media_type"),
    ],
)
def test_bad_input_is_named(url: str, body: bytes, kind: str, status: int, reason: str) -> None:
    response = invoke(url, body, kind)
    assert (response.status_code, response.json()["error"]["reason"]) == (status, reason)


def test_a_tree_without_a_package_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "model").mkdir()
    assert sagemaker.main(["--root", str(tmp_path)]) == 2
    assert capsys.readouterr().err == (
        f"error: {tmp_path}/model holds 0 model packages (model.json), must hold one\n"
    )


def clip_answer(start_s: float, happy: float, num_faces: int) -> ClipAnswer:
    return ClipAnswer(
        clip_id=f"c{start_s}",
        track_id=0,
        identity_id=0,
        start_s=start_s,
        stop_s=start_s + 2,
        box=(0, 0, 1, 1),
        num_faces=num_faces,
        quality=1.0,
        label="happy" if happy > 0.5 else "sad",
        confidence=max(happy, 1 - happy),
        probs={"sad": 1 - happy, "happy": happy},
    )


@pytest.mark.parametrize(
    ("start_s", "end_s", "num_clips", "label", "happy"),
    [
        (None, None, 3, "happy", 0.5),  # untouched
        (0.0, 2.0, 1, "happy", 1.0),
        (2.0, None, 2, "sad", 0.25),  # 0.0 with 12 faces and 1.0 with 4
        (1.0, 2.0, 0, None, None),
    ],
    ids=["whole", "first", "two, weighted by faces", "none starts there"],
)
def test_a_window_is_pooled_over_its_own_clips(
    start_s: float | None, end_s: float | None, num_clips: int, label: str | None, happy: float
) -> None:
    clips = (clip_answer(0, 1.0, 8), clip_answer(2, 0.0, 12), clip_answer(4, 1.0, 4))
    whole = VideoAnswer(
        uri="a.mp4",
        duration_s=6.0,
        label="happy",
        confidence=0.5,
        probs={"sad": 0.5, "happy": 0.5},
        coverage=1.0,
        reason=None,
        num_tracks=1,
        clips=clips,
        model_id="m0",
    )
    answer = in_window(whole, start_s=start_s, end_s=end_s)
    assert (len(answer.clips), answer.label) == (num_clips, label)
    assert answer.probs.get("happy") == happy


def test_a_record_names_a_file_and_nothing_more() -> None:
    record = parse_record(b'{"record_id": "a-1", "video_uri": "s3://b/c.mp4", "start_s": 1.5}')
    assert (record.record_id, record.start_s, record.end_s) == ("a-1", 1.5, None)
