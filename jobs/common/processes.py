"""Runner of a job's workers in processes of this machine, without Ray.

The processes are forks of one server process, which imports the modules of the workers once, while
the driver still makes its plan. So a job starts in a fraction of the time that Ray needs.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection, forkserver
from typing import Any, Literal

from pebble import ProcessExpired, ProcessPool

from emotion.errors import EmotionError
from emotion.import_root import import_environment
from jobs.common.surroundings import OF_PROCESSES, check_address_space, check_temporary_folder
from jobs.common.under_way import NOTHING, Amounts, read_from, write_to
from jobs.common.workers import WORKER_ENV, Item, Worker

MOST_ATTEMPTS = 4
"""Number of times that an item is begun. A file that ends its reader becomes a reject in the second
attempt, so more are for processes that die for other reasons. Also the number of pools that may
break one after the other without any result."""

_LOOK_AGAIN_S = 1.0

_context = multiprocessing.get_context("forkserver")
_worker: Worker | None = None  # the worker of this process; None in the driver


class ProcessRunner:
    """Runner whose workers are processes of this machine."""

    name: Literal["processes", "ray"] = "processes"

    def __init__(self) -> None:
        self._folder = ""  # of the temporary files of workers, while there are some

    @property
    def cpus(self) -> int:
        """Number of CPUs that this process may use, at least 1."""
        return len(os.sched_getaffinity(0))

    @property
    def resources(self) -> Mapping[str, float]:
        """The CPUs, by Ray's name."""
        return {"CPU": float(self.cpus)}

    def under_way(self) -> Amounts:
        """Return how far the items are that are begun and not finished."""
        return read_from(self._folder) if self._folder else NOTHING

    def map(
        self,
        worker: Callable[..., Worker],
        args: tuple[Any, ...],
        items: Sequence[Item],
        *,
        video_s: float,
    ) -> Iterator[Item]:
        """Yield the result of every item; see ``jobs.common.workers.Runner``.

        There is one process per CPU, or per item if there are fewer, because a fork starts in
        milliseconds: ``video_s`` is not used.
        """
        check_address_space()
        check_temporary_folder(OF_PROCESSES)
        with (
            tempfile.TemporaryDirectory(prefix="video-emotion-workers-") as folder,
            _hidden_main(),
        ):
            self._folder = folder
            attempts = dict.fromkeys(range(len(items)), 1)  # of the items without a result
            in_vain = 0
            while attempts:
                size = min(self.cpus, len(attempts))
                try:
                    with _pool(size, folder, worker, args) as pool:
                        for result in _results(pool, items, attempts):
                            in_vain = 0
                            yield result
                except BrokenProcessPool as err:
                    in_vain += 1
                    if in_vain == MOST_ATTEMPTS:
                        raise EmotionError(
                            "the workers' processes end before they do any work: there may be too "
                            "little memory, or a module beside the script hides one of Python's; "
                            "--runner ray takes Ray's"
                        ) from err


def _results(pool: ProcessPool, items: Sequence[Item], attempts: dict[int, int]) -> Iterator[Item]:
    """Yield the results of the items in ``attempts``, and remove these items from it.

    Raises:
        BrokenProcessPool: if a process ended while no item was begun, such as one that waited for
            work; pebble stops the whole pool then.
    """
    running = {_schedule(pool, items[k]): k for k in attempts}
    while running:
        # An item that was given just before the pool broke would be waited for without end.
        done = wait(running, timeout=_LOOK_AGAIN_S, return_when=FIRST_COMPLETED).done
        if not done and not pool.active:
            raise BrokenProcessPool
        for future in done:
            k = running.pop(future)
            try:
                result = future.result()
            except ProcessExpired as err:
                if attempts[k] == MOST_ATTEMPTS:
                    raise _too_often(items[k], err) from err
                attempts[k] += 1
                running[_schedule(pool, items[k])] = k
            else:
                del attempts[k]
                yield result


def _schedule(pool: ProcessPool, item: Item) -> Future[Item]:
    try:
        return pool.schedule(_do, args=(item,))
    except RuntimeError as err:  # the pool broke since the last result
        raise BrokenProcessPool from err


@contextlib.contextmanager
def _pool(
    size: int, folder: str, worker: Callable[..., Worker], args: tuple[Any, ...]
) -> Iterator[ProcessPool]:
    """Yield processes that keep temporary files in ``folder``.

    They end with the block, also in the middle of an item.
    """
    environment = dict(os.environ) | WORKER_ENV | {"TMPDIR": folder}
    pool = ProcessPool(
        max_workers=size,
        initializer=_start,
        initargs=(environment, worker, args),
        context=_context,
    )
    try:
        yield pool
    finally:
        pool.stop()  # type: ignore[no-untyped-call]
        pool.join()


@contextlib.contextmanager
def _hidden_main() -> Iterator[None]:
    """Hide the main script from new processes during the block.

    A new process of ``multiprocessing`` runs the main script again, without its guarded part. A
    script that calls a job without a guard, or that comes from standard input, fails there.
    """
    main = sys.modules["__main__"]
    before = {name: getattr(main, name, None) for name in ("__spec__", "__file__")}
    vars(main).update(dict.fromkeys(before))
    try:
        yield
    finally:
        vars(main).update(before)


def import_ahead(*modules: str) -> None:
    """Start the server process, which imports modules of workers; return at once.

    The modules are imported once per driver: later calls do nothing. Processes that need another
    module import it themselves.

    Raises:
        InputError: if the processes would have too little address space, or the path of the
            temporary folder is too long.
    """
    check_address_space()
    check_temporary_folder(OF_PROCESSES)
    variables = WORKER_ENV | import_environment()  # libraries read them when they are imported
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    # Ctrl-C reaches the whole group of processes; in the middle of an import it gives a traceback.
    signals = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        # pyarrow imports pandas, if it is installed, when it makes its first array from a list.
        _context.set_forkserver_preload([*modules, "pandas"])
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, signals)
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _start(
    environment: Mapping[str, str], worker: Callable[..., Worker], args: tuple[Any, ...]
) -> None:
    """Make the worker of this process, with the environment that the driver has now."""
    global _worker
    os.environ.clear()
    os.environ.update(environment)
    tempfile.tempdir = None  # read TMPDIR again
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the driver ends its workers
    threading.Thread(target=_end_with_driver, daemon=True).start()
    write_to(environment["TMPDIR"])
    _worker = worker(*args)


def _end_with_driver() -> None:
    driver = multiprocessing.parent_process()
    if driver is not None:
        connection.wait([driver.sentinel])
        shutil.rmtree(os.environ["TMPDIR"], ignore_errors=True)  # the driver was killed
        os._exit(1)


def _do(item: Item) -> Item:
    if _worker is None:
        raise RuntimeError("this process has no worker")
    return _worker(item)


def _too_often(item: Item, err: ProcessExpired) -> EmotionError:
    return EmotionError(
        f"shard {item.get('shard_id')} ended its worker {MOST_ATTEMPTS} times, at last with exit "
        f"code {err.exitcode}: there may be too little memory; give --runner ray, or run the same "
        "command again with more memory"
    )
