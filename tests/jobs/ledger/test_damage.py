"""A finished output that somebody or a disk has damaged: the same command makes it whole."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from emotion.errors import InputError
from tests.helpers.interleaving import Archive, drive, is_complete, stub_build, tables

PART, ENTRY = "part-0000-000001.parquet", "_ledger/done/0000-000001.json"


def cut(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def lose_two(out: Path) -> None:
    (out / "clips" / PART).unlink()
    (out / "videos" / PART).unlink()


DAMAGES: dict[str, Callable[[Path], object]] = {
    "a part is gone": lambda out: (out / "clips" / PART).unlink(),
    "two parts are gone": lose_two,
    "a part is cut": lambda out: cut(out / "videos" / PART),
    "a part is empty": lambda out: (out / "rejects" / PART).write_bytes(b""),
    "an entry is empty": lambda out: (out / ENTRY).write_bytes(b""),
    "an entry is cut": lambda out: cut(out / ENTRY),
    "an entry is a list": lambda out: (out / ENTRY).write_text("[]"),
    "an entry lacks its values": lambda out: (out / ENTRY).write_text("{}"),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_the_same_command_makes_it_whole(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    damage: Callable[[Path], object],
) -> None:
    rng = random.Random(5)
    archive, out = Archive(tmp_path / "videos", rng), tmp_path / "out"
    stub_build(monkeypatch, rng)
    assert drive(archive, out, shard_minutes=0.02) == 0
    before = tables(out)
    capsys.readouterr()
    damage(out)
    assert drive(archive, out, shard_minutes=0.02) == 0
    printed = capsys.readouterr().out
    assert "is done again" in printed and "0000-000001" in printed
    assert is_complete(out) and tables(out) == before
    assert drive(archive, out, shard_minutes=0.02) == 0
    assert "is complete: nothing to do" in capsys.readouterr().out


def test_a_copied_output_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A copy has other times; the sizes of its parts are the same."""
    rng = random.Random(5)
    archive, out = Archive(tmp_path / "videos", rng), tmp_path / "out"
    stub_build(monkeypatch, rng)
    assert drive(archive, out, shard_minutes=0.02) == 0
    shutil.copytree(out, tmp_path / "copy", copy_function=shutil.copyfile)
    assert drive(archive, tmp_path / "copy", shard_minutes=0.02) == 0
    assert "is complete: nothing to do" in capsys.readouterr().out


def test_a_file_that_cannot_be_mended_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(5)
    archive, out = Archive(tmp_path / "videos", rng), tmp_path / "out"
    stub_build(monkeypatch, rng)
    assert drive(archive, out, shard_minutes=0.02) == 0
    before, plan = tables(out), out / "_ledger/plan-0000.parquet"
    data = plan.read_bytes()
    cut(plan)
    with pytest.raises(InputError, match="plan-0000.parquet is damaged .* restore it from a copy"):
        drive(archive, out, shard_minutes=0.02)
    plan.write_bytes(data)
    lock = max((out / "_ledger/lock").iterdir())
    cut(lock)
    with pytest.raises(InputError, match="is not JSON: .* works on the output, delete this file"):
        drive(archive, out, shard_minutes=0.02)
    lock.unlink()
    assert drive(archive, out, shard_minutes=0.02) == 0
    assert is_complete(out) and tables(out) == before
