"""Files of the stored plan: their names, their copies, and the adding of one by one run alone."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from emotion import storage
from emotion.errors import InputError
from jobs.ledger.lock import Fence, LostLockError


def ledger_files(out: str, kind: str) -> list[str]:
    """Return the addresses of the stored plan's files, "plan" or "retired", in order of run."""
    files = storage.list_files(storage.join(out, "_ledger"), suffixes=(".parquet",))
    return [f.uri for f in files if f.name.startswith(f"{kind}-")]


def keep(made: Path, name: Path, fence: Fence | None) -> None:
    """Add a file to the stored plan, unless it exists: in the local folder and in the output.

    So two runs never make one plan of two, even if one was suspended after it checked its lock.

    Args:
        made: local file.
        name: its final name, in the local folder.
        fence: lock of the run; None adds it to the local folder alone.

    Raises:
        LostLockError: if another run has taken over the output, or has written the file.
    """
    made.replace(name)
    if fence is None:
        return
    fence.check()
    uri, data = f"{fence.out}/_ledger/{name.name}", name.read_bytes()
    if not storage.create_bytes(uri, data) and storage.read_bytes(uri) != data:
        raise LostLockError(
            f"another run has written _ledger/{name.name} of --out {fence.out}: leave the output "
            "to that run"
        )
    fence.confirm()  # the run may have been suspended before it wrote


def fetch(out: str, kind: str, folder: Path) -> int:
    """Copy the stored plan's files of a kind into a local folder; return the next file's number.

    Raises:
        InputError: if a file is damaged.
    """
    number = 0
    for file in ledger_files(out, kind) if out else []:
        name = file.rsplit("/", 1)[-1]
        if not (folder / name).exists():
            (folder / name).write_bytes(storage.read_bytes(file))
            _check(folder / name, file)
        number = max(number, int(name.split("-")[1].split(".")[0]) + 1)
    return number


def _check(copy: Path, uri: str) -> None:
    try:
        pq.read_metadata(copy)
    except (pa.ArrowInvalid, OSError) as err:
        raise InputError(
            f"{uri} is damaged ({err}): restore it from a copy, or name a new --out; without its "
            "plan nothing says what the output must hold"
        ) from err
