"""The build job on an archive that changes, on long videos, and on a video that breaks off."""

import json
from pathlib import Path

import pytest

from benchmarks.memory import repeat
from emotion import storage
from tests.helpers.building import build, by_uri, copied, cut_off, rows

pytestmark = pytest.mark.large


def test_only_changed_videos_are_rebuilt(
    dataset: Path, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Changes: one video replaced, one removed, one labelled differently, one added."""
    grown, out = copied(corpus, tmp_path / "grown"), tmp_path / "out"
    table = (grown / "labels.csv").read_text()
    later = grown / "videos/s2/surprise.mp4"
    later.rename(tmp_path / "later.mp4")
    (grown / "labels.csv").write_text("\n".join(table.splitlines()[:-1]) + "\n")
    assert build(grown, out) == 0
    untouched = {p: p.stat().st_mtime_ns for p in out.glob("*/part-0000-*.parquet")}
    (tmp_path / "later.mp4").rename(later)
    (grown / "videos/s0/happy.mp4").write_bytes((grown / "videos/s1/happy.mp4").read_bytes())
    (grown / "videos/s0/surprise.mp4").unlink()
    lines = [line for line in table.splitlines() if "s0/surprise" not in line]
    changed = [line.replace("tone 1", "tone 9") if "s1/happy" in line else line for line in lines]
    (grown / "labels.csv").write_text("\n".join(changed) + "\n")
    capsys.readouterr()
    assert build(grown, out) == 2
    assert "3 of the 5 videos of the earlier runs are gone or changed" in capsys.readouterr().err
    assert build(grown, out, "--max-retire", "1") == 1  # the same bytes are in train and in val
    printed = capsys.readouterr().out
    assert "3 new, 3 gone or changed" in printed
    assert "content_sha256" in json.dumps(storage.read_json(f"{out}/validation/report.json"))
    fresh = tmp_path / "fresh"
    assert build(grown, fresh) == 1
    [sampled] = [x for x in capsys.readouterr().out.splitlines() if "sampled frames" in x]
    assert sampled in printed
    for name in ("videos", "frames", "faces", "tracks", "clips"):
        assert by_uri(out, name) == by_uri(fresh, name)
    assert len(rows(out, "videos")) == 5
    kept = [p for p, time in untouched.items() if p.stat().st_mtime_ns == time]
    assert {p.name for p in kept} == {"part-0000-000002.parquet"}


def test_a_long_video_in_chunks_gives_equal_rows(corpus: Path, tmp_path: Path) -> None:
    long = tmp_path / "long"
    long.mkdir()
    repeat(corpus / "videos/s0/happy.mp4", long / "long.mp4", seconds=16)
    (long / "labels.csv").write_text("uri,subject_id,label\nlong.mp4,s0,happy\n")
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert build(long, whole) == 0
    assert build(long, cut, "--chunk-minutes", "0.08") == 0
    plan = storage.read_tables(f"{cut}/_ledger").to_pylist()
    assert [row["num_chunks"] for row in plan] == [4]
    for name in ("videos", "frames", "faces", "tracks", "clips"):
        assert rows(cut, name) == rows(whole, name)
    assert not list((cut / "_ledger/chunks").iterdir())
    frames = [row["frame_index"] for row in rows(cut, "frames")]
    assert frames == list(range(len(frames)))


@pytest.mark.parametrize("keep", [False, True])
def test_a_video_that_breaks_off(corpus: Path, tmp_path: Path, keep: bool) -> None:
    """Matroska has no index at its end, so that the part before a cut can be read."""
    bad, out = copied(corpus, tmp_path / "bad"), tmp_path / "out"
    video = cut_off(corpus / "videos/s0/happy.mp4", bad / "cut.mkv", share=0.8)
    with (bad / "labels.csv").open("a") as table:
        table.write("cut.mkv,s0,happy,train,0,x,1\n")
    assert build(bad, out, "--on-partial", "keep" if keep else "reject") == 0
    (reject,) = rows(out, "rejects")
    assert (reject["uri"], reject["reason"]) == ("cut.mkv", "truncated")
    assert 0.5 * video < reject["offset_s"] < 0.95 * video
    assert 0 < reject["offset_bytes"] < (bad / "cut.mkv").stat().st_size
    kept = [row for row in rows(out, "videos") if row["uri"] == "cut.mkv"]
    assert [row["complete"] for row in kept] == ([False] if keep else [])
    frames = [r for r in rows(out, "frames") if kept and r["video_id"] == kept[0]["video_id"]]
    assert bool(frames) == keep
    assert all(row["pts_s"] < reject["offset_s"] for row in frames)


def test_a_dry_run_writes_nothing(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build(corpus, tmp_path / "out", "--dry-run") == 0
    printed = capsys.readouterr().out
    assert "videos      6, " in printed
    assert "estimate    " in printed
    assert "MiB of clips" in printed
    assert not (tmp_path / "out").exists()
