"""Videos that crash or block the process that reads them."""

from __future__ import annotations

import shutil
import threading
import time
from pathlib import Path

import pytest

from benchmarks.memory import repeat
from emotion import storage
from emotion.errors import VideoError
from emotion.extract.detect import spec_for
from emotion.video.decode import Limits
from jobs.build_dataset import main
from jobs.reading.first_look import FirstLook
from tests.helpers.drawing import number_frame, write_video
from tests.helpers.faults import Job, build_arguments, command, kill_one, wait_for

pytestmark = pytest.mark.large


def test_a_video_that_kills_its_reader_costs_itself(corpus: Path, tmp_path: Path) -> None:
    """A worker dies within a shard; the next one takes a first look, which dies again."""
    out = tmp_path / "out"
    arguments = build_arguments(str(corpus), str(out), "--shard-minutes", "1")
    with Job(["jobs.build_dataset", *arguments]) as running:
        wait_for(lambda: list(out.glob("_ledger/attempts/*")))
        kill_one(running, running.workers)
        kill_one(running, lambda: [p for p in running.processes() if "first_look" in command(p)])
        assert running.wait() == 0, running.log
    rejects = storage.read_tables(f"{out}/rejects").to_pylist()
    assert [(r["uri"], r["reason"]) for r in rejects] == [("videos/s0/happy.mp4", "crashed")]
    assert rejects[0]["detail"] == "reading it ended a process with exit code -9"
    videos = storage.read_tables(f"{out}/videos").to_pylist()
    assert sorted(r["uri"] for r in videos) == [
        f"videos/{name}.mp4"
        for name in ("s0/surprise", "s1/happy", "s1/surprise", "s2/happy", "s2/surprise")
    ]
    assert list(out.glob("_ledger/attempts/*")) == []


@pytest.fixture(scope="module")
def endless(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video that takes far longer to read than the limits of these tests."""
    folder = tmp_path_factory.mktemp("endless")
    short = write_video(folder / "short.mp4", [number_frame(0, hw=(720, 1280))] * 64, fps=8)
    return repeat(short, folder / "endless.mp4", seconds=1200)


def test_a_video_that_takes_too_long_costs_itself(
    corpus: Path, endless: Path, tmp_path: Path
) -> None:
    root = tmp_path / "videos"
    shutil.copytree(corpus / "videos/s0", root)
    shutil.copy(endless, root / "long.mp4")
    (root / "labels.csv").write_text(
        "uri,subject_id,label\nhappy.mp4,s,happy\nlong.mp4,s,happy\nsurprise.mp4,s,surprise\n"
    )
    out = str(tmp_path / "out")
    assert main(build_arguments(str(root), out, "--max-wall-s", "20", "--shard-minutes", "9")) == 0
    rejects = storage.read_tables(f"{out}/rejects").to_pylist()
    assert [(r["uri"], r["reason"]) for r in rejects] == [("long.mp4", "timeout")]
    videos = storage.read_tables(f"{out}/videos").to_pylist()
    assert sorted(r["uri"] for r in videos) == ["happy.mp4", "surprise.mp4"]


def test_a_first_look_outlives_the_files(corpus: Path, tmp_path: Path, endless: Path) -> None:
    (tmp_path / "text.mp4").write_text("no video")
    good = corpus / "videos/s0/happy.mp4"
    with FirstLook(spec_for("dlib"), None, limits=Limits(max_wall_s=60)) as first_look:
        first_look.look(tmp_path / "text.mp4")  # any other fault of the file is not reported
        first_look.look(good)
        first = first_look.process
        assert first is not None
        threading.Timer(0.5, first.kill).start()
        with pytest.raises(VideoError, match="exit code -9") as caught:
            first_look.look(endless)
        assert caught.value.reason == "crashed"
        first_look.look(good, start=0, stop=4)
        second = first_look.process
        assert second is not None
    assert second.poll() is not None  # ended with the block


def test_a_first_look_at_an_endless_file_ends_in_time(endless: Path) -> None:
    with FirstLook(spec_for("dlib"), None, limits=Limits(max_wall_s=1)) as first_look:
        began = time.monotonic()
        with pytest.raises(VideoError, match="limit of 1 s") as caught:
            first_look.look(endless)
        assert first_look.process is None
        assert 1 <= time.monotonic() - began < 10
    assert caught.value.reason == "timeout"
