"""A build in a terminal: its bar moves within the first shard, and Ctrl-C is answered at once."""

from __future__ import annotations

import io
import os
import re
import signal
import sys
from pathlib import Path

import pexpect
import pytest

from emotion.video.decode import Limits, VideoFacts, sample_frames
from jobs.common.stop import STOPPING
from tests.helpers.drawing import write_video
from tests.helpers.faults import build_arguments, done_shards
from tests.helpers.paths import ROOT

pytestmark = pytest.mark.large


@pytest.fixture(scope="module")
def long_archive(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive of one video of a minute: a video of the corpus, shown again and again."""
    root = tmp_path_factory.mktemp("long")
    name, *_ = sorted((corpus / "videos").rglob("*.mp4"))
    frames = sample_frames(name, sample_fps=25.0, limits=Limits(), facts=VideoFacts())
    images = [frame.image for frame in frames]
    write_video(root / "long.mp4", (images * 1500)[:1500], fps=25)
    (root / "labels.csv").write_text("uri,subject_id,label\nlong.mp4,anna,happy\n")
    return root


def build(archive: Path, out: Path, runner: str, *options: str) -> pexpect.spawn[str]:
    """Start a build of one shard in a pseudo-terminal of 150 columns."""
    given = build_arguments(str(archive), str(out), "--runner", runner, "--sample-fps", "25")
    given[given.index("--shard-minutes") + 1] = "5"
    return pexpect.spawn(
        sys.executable,
        ["-m", "jobs.build_dataset", *given, *options],
        cwd=str(ROOT),
        env={name: value for name, value in os.environ.items() if not name.startswith("RAY_")},
        encoding="utf-8",
        dimensions=(40, 150),
        timeout=120,
    )


@pytest.mark.parametrize("runner", ["processes", "ray"])
def test_the_bar_moves_in_a_shard_and_ctrl_c_ends_the_run(
    long_archive: Path, tmp_path: Path, runner: str
) -> None:
    screen = io.StringIO()
    with build(long_archive, tmp_path / "out", runner) as terminal:
        terminal.logfile_read = screen
        for _ in range(2):  # it moves, and moves on
            terminal.expect(r"build: +([1-9]\d?)%\|.* of 1\.0 min of video .*frames=(\d+)")
        assert done_shards(str(tmp_path / "out")) == []
        terminal.sendintr()
        terminal.expect_exact(STOPPING)
        terminal.expect(pexpect.EOF)
        assert "Traceback" not in terminal.before
    assert terminal.exitstatus == 130
    assert not re.search(r"core_worker|logging\.cc|raylet|WARNING", screen.getvalue())


def test_a_second_ctrl_c_ends_at_once(long_archive: Path, tmp_path: Path) -> None:
    with build(long_archive, tmp_path / "out", "processes") as terminal:
        terminal.expect(r"build: +[1-9]\d?%")
        terminal.sendintr()
        terminal.expect_exact(STOPPING)
        terminal.sendintr()
        terminal.expect(pexpect.EOF)
        assert "Traceback" not in terminal.before
    assert terminal.exitstatus == 130 or terminal.signalstatus == signal.SIGINT
