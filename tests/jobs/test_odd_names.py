"""An archive of 1,000 names and links of every kind, through all jobs and the endpoint."""

from __future__ import annotations

import os
import random
import socket
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

pytest.importorskip("ray.serve")

from ray import serve

from emotion import storage
from emotion.video.decode import Limits, VideoFacts, sample_frames
from jobs import export
from serve.app import application
from serve.options import Options
from tests.emotion.storage.test_names import ODD_PARTS
from tests.helpers.building import build, rows
from tests.helpers.drawing import write_video
from tests.helpers.ports import free_port
from tests.helpers.scoring import score

pytestmark = [pytest.mark.slow, pytest.mark.large, pytest.mark.timeout(3600)]

NUM_NAMES = 1000
FORMATS = ("vtt", "eaf", "textgrid", "csv", "report")
ENDS = {"vtt": "vtt", "eaf": "eaf", "textgrid": "TextGrid", "report": "html"}


def odd_names(number: int, *, on_disk: bool) -> list[str]:
    """Return different names of videos, of up to three odd parts, in a fixed random order."""
    draw = random.Random(18)
    odd = [part for part in ODD_PARTS if on_disk or "\n" not in part]
    letters = "".join(
        c for c in map(chr, range(32, 0x2FA0))
        if c not in "/" and unicodedata.category(c) not in ("Cc", "Cn", "Co", "Cs")
    )  # fmt: skip
    names = {"a.mp4": None, "A.mp4": None, "é.mp4": None, "e\u0301.mp4": None}
    names |= {"x" * 251 + ".mp4": None, "日" * 83 + ".mp4": None, "d/" * 80 + "deep.mp4": None}
    if not on_disk:
        names |= dict.fromkeys(("/top.mp4", "http://host/a.mp4", "s3://b/a.mp4", "x//a.mp4"))
    while len(names) < number:
        parts = [
            draw.choice(odd) + "".join(draw.choices(letters, k=draw.randrange(6)))
            for _ in range(draw.randint(1, 3))
        ]
        name = "/".join(parts) + f"{draw.choice(odd)}.{draw.choice(('mp4', 'MP4'))}"
        if not any(part.startswith(".") or len(part.encode()) > 255 for part in name.split("/")):
            names[name] = None
    return list(names)


@pytest.fixture(scope="module")
def clip(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return a video of one second with a face."""
    source = corpus / "videos/s0/happy.mp4"
    found = sample_frames(source, sample_fps=8, limits=Limits(), facts=VideoFacts(), stop=8)
    frames = [frame.image for frame in found]
    return write_video(tmp_path_factory.mktemp("clip") / "clip.mp4", frames, fps=8).read_bytes()


def copy_number(clip: bytes, number: int) -> bytes:
    """Return the video with a free box at its end, so that no two files are equal."""
    return clip + b"\0\0\0\x0cfree" + number.to_bytes(4, "big")


def write_disk(root: Path, names: list[str], clip: bytes) -> dict[str, str]:
    """Write the videos, and what is no video; return the reasons of the latter by name."""
    for number, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(copy_number(clip, number))
    Path(os.fsdecode(os.fsencode(root) + b"/caf\xe9.mp4")).write_bytes(clip)
    for name, target in {"self.mp4": "self.mp4", "gone.mp4": "nowhere", "up": "."}.items():
        (root / name).symlink_to(target)
    os.mkfifo(root / "pipe.mp4")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(root / "socket.mp4"))
    return {
        "caf\\xe9.mp4": "bad_name", "self.mp4": "storage_error", "gone.mp4": "missing",
        "up": "storage_error", "pipe.mp4": "not_a_video", "socket.mp4": "not_a_video",
    }  # fmt: skip


@pytest.fixture
def archive(store: str, clip: bytes, tmp_path: Path) -> tuple[str, list[str], dict[str, str]]:
    """Write the archive; return its root, the names of its videos and the reasons of rejects."""
    on_disk = not store.startswith("s3://")
    keys = odd_names(NUM_NAMES, on_disk=on_disk)
    root = f"{store}/v"
    reasons = {}
    if on_disk:
        reasons = write_disk(Path(root), keys, clip)
    else:
        for number, key in enumerate(keys):
            storage.write_bytes(storage.join(root, key), copy_number(clip, number))
    return root, [storage.name_of_key(key) for key in keys], reasons


@pytest.fixture
def endpoint(archive: tuple[str, list[str], dict[str, str]], package: Path) -> Iterator[str]:
    """Serve the package for videos of the archive."""
    port = free_port()
    serve.start(http_options={"host": "127.0.0.1", "port": port})
    options = Options(package=str(package), allow_uri=(archive[0],), replica_cpus=0.5)
    serve.run(application(options), name="video-emotion")
    yield f"http://127.0.0.1:{port}"
    serve.shutdown()  # type: ignore[no-untyped-call]


def test_every_name_goes_through_every_job(
    archive: tuple[str, list[str], dict[str, str]],
    store: str,
    package: Path,
    local_ray: None,
    endpoint: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    root, names, reasons = archive
    quoted = ('"' + name.replace('"', '""') + '"' for name in names)
    lines = ["uri,subject_id,label,split", *(f"{q},s0,happy,train" for q in quoted)]
    storage.write_bytes(f"{store}/labels.csv", "\n".join(lines).encode())
    out = f"{store}/dataset"
    assert build(root, out, "--labels", f"{store}/labels.csv") == 0
    assert sorted(row["uri"] for row in rows(out, "videos")) == sorted(names)
    assert {r["uri"]: r["reason"] for r in rows(out, "rejects")} == reasons
    assert len({row["video_id"] for row in rows(out, "faces")}) == len(names)

    scores = f"{store}/scores"
    assert score(root, package, scores) == 0
    assert sorted(row["uri"] for row in rows(scores, "videos")) == sorted(names)
    assert len({row["video_id"] for row in rows(scores, "scores")}) == len(names)

    given = ["--scores", scores, "--out", f"{store}/export", "--formats", *FORMATS]
    assert export.main(given) == 0
    for form, end in ENDS.items():
        files = [f.uri for f in storage.list_files(f"{store}/export/{form}")]
        assert sum(uri.endswith(f".{end}") for uri in files) == len(names)
    capsys.readouterr()
    assert export.main(given) == 0
    assert "nothing to do" in capsys.readouterr().out

    expected = {row["uri"]: row for row in rows(scores, "videos")}
    for name in [*names[:8], *random.Random(4).sample(names, 52)]:
        uri = storage.locate(root, name)
        answer = httpx.post(f"{endpoint}/v1/predict", json={"uri": uri}, timeout=60)
        assert answer.status_code == 200, (name, answer.text)
        assert answer.json()["label"] == expected[name]["label"]
