"""``analyze``: equal to the score job, from every kind of source, with its options."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch

import emotion
from emotion import storage
from emotion.analysis.analyzer import Analyzer, analyze
from emotion.errors import InputError, VideoError
from emotion.extract.detect import spec_for
from emotion.labels import LABELS
from emotion.models.registry import build_model, model_args
from emotion.package.model_package import ModelPackage, save_package, weights_bytes
from schemas.scores import VIDEO_TABLES, score_tables
from tests.helpers.blocked import CLOUD, run_without
from tests.helpers.drawing import number_video

pytestmark = pytest.mark.large


@pytest.fixture(scope="module")
def analyzer(package: Path) -> Analyzer:
    return Analyzer(str(package), device="cpu")


@pytest.fixture(scope="module")
def clip(corpus: Path) -> Path:
    return corpus / "videos/s0/happy.mp4"


def without_ids(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return rows without what depends on the video's address."""
    return [{k: v for k, v in r.items() if k not in ("video_id", "uri", "clip_id")} for r in rows]


def assert_equal(actual: list[dict[str, Any]], expected: list[dict[str, Any]]) -> None:
    """Check that rows are equal, numbers to 1e-5."""
    assert len(actual) == len(expected)
    for row, other in zip(actual, expected, strict=True):
        assert row.keys() == other.keys()
        for name, value in row.items():
            number = isinstance(value, float | list)
            assert value == (pytest.approx(other[name], abs=1e-5) if number else other[name]), name


def test_the_tables_are_those_of_the_score_job(
    scores: Path, corpus: Path, analyzer: Analyzer
) -> None:
    stored = {t: storage.read_tables(str(scores / t)).to_pylist() for t in VIDEO_TABLES}
    compared = 0
    for video in stored["videos"]:
        result = analyzer.analyze(corpus / video["uri"])
        for table in VIDEO_TABLES:
            expected = [row for row in stored[table] if row["video_id"] == video["video_id"]]
            assert result.tables[table].schema.equals(score_tables(LABELS)[table])
            assert_equal(without_ids(result.tables[table].to_pylist()), without_ids(expected))
            compared += len(expected)
    assert len(stored["videos"]) == 6
    assert compared == sum(map(len, stored.values())) > 150


@pytest.fixture
def sources(clip: Path, s3: str) -> Iterator[list[Any]]:
    """Yield one video as a path, as text, as an open file, in memory at its end, and on S3."""
    storage.write_bytes(f"{s3}/v/happy.mp4", clip.read_bytes())
    memory = io.BytesIO()
    memory.write(clip.read_bytes())
    with clip.open("rb") as file:
        yield [clip, str(clip), file, memory, f"{s3}/v/happy.mp4"]


def test_every_source_gives_the_same_answer(sources: list[Any], analyzer: Analyzer) -> None:
    results = [analyzer.analyze(source) for source in sources]
    first = without_ids(results[0].tables["timeline"].to_pylist())
    assert first[0]["label"] in LABELS
    for result in results[1:]:
        assert without_ids(result.tables["timeline"].to_pylist()) == first
    uris = [result.uri for result in results]
    assert uris == [str(sources[0]), str(sources[0]), str(sources[0]), "video", sources[4]]
    hashes = {result.tables["videos"]["content_sha256"][0].as_py() for result in results}
    assert hashes == {storage.sha256(str(sources[0]))}


class Pipe(io.RawIOBase):
    """A stream that cannot seek."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._data.readinto(buffer)


def test_a_stream_is_read_once(clip: Path, analyzer: Analyzer, tmp_path: Path) -> None:
    result = analyzer.analyze(Pipe(clip.read_bytes()))  # type: ignore[arg-type]
    assert result.label == analyzer.analyze(clip).label
    with pytest.raises(InputError, match="cannot be read again"):
        result.save(str(tmp_path / "a.mp4"))
    result.save(str(tmp_path / "a.mp4"), video=clip)
    assert (tmp_path / "a.mp4").stat().st_size > 1000


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda folder: folder / "none.mp4", "does not exist"),
        (lambda folder: folder, "is a folder"),
        (lambda folder: io.StringIO("text"), "opened with mode 'rb'"),
        (lambda folder: 3, "a path, an address or a file"),
    ],
    ids=["no file", "folder", "text file", "number"],
)
def test_a_wrong_source_is_named(
    make: Any, message: str, analyzer: Analyzer, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message):
        analyzer.analyze(make(tmp_path))


def test_wrong_arguments_are_refused_before_a_model_is_loaded(clip: Path, tmp_path: Path) -> None:
    none = str(tmp_path / "none")
    for source, options, says in (
        (None, {}, "a path, an address or a file"),
        (tmp_path / "none.mp4", {}, "does not exist"),
        (clip, {"people": 0}, "people must be at least 1"),
        (clip, {"sample_fps": 300}, "at most 240, got 300"),
        (clip, {"margin": 1.5}, "margin must be from 0 to 1, got 1.5"),
        (clip, {"baseline": "last:3s"}, "baseline"),
    ):
        with pytest.raises(InputError, match=says):
            analyze(source, package=none, **options)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=f"package {none} does not exist"):
        analyze(clip, package=none)


def test_a_closed_file_is_named(clip: Path, analyzer: Analyzer) -> None:
    with clip.open("rb") as file:
        pass
    with pytest.raises(InputError, match="closed"):
        analyzer.analyze(file)


def test_a_file_that_is_no_video_has_a_reason(analyzer: Analyzer) -> None:
    with pytest.raises(VideoError) as error:
        analyzer.analyze(io.BytesIO(b"just some text"))
    assert error.value.reason == "not_a_video"


def test_a_video_without_a_face_is_an_answer(analyzer: Analyzer, tmp_path: Path) -> None:
    result = analyzer.analyze(number_video(tmp_path / "n.mp4", 30))
    assert (result.label, result.confidence, result.reason) == (None, None, "no_face")
    assert len(result.people()) == len(result.segments()) == 0
    assert list(result.timeline()["face_share"]) == [0.0] * len(result.timeline())
    assert "no label, no face was found" in repr(result)


def test_the_default_package_is_taken(
    clip: Path, package: Path, analyzer: Analyzer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIDEO_EMOTION_PACKAGE", str(package))
    result = emotion.analyze(str(clip), device="cpu")
    assert result.answer.model_id == analyzer.package.model_id
    assert result.model == analyzer.model
    assert result.model.startswith("model: ")
    assert "\n" not in result.model


def test_a_margin_marks_answers_as_uncertain(package: Path, clip: Path) -> None:
    result = analyze(clip, package=str(package), margin=1.0, baseline="median")
    assert result.is_uncertain is True
    assert list(result.people()["is_uncertain"]) == [True]
    assert f"uncertain ({result.label} {result.confidence:.0%})" in repr(result)
    with pytest.raises(InputError, match="baseline must be first:30s"):
        analyze(clip, package=str(package), baseline="last")


def test_another_rate_is_refused_by_a_model_that_reads_motion(package: Path, clip: Path) -> None:
    with pytest.raises(InputError, match="must have its own 8 samples per second"):
        analyze(clip, package=str(package), sample_fps=4)


def test_another_rate_samples_less(clip: Path, tmp_path: Path) -> None:
    """A model of single frames takes half the samples: every second one of the whole rate."""
    torch.manual_seed(0)
    args = model_args("cnn_mean", {"backbone": "mini_xception"})
    state = build_model("cnn_mean", len(LABELS), args).state_dict()
    spec = spec_for("dlib", clip_len=4, clip_stride=4, min_clip_faces=2)
    uri = str(tmp_path / "package")
    save_package(
        uri, ModelPackage("cnn_mean", args, LABELS, spec, weights_bytes(state), {}, {}, {})
    )
    whole, half = (analyze(clip, package=uri, sample_fps=fps) for fps in (None, 4))
    assert (whole.sample_fps, half.sample_fps) == (8.0, 4.0)
    times = whole.faces()["pts_s"].to_numpy()
    assert half.faces()["pts_s"].to_numpy() == pytest.approx(times[::2])
    assert half.clips()["stop_s"].iloc[0] == 2 * whole.clips()["stop_s"].iloc[0] == 1.0
    with pytest.raises(InputError, match="sample_fps must be at least 2 and at most 240, got 1"):
        analyze(clip, package=uri, sample_fps=1)


def test_data_frames_have_units_and_missing_values(clip: Path, analyzer: Analyzer) -> None:
    result = analyzer.analyze(clip)
    faces, clips, timeline = result.faces(), result.clips(), result.timeline()
    assert {"box_x1_px", "box_y2_px", "size_px", "pts_s"} <= set(faces.columns)
    assert "box" not in faces.columns
    assert clips["num_faces"].dtype == pd.Int32Dtype()
    assert timeline["track_id"].dtype == pd.Int32Dtype()
    probs = clips[[f"prob_{label}" for label in LABELS]].to_numpy()
    assert np.abs(probs.sum(axis=1) - 1).max() < 1e-5
    names = {"timeline", "segments", "tracks", "videos", "faces"}
    for name in names:
        frame = getattr(result, name)()
        assert list(frame.columns[:1]) == ["video_id"]
        assert len(frame) == result.tables[name].num_rows


def test_it_needs_no_ray_and_no_cloud(clip: Path, package: Path) -> None:
    code = f"""
import emotion
result = emotion.analyze({str(clip)!r}, package={str(package)!r})
print(result.timeline()["label"][0])
"""
    assert run_without(CLOUD, code) in LABELS


def test_people_are_counted_from_one(clip: Path, analyzer: Analyzer) -> None:
    with pytest.raises(InputError, match="people must be at least 1, got 0"):
        analyzer.analyze(clip, people=0)
    one = analyzer.analyze(clip, people=1)
    assert one.tables["timeline"].equals(analyzer.analyze(clip).tables["timeline"])
    assert isinstance(one.tables["timeline"], pa.Table)
