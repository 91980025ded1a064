"""The Ray Serve app over HTTP, around a small object instead of a model."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

pytest.importorskip("ray.serve")

from ray import serve

from emotion.package.trust import Trust
from serve.app import application
from serve.options import Options
from tests.helpers.drawing import number_video
from tests.helpers.ports import free_port

MAX_BYTES = 60_000


def draw_video(path: Path, *, num_frames: int = 8) -> Path:
    return number_video(path, num_frames, fps=8.0)


def make_loader() -> Callable[[Options], Any]:
    """Return a loader with local classes, which Ray sends to the replica by value."""

    @dataclasses.dataclass(frozen=True)
    class Clip:
        clip_id: str
        track_id: int
        identity_id: int
        start_s: float
        stop_s: float
        box: tuple[float, float, float, float]
        num_faces: int
        quality: float
        label: str
        confidence: float
        probs: dict[str, float]

    @dataclasses.dataclass(frozen=True)
    class Prediction:
        uri: str
        duration_s: float
        label: str
        confidence: float
        probs: dict[str, float]
        coverage: float
        reason: str | None
        num_tracks: int
        clips: tuple[Clip, ...]
        model_id: str

    @dataclasses.dataclass(frozen=True)
    class Package:
        model_id: str = "m0"
        name: str = "drawn"
        labels: tuple[str, ...] = ("neutral", "happy")
        trust: Trust = Trust(domain="drawn", margin=0.2)
        metrics: Mapping[str, object] = dataclasses.field(default_factory=dict)

    class Scorer:
        """A model that answers the same for every file; it takes 1 s for a file named *.slow."""

        package = Package()

        def predict(self, path: Path) -> Prediction:
            time.sleep(1.0 if path.suffix == ".slow" else 0.0)
            probs = {"neutral": 0.25, "happy": 0.75}
            clip = Clip("c0", 0, 0, 0.0, 1.0, (1.0, 2.0, 30.0, 40.0), 8, 0.9, "happy", 0.75, probs)
            return Prediction(str(path), 1.0, "happy", 0.75, probs, 1.0, None, 1, (clip,), "m0")

    return lambda _: Scorer()


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("archive")
    (root / "in").mkdir()
    draw_video(root / "in" / "a.mp4")
    draw_video(root / "secret.mp4")
    (root / "in" / "way_out.mp4").symlink_to(root / "secret.mp4")
    return root


@pytest.fixture(scope="module")
def url(archive: Path, local_ray: None) -> Iterator[str]:
    port = free_port()
    options = Options(
        package="none",
        max_mb=MAX_BYTES / 1e6,
        max_duration_s=5.0,
        max_waiting=1,
        allow_uri=(str(archive / "in"),),
        replica_cpus=0.5,
    )
    serve.start(http_options={"host": "127.0.0.1", "port": port})
    serve.run(application(options, load=make_loader()), name="video-emotion")
    yield f"http://127.0.0.1:{port}"
    serve.shutdown()  # type: ignore[no-untyped-call]


def temporary_folders() -> set[str]:
    return {path.name for path in Path(tempfile.gettempdir()).glob("video-emotion-*")}


def post_file(url: str, path: Path, *, name: str | None = None) -> httpx.Response:
    with path.open("rb") as file:
        files = {"file": (name or path.name, file, "video/mp4")}
        return httpx.post(f"{url}/v1/predict", files=files, timeout=30)


def error_of(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["reason"]


def test_an_upload_is_scored_and_removed(url: str, archive: Path) -> None:
    before = temporary_folders()
    response = post_file(url, archive / "in" / "a.mp4")
    assert response.status_code == 200, response.text
    answer = response.json()
    assert (answer["uri"], answer["label"], answer["model_id"]) == ("a.mp4", "happy", "m0")
    assert list(answer["probs"].items()) == [("neutral", 0.25), ("happy", 0.75)]
    assert answer["clips"][0]["box"] == [1.0, 2.0, 30.0, 40.0]
    assert temporary_folders() == before


def test_a_named_video_below_the_allowed_folder_is_scored(url: str, archive: Path) -> None:
    uri = str(archive / "in" / "a.mp4")
    response = httpx.post(f"{url}/v1/predict", json={"uri": uri}, timeout=30)
    assert (response.status_code, response.json()["uri"]) == (200, uri)


@pytest.mark.parametrize(
    "uri",
    [
        "{root}/secret.mp4",
        "{root}/in/../secret.mp4",
        "{root}/in/way_out.mp4",
        "file://{root}/in/a.mp4",
        "in/a.mp4",
        "s3://bucket/a.mp4",
        "http://169.254.169.254/latest/meta-data",
        "/etc/passwd",
    ],
)
def test_what_is_not_allowed_is_not_read(url: str, archive: Path, uri: str) -> None:
    named = uri.replace("{root}", str(archive))
    response = httpx.post(f"{url}/v1/predict", json={"uri": named}, timeout=30)
    assert error_of(response) == (403, "uri_not_allowed")


def test_a_missing_video_is_404(url: str, archive: Path) -> None:
    uri = str(archive / "in" / "none.mp4")
    response = httpx.post(f"{url}/v1/predict", json={"uri": uri}, timeout=30)
    assert error_of(response) == (404, "missing")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", (422, "empty_file")),
        (b"just text, renamed\n" * 20, (422, "not_a_video")),
        (b"x" * (MAX_BYTES + 1), (413, "too_large")),
        (b"x" * (MAX_BYTES + 200_000), (413, "too_large")),
    ],
    ids=["empty", "text", "one byte over", "far over"],
)
def test_a_bad_file_is_named(
    url: str, tmp_path: Path, data: bytes, expected: tuple[int, str]
) -> None:
    before = temporary_folders()
    path = tmp_path / "bad.mp4"
    path.write_bytes(data)
    assert error_of(post_file(url, path)) == expected
    assert temporary_folders() == before


def test_a_body_of_unannounced_length_is_cut_off(url: str) -> None:
    def pieces() -> Iterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.mp4"\r\n\r\n'
        for _ in range(40):
            yield b"x" * 10_000

    headers = {"content-type": "multipart/form-data; boundary=b"}
    response = httpx.post(f"{url}/v1/predict", content=pieces(), headers=headers, timeout=30)
    assert error_of(response) == (413, "too_large")


def test_a_long_video_is_refused_by_its_header(url: str, tmp_path: Path) -> None:
    path = draw_video(tmp_path / "long.mp4", num_frames=48)
    response = post_file(url, path)
    assert error_of(response) == (413, "too_large")
    assert response.json()["error"]["detail"] == "6.0 s long, the limit is 5 s"


@pytest.mark.parametrize(
    ("request_args", "expected"),
    [
        ({"files": {"other": ("a.mp4", b"x")}}, (400, "missing_field")),
        ({"data": {"file": "text"}}, (415, "unsupported_media_type")),
        ({"json": {}}, (400, "missing_field")),
        ({"json": {"uri": 3}}, (400, "bad_json")),
        ({"content": b"{", "headers": {"content-type": "application/json"}}, (400, "bad_json")),
        (
            {"content": b"", "headers": {"content-type": "multipart/form-data"}},
            (400, "bad_form"),
        ),
        ({"content": b"x"}, (415, "unsupported_media_type")),
    ],
    ids=["wrong field", "no file", "no uri", "uri type", "broken json", "no boundary", "no type"],
)
def test_a_bad_request_is_named(
    url: str, request_args: dict[str, Any], expected: tuple[int, str]
) -> None:
    assert error_of(httpx.post(f"{url}/v1/predict", timeout=30, **request_args)) == expected


def test_more_than_the_line_holds_is_503_and_health_goes_on(url: str, archive: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    path = archive / "in" / "a.mp4"
    with ThreadPoolExecutor(4) as pool:
        calls = [pool.submit(post_file, url, path, name="a.slow") for _ in range(4)]
        time.sleep(0.3)
        begun = time.monotonic()
        assert httpx.get(f"{url}/healthz").json() == {"status": "ok"}
        assert time.monotonic() - begun < 0.7
        answers = [call.result() for call in calls]
    assert sorted(a.status_code for a in answers) == [200, 200, 503, 503]
    busy = next(a for a in answers if a.status_code == 503)
    assert busy.json()["error"]["reason"] == "busy"
    assert int(busy.headers["retry-after"]) > 0


def test_the_page_brings_everything_itself(url: str) -> None:
    response = httpx.get(url)
    assert response.status_code == 200
    assert "inner state" in response.text
    outside = [text for text in ("http://", "https://", "src=", "@import") if text in response.text]
    assert outside == ["http://"]
    assert response.text.count("http://") == response.text.count("http://www.w3.org/2000/svg")
    assert "default-src 'none'" in response.headers["content-security-policy"]


def test_info_and_unknown_addresses(url: str) -> None:
    info = httpx.get(f"{url}/v1/info").json()
    assert info["trust"].pop("warning").startswith("this model was trained on drawn faces only;")
    assert [info.pop(k) for k in ("model_id", "name", "max_mb")] == ["m0", "drawn", 0.06]
    assert info == {
        "labels": ["neutral", "happy"],
        "model": "model: drawn (m0), domain: drawn; its accuracy was not measured",
        "trust": {"domain": "drawn", "margin": 0.2, "measured_on": None, "recall": {}},
        "max_duration_s": 5.0,
    }
    assert error_of(httpx.get(f"{url}/v1/none")) == (404, "not_found")
    assert error_of(httpx.get(f"{url}/v1/predict")) == (405, "method_not_allowed")
    assert json.loads(httpx.get(f"{url}/openapi.json").text)["info"]["title"] == "video-emotion"


def test_the_endpoint_the_container_and_predict_agree(
    url: str, package: Path, corpus: Path
) -> None:
    """Compare the probabilities of one drawn face from all three: equal to 1e-5."""
    from emotion.predict.video import load_video_predictor
    from serve.sagemaker import create_container

    video = corpus / "videos/s0/happy.mp4"
    options = Options(package=str(package), device="cpu", replica_cpus=0.5)
    serve.run(application(options), name="real", route_prefix="/real")

    predictor = load_video_predictor(str(package), device="cpu")
    expected = predictor.predict(video)
    assert len(expected.clips) > 0
    container = create_container(predictor, limits=options.limits, prefixes=(), output=None)

    async def invoke() -> httpx.Response:
        transport = httpx.ASGITransport(container)
        async with httpx.AsyncClient(transport=transport, base_url="http://container") as client:
            headers = {"content-type": "video/mp4"}
            return await client.post("/invocations", content=video.read_bytes(), headers=headers)

    answers = [post_file(f"{url}/real", video).json(), asyncio.run(invoke()).json()["prediction"]]
    for answer in answers:
        assert (answer["label"], answer["model_id"]) == (expected.label, expected.model_id)
        assert answer["probs"] == pytest.approx(expected.probs, abs=1e-5)
        for clip, wanted in zip(answer["clips"], expected.clips, strict=True):
            assert (clip["start_s"], clip["track_id"]) == (wanted.start_s, wanted.track_id)
            assert clip["probs"] == pytest.approx(wanted.probs, abs=1e-5)
