"""The build job in processes: its tables, resume, refusals and rejects."""

import json
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import s3fs

from emotion import storage
from emotion.extract.spec import ExtractionSpec
from jobs.build_dataset import main
from schemas.tables import DATASETS
from tests.helpers.building import build, copied, rows, without_identity

pytestmark = pytest.mark.large


def test_layout(dataset: Path) -> None:
    assert {p.name for p in dataset.iterdir()} == {
        *DATASETS, "_SUCCESS", "_ledger", "README.txt", "config.json", "report.html", "spec.json",
        "validation",
    }  # fmt: skip
    success = json.loads((dataset / "_SUCCESS").read_text())
    assert success["counts"] == {name: len(rows(dataset, name)) for name in DATASETS}
    spec = ExtractionSpec.from_json(json.loads((dataset / "spec.json").read_text()))
    assert success["spec_digest"] == spec.digest
    assert spec.detector == "dlib"


def test_videos_carry_the_columns_of_the_label_table(dataset: Path) -> None:
    videos = {r["uri"]: r for r in rows(dataset, "videos")}
    assert len(videos) == 6
    row = videos["videos/s1/surprise.mp4"]
    assert (row["subject_id"], row["label"], row["split"], row["fold"]) == (
        "s1", "surprise", "val", "1",
    )  # fmt: skip
    assert row["skin_tone"] == "tone 1"
    assert float(row["label_fps"]) == pytest.approx(row["fps"], rel=0.01)
    assert (row["codec"], row["reason"]) == ("h264", None)
    assert row["content_sha256"] != videos["videos/s1/happy.mp4"]["content_sha256"]


def test_every_video_has_one_track_and_clips(dataset: Path) -> None:
    for video in rows(dataset, "videos"):
        clips = [c for c in rows(dataset, "clips") if c["video_id"] == video["video_id"]]
        assert len(clips) == video["num_clips"] >= 1
        assert video["num_tracks"] == 1
        assert {c["label"] for c in clips} == {video["label"]}
        assert {c["split"] for c in clips} == {video["split"]}


def test_other_tools_read_it_without_this_project(dataset: Path) -> None:
    for name, schema in DATASETS.items():
        for part in (dataset / name).glob("*.parquet"):
            stored = pq.read_schema(part)
            assert stored.names[: len(schema.names)] == schema.names
            assert not any(isinstance(field.type, pa.ExtensionType) for field in stored)
    database = duckdb.connect()
    count, crops = database.execute(
        f"select count(*), sum(len(crops)) from '{dataset}/clips/*.parquet'"
    ).fetchall()[0]
    assert crops == 16 * count == 16 * len(rows(dataset, "clips"))
    joined = database.execute(
        f"select count(*) from '{dataset}/faces/*.parquet' f join '{dataset}/videos/*.parquet' v "
        "on f.video_id = v.video_id"
    ).fetchall()
    assert joined == [(len(rows(dataset, "faces")),)]


def test_the_same_command_again_does_nothing(
    dataset: Path, corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {p: p.stat().st_mtime_ns for p in dataset.rglob("*.parquet") if "plan" not in p.name}
    assert build(corpus, dataset) == 0
    assert "nothing to do" in capsys.readouterr().out
    assert before == {p: p.stat().st_mtime_ns for p in before}


def test_an_interrupted_run_is_finished(dataset: Path, corpus: Path, tmp_path: Path) -> None:
    """Simulates a kill: one shard lacks its entry and one of its parts, the marker is missing."""
    out = copied(dataset, tmp_path / "cut")
    (out / "_SUCCESS").unlink()
    (out / "_ledger/done/0000-000001.json").unlink()
    (out / "clips/part-0000-000001.parquet").unlink()
    untouched = (out / "clips/part-0000-000000.parquet").stat().st_mtime_ns
    assert build(corpus, out) == 0
    assert (out / "clips/part-0000-000000.parquet").stat().st_mtime_ns == untouched
    for name in DATASETS:
        for part in (dataset / name).glob("*.parquet"):
            assert (out / name / part.name).read_bytes() == part.read_bytes()


def test_new_videos_are_added(dataset: Path, corpus: Path, tmp_path: Path) -> None:
    out, grown = tmp_path / "out", copied(corpus, tmp_path / "grown")
    lines = (grown / "labels.csv").read_text().splitlines()
    (grown / "labels.csv").write_text("\n".join(lines[:-2]) + "\n")
    (grown / "videos/s2").rename(tmp_path / "s2")
    assert build(grown, out) == 0
    first = {p: p.stat().st_mtime_ns for p in (out / "clips").iterdir()}
    (tmp_path / "s2").rename(grown / "videos/s2")
    (grown / "labels.csv").write_text("\n".join(lines) + "\n")
    assert build(grown, out) == 0
    assert first == {p: p.stat().st_mtime_ns for p in first}
    for name in ("videos", "clips"):
        key = "uri" if name == "videos" else "clip_id"
        stepwise, at_once = (
            sorted(without_identity(d, name), key=lambda r: str(r[key])) for d in (out, dataset)
        )
        assert stepwise == at_once


def test_s3_gives_equal_tables(dataset: Path, corpus: Path, s3: str) -> None:
    fs = s3fs.S3FileSystem(skip_instance_cache=True)
    fs.put(str(corpus), f"{s3}/corpus", recursive=True)
    assert build(f"{s3}/corpus", f"{s3}/dataset") == 0
    for name in ("videos", "frames", "faces", "clips"):
        assert without_identity(f"{s3}/dataset", name) == without_identity(dataset, name)
    assert storage.read_json(f"{s3}/dataset/_SUCCESS")["counts"]["videos"] == 6
    assert build(f"{s3}/corpus", f"{s3}/dataset") == 0


def test_bad_input_costs_itself(
    dataset: Path, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = copied(corpus, tmp_path / "bad")
    good = (bad / "videos/s0/happy.mp4").read_bytes()
    files = {
        "text.mp4": b"I am text",
        "zero.mp4": b"",
        "cut.mp4": good[: len(good) // 2],
        "odd.mp4": good,
        "twice.mp4": good,
        "unnamed.mp4": good,
    }
    for name, data in files.items():
        (bad / name).write_bytes(data)
    with (bad / "labels.csv").open("a") as table:
        for name in ("text.mp4", "zero.mp4", "cut.mp4", "gone.mp4", "twice.mp4", "twice.mp4"):
            table.write(f"{name},s0,happy,train,0,x,1\n")
        table.write("odd.mp4,s0,bored,train,0,x,1\n")
    out = tmp_path / "out"
    assert build(bad, out) == 0
    rejects = sorted((r["uri"], r["reason"]) for r in rows(out, "rejects"))
    assert rejects == [
        ("cut.mp4", "truncated"),
        ("gone.mp4", "missing"),
        ("odd.mp4", "unknown_label"),
        ("text.mp4", "not_a_video"),
        ("twice.mp4", "duplicate_uri"),
        ("twice.mp4", "duplicate_uri"),
        ("unnamed.mp4", "unlabelled"),
        ("zero.mp4", "empty_file"),
    ]
    assert "left out: truncated 1" in capsys.readouterr().out
    kept = sorted(without_identity(out, "clips"), key=lambda r: str(r["clip_id"]))
    assert kept == sorted(without_identity(dataset, "clips"), key=lambda r: str(r["clip_id"]))


@pytest.mark.parametrize(
    "options, message",
    [
        (["--videos", "{tmp}/none"], "is not a folder"),
        (["--videos", "{tmp}/empty"], "holds no video"),
        (["--labels", "{tmp}/none.csv"], "does not exist"),
        (["--out", "{tmp}/file/out"], "cannot write"),
        (["--out", "{tmp}/full"], "holds files but no config.json"),
        (["--label-set", "happy"], "two or more"),
        (["--clip-len", "0"], "clip_len must be at least 1 and at most 1024, got 0"),
        (["--clip-stride", "0"], "clip_stride must be at least 1 and at most 16, got 0"),
        (["--chunk-minutes", "0"], "--chunk-minutes must be above 0, got 0.0"),
        (["--detector", "yunet", "--yunet", "{tmp}/none.onnx"], "YuNet weights"),
    ],
)
def test_one_clear_line(
    corpus: Path,
    tmp_path: Path,
    options: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "full").mkdir()
    (tmp_path / "full/thesis.txt").write_text("mine")
    given = {"--videos": str(corpus), "--labels": f"{corpus}/labels.csv"}
    given |= {"--out": str(tmp_path / "out"), "--detector": "dlib"}
    texts = [o.replace("{tmp}", str(tmp_path)) for o in options]
    given |= dict(zip(texts[::2], texts[1::2], strict=True))
    assert main([part for pair in given.items() for part in pair]) == 2
    error = capsys.readouterr().err.strip()
    assert error.startswith("error: ")
    assert message in error
    assert "\n" not in error


@pytest.mark.parametrize(
    "options, message",
    [
        (["--sample-fps", "5"], "another extraction spec (sample_fps 8.0 and 5.0)"),
        (["--label-set", "happy,surprise"], "was made with labels"),
        (["--on-partial", "keep"], "was made with on_partial 'reject', now 'keep'"),
        (["--chunk-minutes", "3"], "was made with chunk_minutes 5.0, now 3.0; name a new --out"),
        (["--split-seed", "1"], "was made with split_seed 0, now 1"),
        (["--max-gb", "1"], "was made with max_gb 16.0, now 1.0"),
        (["--max-megapixels", "2"], "was made with max_megapixels 36.0, now 2.0"),
        (["--max-hours", "1"], "was made with max_hours 12.0, now 1.0"),
    ],
)
def test_an_output_with_other_settings_is_refused(
    dataset: Path,
    corpus: Path,
    options: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert build(corpus, dataset, *options) == 2
    assert message in capsys.readouterr().err


def test_a_table_that_names_no_video_is_refused_before_anything_is_written(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The user named the folder one level too deep."""
    out = tmp_path / "out"
    given = ["--labels", str(corpus / "labels.csv")]
    assert build(corpus / "videos", out, *given) == 2
    assert "names a video below --videos" in capsys.readouterr().err
    assert not out.exists()


def test_a_table_of_other_labels_is_refused_with_one_of_them(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = (corpus / "labels.csv").read_text().splitlines()
    uri = lines[1].split(",")[lines[0].split(",").index("uri")]
    (tmp_path / "labels.csv").write_text(f"uri,subject_id,label\n{uri},s0,Happy\n")
    given = ["--labels", str(tmp_path / "labels.csv"), "--dry-run"]
    assert build(corpus, tmp_path / "out", *given) == 2
    err = capsys.readouterr().err
    assert "has a label of the label set: 1 have others, such as 'Happy' is not one of" in err
    assert "--label-set" in err and "names a video" not in err


def test_subjects_without_a_split_are_split_by_hash(corpus: Path, tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    lines = [line.split(",")[:3] for line in (corpus / "labels.csv").read_text().splitlines()]
    table.write_text("\n".join(",".join(line) for line in lines) + "\n")
    assert build(corpus, tmp_path / "out", "--labels", str(table)) == 0
    splits = {r["subject_id"]: r["split"] for r in rows(tmp_path / "out", "videos")}
    # First eight bytes of sha256("0:s0") and so on, as shares of 2**64: 0.18, 0.73, 0.86.
    assert splits == {"s0": "train", "s1": "val", "s2": "test"}


def test_a_shard_that_lost_a_video_is_built_again(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "dataset"
    assert build(corpus, out) == 0
    before = {name: rows(out, name) for name in DATASETS}
    part = sorted((out / "videos").glob("part-*.parquet"))[0]
    pq.write_table(pq.read_table(part).slice(1), part)
    (out / "_SUCCESS").unlink()
    capsys.readouterr()
    assert build(corpus, out) == 0
    assert f"{part} is missing or damaged: its shard is done again" in capsys.readouterr().out
    assert {name: rows(out, name) for name in DATASETS} == before
