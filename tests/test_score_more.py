"""Score sets beyond the clips: from a dataset, in segments, two people, drift, metrics, exports."""

import json
import shutil
from pathlib import Path
from typing import Any

import av
import pyarrow.parquet as pq
import pytest

from emotion.labels import LABELS
from jobs import _ray, build_dataset, drift, export
from jobs.score import main
from schemas.scores import score_tables
from tests.test_score_job import assert_same, rows, score

pytestmark = pytest.mark.usefixtures("local_ray")


@pytest.fixture(scope="module")
def scores(
    corpus: Path, package: Path, tmp_path_factory: pytest.TempPathFactory, local_ray: None
) -> Path:
    out = tmp_path_factory.mktemp("scored") / "scores"
    assert score(corpus, package, out) == 0
    return out


@pytest.fixture(scope="module")
def dataset(corpus: Path, tmp_path_factory: pytest.TempPathFactory, local_ray: None) -> Path:
    """The same videos as a dataset, in other shards."""
    out = tmp_path_factory.mktemp("built") / "dataset"
    given = ["--videos", str(corpus), "--labels", str(corpus / "labels.csv"), "--out", str(out)]
    assert build_dataset.main([*given, "--detector", "dlib"]) == 0
    return out


def score_dataset(dataset: Path | str, package: Path, out: Path) -> int:
    return main(["--from-dataset", str(dataset), "--package", str(package), "--out", str(out)])


def comparable(out: Path, table: str) -> list[dict[str, Any]]:
    """Rows by what names them in the video, whatever the shards."""
    found = rows(out, table)
    keys = ("uri", "video_id", "track_id", "start_s", "frame_index", "segment_index", "clip_id")
    return sorted(found, key=lambda r: [str(r.get(k)) for k in keys])


def test_stored_clips_give_what_the_videos_give(
    scores: Path,
    dataset: Path,
    package: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    assert score_dataset(dataset, package, out) == 0
    assert len(rows(out, "videos")) == 6
    for table in score_tables(LABELS):
        assert_same(comparable(out, table), comparable(scores, table))
    capsys.readouterr()
    assert score_dataset(dataset, package, out) == 0
    assert "nothing to do" in capsys.readouterr().out


def test_a_dataset_of_another_spec_is_refused(
    dataset: Path, package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import dataclasses

    from emotion.learn.package import load_package, save_package

    known = load_package(str(package))
    other = dataclasses.replace(known, spec=dataclasses.replace(known.spec, jpeg_quality=80))
    save_package(str(tmp_path / "other"), other)
    assert score_dataset(dataset, tmp_path / "other", tmp_path / "out") == 2
    assert "jpeg_quality" in capsys.readouterr().err


def test_one_of_videos_and_dataset(
    package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--package", str(package), "--out", str(tmp_path / "o")]) == 2
    assert "one of --videos and --from-dataset" in capsys.readouterr().err


def test_segments_change_nothing(corpus: Path, package: Path, scores: Path, tmp_path: Path) -> None:
    """A video cut into four segments is scored as if it were whole."""
    videos = tmp_path / "videos"
    videos.mkdir()
    shutil.copy(corpus / "videos/s0/happy.mp4", videos / "long.mp4")
    out = tmp_path / "out"
    with av.open(str(videos / "long.mp4")) as container:
        seconds = (container.duration or 0) / av.time_base
    assert score(videos, package, out, "--segment-minutes", str(seconds / 60 / 3.9)) == 0
    assert score(videos, package, tmp_path / "whole") == 0
    plan = pq.read_table(out / "_ledger/plan-0000.parquet")
    assert plan["num_segments"].to_pylist() == [4]
    for table in score_tables(LABELS):
        assert_same(comparable(out, table), comparable(tmp_path / "whole", table))
    assert not list((out / "_ledger/segments").glob("*.parquet"))


def test_every_second_of_every_video_has_a_row(scores: Path) -> None:
    timeline = rows(scores, "timeline")
    for video in rows(scores, "videos"):
        mine = {int(r["start_s"]) for r in timeline if r["video_id"] == video["video_id"]}
        assert mine >= set(range(int(video["duration_s"])))


def test_metrics_tell_work_and_cost(
    corpus: Path, package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prices = tmp_path / "prices.json"
    prices.write_text('{"CPU": 0.5, "moonlight": 1}')
    videos = tmp_path / "videos"
    shutil.copytree(corpus / "videos/s0", videos)
    (videos / "text.mp4").write_text("I am text")
    assert score(videos, package, tmp_path / "out", "--prices", str(prices)) == 0
    line = capsys.readouterr().out.strip().splitlines()[-1]
    metrics = json.loads(line)["metrics"]
    assert metrics == json.loads((tmp_path / "out/metrics.json").read_text())
    num = len(rows(tmp_path / "out", "videos"))
    assert metrics["videos"] == num + 1
    assert metrics["rejects"] == {"not_a_video": 1}
    assert metrics["frames"] == sum(r["num_frames"] for r in rows(tmp_path / "out", "videos"))
    assert 0 < metrics["model_busy"] <= 1
    cpus = _ray.cluster_resources()["CPU"]
    assert metrics["cost_usd"] == pytest.approx(0.5 * cpus * metrics["wall_s"] / 3600)
    assert metrics["resources_without_use"] == ["moonlight"]
    text = (tmp_path / "out/metrics.prom").read_text()
    assert f"video_emotion_score_videos {num + 1}.0" in text
    assert 'video_emotion_score_rejects{reason="not_a_video"} 1.0' in text


def test_a_price_table_that_is_none(
    corpus: Path, package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "prices.json").write_text("[1]")
    given = ["--prices", str(tmp_path / "prices.json")]
    assert score(corpus / "videos/s0", package, tmp_path / "out", *given) == 2
    assert "dollars per hour" in capsys.readouterr().err


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


FORMATS = ["csv", "jsonl", "vtt", "srt", "eaf", "textgrid", "overlay", "blurred", "report"]


@pytest.fixture(scope="module")
def exported(scores: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("exported") / "export"
    given = ["--scores", str(scores), "--out", str(out), "--formats", *FORMATS]
    assert export.main(given) == 0
    return out


def test_every_video_has_every_file(scores: Path, exported: Path) -> None:
    ends = {"vtt": "vtt", "srt": "srt", "eaf": "eaf", "textgrid": "TextGrid", "overlay": "mp4",
            "blurred": "mp4", "report": "html"}  # fmt: skip
    for form, end in ends.items():
        for video in rows(scores, "videos"):
            assert (exported / form / f"{video['uri']}.{end}").stat().st_size > 0


def test_tables_hold_every_row(scores: Path, exported: Path) -> None:
    import csv

    for table in ("videos", "tracks", "segments", "timeline", "scores"):
        lines = (exported / f"jsonl/{table}.jsonl").read_text().splitlines()
        assert [json.loads(line) for line in lines] == rows(scores, table)
        with (exported / f"csv/{table}.csv").open() as file:
            found = list(csv.DictReader(file))
        assert len(found) == len(lines)
    with (exported / "csv/scores.csv").open() as file:
        first = next(csv.DictReader(file))
    expected = rows(scores, "scores")[0]
    corners = [float(first[f"box_{name}"]) for name in ("x1", "y1", "x2", "y2")]
    assert corners == pytest.approx(expected["box"], rel=1e-5)
    assert float(first["prob_happy"]) == pytest.approx(expected["prob_happy"], rel=1e-5)


def test_the_overlay_has_the_sources_frames(scores: Path, corpus: Path, exported: Path) -> None:
    for video in rows(scores, "videos"):
        for form in ("overlay", "blurred"):
            counts = []
            for path in (corpus / video["uri"], exported / form / f"{video['uri']}.mp4"):
                with av.open(str(path)) as container:
                    counts.append(sum(1 for _ in container.decode(video=0)))
            assert counts[0] == counts[1]


def test_the_same_export_again_does_nothing(
    scores: Path, exported: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--scores", str(scores), "--out", str(exported), "--formats", *FORMATS]
    assert export.main(given) == 0
    assert "nothing to do" in capsys.readouterr().out
    assert export.main([*given[:4], "--formats", "vtt"]) == 2
    assert "was made with formats" in capsys.readouterr().err


def test_a_video_that_is_gone_is_counted(
    scores: Path, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fewer = tmp_path / "videos"
    shutil.copytree(corpus, fewer)
    next(fewer.rglob("happy.mp4")).unlink()
    given = ["--scores", str(scores), "--out", str(tmp_path / "out"), "--formats", "overlay"]
    assert export.main([*given, "--videos", str(fewer)]) == 0
    assert "could not be read again" in capsys.readouterr().out
