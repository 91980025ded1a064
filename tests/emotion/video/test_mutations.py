"""Videos with random damage: each ends in frames or in a reason, without crash or hang."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from emotion.errors import REASONS
from tests.helpers.breaking import CODECS, noisy_images, put, sound
from tests.helpers.drawing import write_video
from tests.helpers.mutants import KINDS, flip, mutate
from tests.helpers.odd_videos import odd_video, write_odd
from tests.helpers.paths import ROOT

pytestmark = pytest.mark.large


@pytest.fixture(scope="module")
def victims(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Collect videos to damage: drawn and odd ones, and small real ones if there are any."""
    folder = tmp_path_factory.mktemp("victims")
    for suffix in CODECS:
        put(folder, f"drawn{suffix}", sound(suffix))
    images = noisy_images()[:40]
    write_video(folder / "hevc.mp4", images, codec="libx265", b_frames=3)
    write_video(folder / "av1.mkv", images, codec="libsvtav1")
    write_video(folder / "fields.mp4", images, interlaced=True)
    write_video(folder / "jpeg.mov", images, codec="mjpeg", pix_fmt="yuvj420p")
    for number in range(20):
        video = odd_video(number)
        if video.hw[0] < 200:
            write_odd(folder / f"odd{number}{video.suffix}", video)
    data = ROOT.parent / "shared/data"
    small = ("single_face.mp4", "carphone_pristine.mp4", "obama_speech.mp4")
    for path in [
        *(data / "real" / name for name in small),
        *sorted(data.glob("acted/videos/s00[0-2]/*"))[::3],
    ]:
        if path.is_file():
            shutil.copyfile(path, folder / f"real_{path.name}")
    return folder


def run_mutants(folder: Path, *, seed: int, count: int, each: int = 50) -> dict[int, str]:
    """Return the outcomes by number of mutation; each process, which may die, does ``each``."""
    outcomes: dict[int, str] = {}
    for start in range(0, count, each):
        stop = min(start + each, count)
        command = [
            sys.executable,
            "-m",
            "tests.helpers.mutants",
            str(folder),
            *map(str, (seed, start, stop)),
        ]
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
        )
        last = done.stdout.splitlines()[-1:]
        assert done.returncode == 0, f"ended with {done.returncode} at {last}: {done.stderr}"
        for line in done.stdout.splitlines():
            kind, number, outcome = line.split(" ", 2)
            if kind == "=":
                outcomes[int(number)] = outcome
    return outcomes


def check_outcomes(outcomes: dict[int, str], count: int) -> None:
    assert sorted(outcomes) == list(range(count))
    reasons = {each.split(" ")[0] for text in outcomes.values() for each in text.split("; ")}
    assert reasons <= {"frames", *REASONS}
    assert {"frames", "truncated", "corrupt", "not_a_video"} <= reasons


def test_mutations_are_the_same_each_time(victims: Path) -> None:
    paths = sorted(victims.iterdir())
    assert [k.__name__ for k in KINDS][:1] == [flip.__name__]
    for number in range(16):
        kind, path, data = mutate(paths, seed=1, number=number)
        assert (kind, path, data) == mutate(paths, seed=1, number=number)
        assert kind == KINDS[number % len(KINDS)].__name__
        assert data != path.read_bytes()


def test_300_mutations_end_in_frames_or_a_reason(victims: Path) -> None:
    """Check that each mutation has an outcome."""
    check_outcomes(run_mutants(victims, seed=1, count=300), 300)


@pytest.mark.slow
def test_6000_mutations_end_in_frames_or_a_reason(victims: Path) -> None:
    check_outcomes(run_mutants(victims, seed=2, count=6000, each=500), 6000)
