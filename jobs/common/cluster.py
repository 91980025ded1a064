"""Connection of a job to a Ray cluster or to a local Ray, and its workers there."""

from __future__ import annotations

import contextlib
import functools
import logging
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

import ray
from ray._private.services import canonicalize_bootstrap_address
from ray._private.state import state
from ray.data import ActorPoolStrategy, DataContext, from_items

from emotion.errors import InputError
from emotion.import_root import IMPORT_ROOT
from jobs.common.surroundings import OF_RAY, check_cluster, check_temporary_folder
from jobs.common.under_way import BOARD, INTERVAL_S, NOTHING, Amounts, total
from jobs.common.verbose import is_verbose, ray_logging
from jobs.common.workers import WORKER_ENV, Item, Worker

MOST_STARTS = 3
"""Number of times that a local Ray is started before the job ends with an error."""

TOO_SLOW = "timed out during startup"
"""Words of Ray's error, a bare Exception, if a local Ray is not up after 30 s."""

STATE_S = 60.0
"""Seconds for which the state of a worker counts: a worker that died sends no more."""

VIDEO_S_PER_WORKER = 60.0
"""Seconds of video for which one more worker is worth its start."""


@contextlib.contextmanager
def session(address: str | None) -> Iterator[None]:
    """Connect to Ray during the block; use and keep a connection that already exists.

    Args:
        address: ``ray://...``, ``host:port``, ``auto``, or ``local`` for a local Ray. None takes
            $RAY_ADDRESS (which ``ray job submit`` sets), else ``local``. A local Ray ends with the
            block.

    Raises:
        InputError: if no cluster answers at the address, or a local Ray does not start.
    """
    if ray.is_initialized():  # an earlier step of the same process, such as the demo's
        yield
        return
    address = address or os.environ.get("RAY_ADDRESS") or "local"
    check_cluster(_latest_cluster() if address == "auto" else address)
    if address == "local":
        check_temporary_folder(OF_RAY, "RAY_TMPDIR")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if not is_verbose():
        os.environ.setdefault("RAY_DATA_LOG_LEVEL", "ERROR")  # does in workers what quiet_data does
    # The watcher requests a checkpoint before a node stops. Each epoch writes one already.
    os.environ.setdefault("RAY_TRAIN_ENABLE_PREEMPTION_WATCHER", "0")
    # Ray Train accepts one report of an epoch each time it polls its workers. The default interval
    # is 2 s, so an epoch of half a second would last 2 s.
    os.environ.setdefault("RAY_TRAIN_HEALTH_CHECK_INTERVAL_S", "0.2")
    # Hide the message of every start that Ray's own token protects the local cluster.
    logging.getLogger("ray._private.authentication").setLevel(logging.ERROR)
    _connect(address)
    quiet_data()
    try:
        yield
    finally:
        ray.shutdown()


def _latest_cluster() -> str:
    """Return the address of the latest cluster of this machine, which Ray keeps in a file.

    The cluster may be gone: after a crash, Ray would look for it for minutes.
    """
    try:
        latest = canonicalize_bootstrap_address("auto")
    except ConnectionError as err:
        raise InputError(
            "no Ray cluster was started on this machine; run ray start --head, or unset "
            "RAY_ADDRESS and leave out --address"
        ) from err
    return latest or "local"


def _connect(address: str) -> None:
    for attempt in range(1, MOST_STARTS + 1):
        try:
            # Ray's workers import first from the current folder.
            with contextlib.chdir(IMPORT_ROOT), ray_logging() as options:
                ray.init(
                    address=address,
                    include_dashboard=False if address == "local" else None,
                    **options,
                )
        except ConnectionError as err:
            raise InputError(f"no Ray cluster answers at {address}: {err}") from err
        except Exception as err:
            if TOO_SLOW not in str(err):
                raise
            if attempt == MOST_STARTS:
                raise InputError(
                    f"Ray did not start on this machine within 30 s, {attempt} times: it is too "
                    "busy; end other programs and run the same command again"
                ) from err
        else:
            return


def quiet_data() -> None:
    """Turn off the progress bars of Ray Data; jobs use jobs.common.progress."""
    DataContext.get_current().enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.WARNING)
    logging.getLogger("ray.data._internal.progress").setLevel(
        logging.ERROR
    )  # it prints that the bars are off


def cluster_cpus() -> int:
    """Return the number of CPUs of the connected cluster, rounded down; at least 1."""
    return max(1, int(cluster_resources().get("CPU", 1)))


def useful_workers(video_s: float, most: int) -> int:
    """Return how many workers are worth starting for ``video_s`` seconds of video; 1 to ``most``.

    A worker's process takes about 5 s of CPU time to start, in which it could read a minute.
    """
    return max(1, math.ceil(min(most, video_s / VIDEO_S_PER_WORKER)))


def cluster_nodes() -> int:
    """Return the number of live machines of the connected cluster; at least 1."""
    return max(1, sum(node["Alive"] for node in ray.nodes()))  # type: ignore[no-untyped-call]


def cluster_gpus() -> int:
    """Return the number of GPUs of the connected cluster, 0 without GPUs."""
    return int(cluster_resources().get("GPU", 0))


def cluster_resources() -> dict[str, float]:
    """Return the resources of the connected cluster by Ray's names, such as CPU and GPU."""
    resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    return resources


def possible(resource: str) -> float:
    """Return how much of a resource, such as CPU, the cluster has or can grow to; 0 without it.

    A cluster with an autoscaler may have no machine yet. Its autoscaler says how many of each kind
    it may start (Ray's autoscaler v2 does, also KubeRay's; without it only machines count that are
    there).
    """
    most = state.get_max_resources_from_cluster_config() or {}
    return max(cluster_resources().get(resource, 0.0), float(most.get(resource, 0)))


def pool(most: int, now: int) -> ActorPoolStrategy:
    """Return a pool of up to ``most`` actors that Ray Data enlarges and reduces with the cluster.

    Args:
        most: number of actors for which there is work, at least 1.
        now: number of actors for which there is room now. They are started at the same time;
            without it Ray Data would add them one by one, each after the previous one has loaded.
    """
    return ActorPoolStrategy(min_size=1, max_size=most, initial_size=max(1, min(most, now)))


class UnderWayBoard:
    """Actor that keeps the latest state of each worker; see ``jobs.common.under_way``."""

    def __init__(self) -> None:
        self._states: dict[str, tuple[float, Amounts]] = {}

    def put(self, worker: str, amounts: Amounts) -> None:
        """Keep the state of a worker."""
        self._states[worker] = time.monotonic(), amounts

    def total(self) -> Amounts:
        """Return the sum of the states that are not older than ``STATE_S``."""
        oldest = time.monotonic() - STATE_S
        return total(amounts for at, amounts in self._states.values() if at >= oldest)


class RayRunner:
    """Runner whose workers are actors of the connected Ray."""

    name: Literal["processes", "ray"] = "ray"

    @functools.cached_property
    def _board(self) -> Any:
        """Actor that the first call starts: runs without a progress bar do without it."""
        actor: Any = ray.remote(num_cpus=0, max_restarts=-1)(UnderWayBoard)
        # Steps of one process, such as the demo's, share a connection, and so the actor.
        return actor.options(name=BOARD, get_if_exists=True).remote()

    def under_way(self) -> Amounts:
        """Return how far the items are that are begun and not finished; nothing if unknown."""
        try:
            amounts: Amounts = ray.get(self._board.total.remote(), timeout=INTERVAL_S)
        except (ray.exceptions.RayError, ray.exceptions.GetTimeoutError):
            return NOTHING
        return amounts

    @property
    def cpus(self) -> int:
        """Number of CPUs of the cluster, at least 1."""
        return cluster_cpus()

    @property
    def resources(self) -> Mapping[str, float]:
        """Resources of the cluster."""
        return cluster_resources()

    def map(
        self,
        worker: Callable[..., Worker],
        args: tuple[Any, ...],
        items: Sequence[Item],
        *,
        video_s: float,
    ) -> Iterator[Item]:
        """Yield the result of every item; see ``jobs.common.workers.Runner``."""
        most = useful_workers(video_s, len(items))
        rows = from_items(list(items), override_num_blocks=len(items)).map(
            worker,  # type: ignore[arg-type]  # Ray's stubs do not know actor classes here
            fn_constructor_args=args,
            compute=pool(most, self.cpus),
            num_cpus=1,
            runtime_env={"env_vars": WORKER_ENV},
        )
        return iter(rows.iter_rows())
