"""Break a running job at a chosen moment, then run it again until it is complete."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from emotion import storage
from tests.helpers.faults import Job, done_shards, kill_one, wait_for
from tests.helpers.proxy import Proxy

CUT_S, BLINK_S = 10.0, 3.0


def parts(out: str, shards: list[str]) -> dict[str, str]:
    """Return the version (modification time or ETag) of every part and entry of ``shards``."""
    versions = {}
    for file in storage.list_files(out):
        kept = "/part-" in file.uri or "/_ledger/done/" in file.uri
        if kept and any(shard in file.uri for shard in shards):
            versions[file.uri] = file.version
    return versions


def attempts(out: str) -> list[str]:
    """Return the marks of shards that workers have started."""
    return [file.uri for file in storage.list_files(storage.join(out, "_ledger", "attempts"))]


def kill_driver(running: Job, _: Proxy | None) -> None:
    running.process.kill()


def kill_worker(running: Job, _: Proxy | None) -> None:
    kill_one(running, running.workers)


def kill_raylet(running: Job, _: Proxy | None) -> None:
    kill_one(running, running.raylets)


def cut_storage(_: Job, proxy: Proxy | None, *, for_s: float) -> None:
    assert proxy is not None
    proxy.cut()
    time.sleep(for_s)
    proxy.mend()


FAULTS: dict[str, Callable[[Job, Proxy | None], None]] = {
    "driver": kill_driver,
    "worker": kill_worker,
    "raylet": kill_raylet,
    "storage": partial(cut_storage, for_s=CUT_S),
    "blink": partial(cut_storage, for_s=BLINK_S),
}


def hurt(
    start: Callable[[str | None], Job],
    out: str,
    fault: str,
    *,
    after: int,
    wait_s: float,
    proxy: Proxy | None = None,
    begun: bool = False,
) -> int:
    """Break a run after ``after`` finished shards; run again until the output is complete.

    Args:
        start: starts the job, with the address of its storage or None.
        out: its output.
        fault: one of ``FAULTS``.
        after: finished shards before the fault.
        wait_s: seconds between then and the fault.
        proxy: in front of the storage.
        begun: wait also until a worker has started a shard.

    Returns:
        The number of runs. Later runs must leave finished parts as they are.
    """
    endpoint = proxy.url if proxy else None
    with start(endpoint) as running:
        wait_for(
            lambda: (
                (len(done_shards(out)) >= after and (attempts(out) or not begun))
                or running.process.poll() is not None
            )
        )
        time.sleep(wait_s)
        FAULTS[fault](running, proxy)
        code = running.wait()
    runs = 1
    while code != 0:
        assert runs < 3
        before = parts(out, done_shards(out))
        with start(endpoint) as running:
            code, runs = running.wait(), runs + 1
            assert code == 0, running.log
        now = parts(out, done_shards(out))
        assert before == {uri: now[uri] for uri in before}
    return runs
