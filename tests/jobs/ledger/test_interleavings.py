"""Random interleavings of faults, second runs and changes: the tables are those of a quiet run."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from jobs.ledger.entries import read_entries
from tests.helpers.interleaving import (
    Archive,
    Fault,
    Writes,
    drive,
    is_complete,
    stub_build,
    tables,
)

pytestmark = pytest.mark.large


def interleave(seed: int, folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Run up to four builds with faults, then a quiet one, and compare it with a fresh output."""
    rng = random.Random(seed)
    archive, out = Archive(folder / "videos", rng), folder / "out"
    stub_build(patch, rng)
    writes = Writes(patch)

    def run(fault: Fault) -> int:
        minutes = rng.choice((0.02, 0.05, 1.0))
        return writes.during(fault, lambda: drive(archive, out, shard_minutes=minutes))

    def fault(*, nested: int = 0) -> Fault:
        kind = rng.choice(("kill", "outage", "none") if nested == 2 else KINDS)
        inner = fault(nested=nested + 1) if kind == "suspend" else Fault()
        changes = rng.random() < 0.5

        def meanwhile() -> None:
            if changes:
                archive.change()
            run(inner)

        return Fault(kind, rng.randrange(40), rng.random() < 0.5, meanwhile)

    for _ in range(rng.randint(1, 4)):
        run(fault())
        if rng.random() < 0.5:
            archive.change()
    if run(Fault()) != 0:  # the audit names a shard and ends the run; the next run builds it again
        assert not is_complete(out)
        assert run(Fault()) == 0
    assert is_complete(out)
    assert drive(archive, folder / "fresh", shard_minutes=0.05) == 0
    assert tables(out) == tables(folder / "fresh")
    totals = [sum(e.frames for e in read_entries(str(o))) for o in (out, folder / "fresh")]
    assert totals[0] == totals[1]


KINDS = ("kill", "outage", "suspend", "suspend", "none")


@pytest.mark.parametrize(
    "seed", [*range(20), 1281, 1309]
)  # the last two: parts removed by a later run
def test_a_quiet_run_after_any_faults_gives_the_tables_of_a_fresh_one(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interleave(seed, tmp_path, monkeypatch)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("first", range(1000, 3000, 100))
def test_two_thousand_interleavings(first: int, tmp_path: Path) -> None:
    for seed in range(first, first + 100):
        folder = tmp_path / str(seed)
        folder.mkdir()
        with pytest.MonkeyPatch.context() as patch:
            interleave(seed, folder, patch)
        shutil.rmtree(folder)
