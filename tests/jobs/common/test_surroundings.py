"""Surroundings that would stop a job in the middle give one line at its start."""

from __future__ import annotations

import errno
import io
import os
import re
import resource
import socket
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest

from emotion import storage, weights
from emotion.errors import InputError
from jobs import build_dataset, score
from jobs.common import surroundings
from jobs.common.command import one_line_errors
from jobs.common.faults import expected_line
from tests.helpers.ports import free_port


@pytest.mark.parametrize(
    "address, message",
    [
        ("127.0.0.1:{port}", "no Ray cluster answers at 127.0.0.1:"),
        ("ray://127.0.0.1:{port}", "no Ray cluster answers at ray://127.0.0.1:"),
        ("ray://no-such-host.invalid:10001", "no Ray cluster answers"),
        ("http://127.0.0.1:8265", "is that of a dashboard.*ray job submit --address http"),
        ("10.0.0.1", "it must be like ray://HOST:10001"),
        ("host:port", "it must be like ray://HOST:10001"),
    ],
)
def test_a_cluster_that_is_gone_is_named_soon(address: str, message: str) -> None:
    began = time.monotonic()
    with pytest.raises(InputError, match=message):
        surroundings.check_cluster(address.format(port=free_port()))
    assert time.monotonic() - began < 10


def test_a_cluster_that_listens_is_joined() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        for address in (f"127.0.0.1:{port}", f"ray://localhost:{port}", "local"):
            surroundings.check_cluster(address)


@pytest.mark.parametrize("extra, allowed", [(0, True), (1, False), (60, False)])
def test_the_temporary_folder_leaves_room_for_a_socket(
    monkeypatch: pytest.MonkeyPatch, extra: int, allowed: bool
) -> None:
    name = "s" * 20
    monkeypatch.setenv("TMPDIR", "/" + "é" * 43 + "x" * extra)
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr("tempfile.gettempdir", lambda: os.environ["TMPDIR"])
    if allowed:
        surroundings.check_temporary_folder(len(name))
        return
    with pytest.raises(InputError, match=rf"{87 + extra} bytes, at most 87 .* set TMPDIR"):
        surroundings.check_temporary_folder(len(name))


def test_a_long_temporary_folder_ends_a_build_in_one_line(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 120)
    folder.mkdir()
    given = ["--videos", str(tmp_path), "--labels", "none.csv", "--out", str(tmp_path / "out")]
    starts = {
        "TMPDIR": "processes.import_ahead()",
        "RAY_TMPDIR": "next(cluster.session(None).gen)",
    }
    for name, start in starts.items():
        code = (
            "import sys; from jobs.common import cluster, processes\n"
            "from jobs.common.command import one_line_errors\n"
            "def main(argv=None):\n"
            f"    {start}\n"
            "sys.exit(one_line_errors(main)())"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, *given],
            env=os.environ | {"TMPDIR": str(folder)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 2, done.stderr
        assert re.fullmatch(rf"error: the temporary folder .* set {name} .*\n", done.stderr)


def test_little_address_space_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for limit in (2**30, 6 * 2**30 - 1):
        monkeypatch.setattr(resource, "getrlimit", lambda _, limit=limit: (limit, limit))
        with pytest.raises(InputError, match="ulimit -v unlimited"):
            surroundings.check_address_space()
    for limit in (6 * 2**30, resource.RLIM_INFINITY):
        monkeypatch.setattr(resource, "getrlimit", lambda _, limit=limit: (limit, limit))
        surroundings.check_address_space()


def test_too_little_memory_and_too_many_files_have_a_remedy() -> None:
    assert "ulimit -v" in str(expected_line(duckdb.OutOfMemoryException("Allocation failure")))
    assert "ulimit -v" in str(expected_line(MemoryError()))
    assert "ulimit -n" in str(expected_line(OSError(errno.EMFILE, "Too many open files")))
    assert expected_line(duckdb.ParserException("syntax")) is None


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"])
@pytest.mark.parametrize("url", ["127.0.0.1:9000", "minio", "ftp://host"])
def test_an_endpoint_without_a_scheme_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, url: str
) -> None:
    monkeypatch.setenv(name, url)
    with pytest.raises(InputError, match=f"{name} is '{url}', it must begin with http"):
        storage.exists("s3://bucket/a")


def test_a_user_without_a_home_has_a_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home(_: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "expanduser", no_home)
    assert weights.cache_folder().name == f"video-emotion-cache-{os.getuid()}"
    with pytest.raises(InputError, match="no home folder"):
        storage.absolute("~/videos")


@pytest.mark.parametrize(
    "flag, value, message",
    [
        ("--videos", "", "error: --videos is empty"),
        ("--out", "", "error: --out is empty"),
        ("--videos", "caf\udce9", "error: --videos caf\\xe9 is not UTF-8 text"),
    ],
)
def test_an_empty_or_odd_address_is_named(
    capsys: pytest.CaptureFixture[str], flag: str, value: str, message: str
) -> None:
    given = {"--videos": "v", "--labels": "l.csv", "--out": "o"} | {flag: value}
    assert build_dataset.main([word for pair in given.items() for word in pair]) == 2
    assert capsys.readouterr().err.startswith(message)
    assert score.main(["--videos", "", "--out", "o"]) == 2


def test_a_name_that_the_terminal_lacks_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))

    @one_line_errors
    def main(argv: object = None) -> int:
        print("日.mp4")  # noqa: T201
        return 0

    assert main() == 0
    sys.stdout.flush()
    assert raw.getvalue() == b"\\u65e5.mp4\n"
