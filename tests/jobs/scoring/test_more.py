"""Score sets from a dataset and in chunks; metrics of a run."""

import json
import os
import shutil
from pathlib import Path

import av
import pyarrow.parquet as pq
import pytest

from emotion import storage
from emotion.labels import LABELS
from emotion.package.model_package import load_package
from jobs import build_dataset
from jobs.score import main
from schemas.scores import score_tables
from tests.helpers.scoring import assert_same, comparable, rows, score

pytestmark = pytest.mark.large


@pytest.fixture(scope="module")
def dataset(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the same videos as a dataset, in other shards."""
    out = tmp_path_factory.mktemp("built") / "dataset"
    given = ["--videos", str(corpus), "--labels", str(corpus / "labels.csv"), "--out", str(out)]
    assert build_dataset.main([*given, "--detector", "dlib"]) == 0
    return out


def score_dataset(dataset: Path | str, package: Path, out: Path) -> int:
    return main(["--from-dataset", str(dataset), "--package", str(package), "--out", str(out)])


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


@pytest.mark.parametrize("batch, minutes", [("1", "10"), ("3", "0.02"), ("64", "0.06")])
def test_neither_batches_nor_shards_matter(
    corpus: Path, package: Path, scores: Path, tmp_path: Path, batch: str, minutes: str
) -> None:
    given = ["--videos", str(corpus), "--package", str(package), "--out", str(tmp_path / "out")]
    assert main([*given, "--batch-size", batch, "--shard-minutes", minutes]) == 0
    for table in score_tables(LABELS):
        assert_same(comparable(tmp_path / "out", table), comparable(scores, table))


def test_a_dataset_of_another_spec_is_refused(
    dataset: Path, package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import dataclasses

    from emotion.package.model_package import save_package

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


def test_chunks_do_not_change_the_rows(
    corpus: Path, package: Path, scores: Path, tmp_path: Path
) -> None:
    """Compare the rows of a video in four chunks with those of the whole video."""
    videos = tmp_path / "videos"
    videos.mkdir()
    shutil.copy(corpus / "videos/s0/happy.mp4", videos / "long.mp4")
    out = tmp_path / "out"
    with av.open(str(videos / "long.mp4")) as container:
        seconds = (container.duration or 0) / av.time_base
    assert score(videos, package, out, "--chunk-minutes", str(seconds / 60 / 3.9)) == 0
    assert score(videos, package, tmp_path / "whole") == 0
    plan = pq.read_table(out / "_ledger/plan-0000.parquet")
    assert plan["num_chunks"].to_pylist() == [4]
    for table in score_tables(LABELS):
        assert_same(comparable(out, table), comparable(tmp_path / "whole", table))
    assert not list((out / "_ledger/chunks").glob("*.parquet"))


def test_every_second_of_every_video_has_a_row(scores: Path) -> None:
    timeline = rows(scores, "timeline")
    for video in rows(scores, "videos"):
        mine = {int(r["start_s"]) for r in timeline if r["video_id"] == video["video_id"]}
        assert mine >= set(range(int(video["duration_s"])))


def test_metrics_count_work_and_cost(
    corpus: Path, package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prices = tmp_path / "prices.json"
    prices.write_text('{"CPU": 0.5, "moonlight": 1}')
    videos = tmp_path / "videos"
    shutil.copytree(corpus / "videos/s0", videos)
    (videos / "text.mp4").write_text("I am text")
    assert score(videos, package, tmp_path / "out", "--prices", str(prices)) == 0
    line = capsys.readouterr().out.strip().splitlines()[-1]
    printed, metrics = (
        json.loads(line)["metrics"],
        storage.read_json(f"{tmp_path}/out/metrics.json"),
    )
    assert printed.keys() == metrics.keys()
    assert all(printed[name] == metrics[name] for name in ("videos", "frames", "rejects"))
    assert printed["wall_s"] == float(f"{metrics['wall_s']:.4g}")
    num = len(rows(tmp_path / "out", "videos"))
    assert metrics["videos"] == num + 1
    assert metrics["rejects"] == {"not_a_video": 1}
    assert metrics["frames"] == sum(r["num_frames"] for r in rows(tmp_path / "out", "videos"))
    assert 0 < metrics["model_busy"] <= 1
    cpus = len(os.sched_getaffinity(0))
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
