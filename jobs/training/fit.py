"""Start of the training workers by the driver: resources, checkpoints, results of epochs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow.fs
import ray
import ray.train
from ray.train.torch import TorchTrainer
from ray.util.queue import Queue
from torch import Tensor

from emotion.errors import InputError
from emotion.package.model_package import weights_bytes
from emotion.train.checkpoint import RunState, read_state
from emotion.train.history import EpochRow
from jobs.common import cluster
from jobs.training.worker import WorkerPlan, train_worker

THREADS_ENV = {"OMP_WAIT_POLICY": "PASSIVE"}
"""Environment variables of the workers. With this value waiting threads sleep. Threads that wait
actively made an epoch ten times as long on cores that other processes also use."""

OnEpochEnd = Callable[[EpochRow, int, bool], None]
"""Callback on the driver after an epoch.

It gets the row of the epoch, the number of the best epoch so far, and True if this start of the run
trained the epoch, or False if an earlier start did.
"""


@dataclass(frozen=True)
class WorkerCount:
    """Number of training workers (processes) of a run.

    Attributes:
        least: minimum number of workers with which the run starts.
        most: maximum number, used if the cluster has room; if it is above ``least``, the run is
            elastic.
        runs: number of runs that share the cluster.
    """

    least: int
    most: int
    runs: int = 1

    @classmethod
    def parse(cls, text: str | None, *, runs: int = 1) -> WorkerCount:
        """Read ``4`` or ``2-8``; None is one worker per GPU of the run's share, at least one.

        Args:
            text: value of ``--workers``.
            runs: number of runs that share the cluster.

        Raises:
            InputError: if ``text`` is not a number or range from 1 upwards.

        >>> WorkerCount.parse("2-8")
        WorkerCount(least=2, most=8, runs=1)
        """
        if text is None:
            num = max(1, cluster.cluster_gpus() // runs)
            return cls(num, num, runs)
        least, _, most = text.partition("-")
        if not least.isdecimal() or not (most or "1").isdecimal():
            raise InputError(f"--workers is {text!r}; it must be a number, or a range such as 2-8")
        count = cls(int(least), int(most or least), runs)
        if not 1 <= count.least <= count.most:
            raise InputError(f"--workers is {text!r}; a range goes from 1 or more upwards")
        return count


def scaling(workers: WorkerCount) -> ray.train.ScalingConfig:
    """Return the resources of the workers: one GPU each, or without GPUs a share of the cores.

    Half of the cores stay free for the other processes of a run. Runs that share the cluster get
    equal parts. If each of several runs has one worker, the workers may share a GPU.

    Raises:
        InputError: if the cluster has GPUs, but fewer than ``workers.least``.
    """
    gpus = cluster.cluster_gpus()
    if 0 < gpus < workers.least:
        raise InputError(f"--workers {workers.least} need a GPU each, the cluster has {gpus}")
    cpus = min(1.0, 0.5 * cluster.cluster_cpus() / (workers.most * workers.runs))
    sharing = -(-workers.runs // gpus) if gpus and workers.most == 1 else 1
    num: Any = workers.least if workers.least == workers.most else (workers.least, workers.most)
    return ray.train.ScalingConfig(
        num_workers=num,
        use_gpu=gpus > 0,
        resources_per_worker={"CPU": cpus} | ({"GPU": 1.0 / sharing} if gpus else {}),
    )


def arrow_filesystem(uri: str) -> tuple[pyarrow.fs.FileSystem | None, str]:
    """Return the filesystem and the path with which Ray Train writes below ``uri``.

    The filesystem is None for a local path. pyarrow does not read AWS_ENDPOINT_URL, so this
    function passes it.
    """
    if not uri.startswith("s3://"):
        return None, uri
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    options = {"endpoint_override": endpoint} if endpoint else {}
    return pyarrow.fs.S3FileSystem(**options), uri.removeprefix("s3://")


@contextmanager
def epoch_rows(on_epoch_end: OnEpochEnd) -> Iterator[Queue]:
    """Yield a queue; a thread on the driver calls ``on_epoch_end`` for each item of the queue.

    If ``on_epoch_end`` raises an error, training continues, and the error is raised at the end of
    the block.
    """
    queue = Queue(actor_options={"num_cpus": 0})
    with ThreadPoolExecutor(1) as pool:
        calls = pool.submit(_call_with_rows, queue, on_epoch_end)
        try:
            yield queue
        finally:
            queue.put(None)
            wait([calls])
            queue.shutdown()
    calls.result()


def _call_with_rows(queue: Queue, on_epoch_end: OnEpochEnd) -> None:
    while (item := queue.get()) is not None:
        row, best_epoch, is_new = item
        on_epoch_end(EpochRow(**row), best_epoch, is_new)


def epoch_line(row: EpochRow, *, epochs: int, best_epoch: int) -> str:
    """Return the line that is printed after an epoch."""
    mark = "  best" if row.epoch == best_epoch else ""
    return (
        f"epoch {row.epoch:>3}/{epochs}  loss {row.train_loss:.3f}  "
        f"val loss {row.val_loss:.3f} war {row.val_war:.3f} uar {row.val_uar:.3f}  "
        f"{row.wall_s:.1f} s  {row.clips_per_s:.0f} clips/s{mark}"
    )


@dataclass(frozen=True)
class FitResult:
    """Result of the training workers.

    Attributes:
        state: state of the last checkpoint.
        fault: message of the error that stopped the run; None without an error.
        halted: True if the run was stopped on request before its last epoch.
    """

    state: RunState
    fault: str | None
    halted: bool = False


def fit(
    plan: WorkerPlan,
    *,
    workers: WorkerCount,
    out: str,
    max_failures: int,
    on_epoch_end: OnEpochEnd,
    initial: Mapping[str, Tensor] | None = None,
) -> FitResult:
    """Run the workers to the end, from the last checkpoint if there is one.

    When a worker dies, Ray starts all workers again from the last checkpoint.

    Args:
        plan: plan that every worker follows; its queues and ``initial`` are set here.
        workers: number of workers.
        out: folder of the run; checkpoints are written to ``out``/checkpoints.
        max_failures: number of restarts after dead workers.
        on_epoch_end: callback after each epoch.
        initial: pretrained tensors by the model's names, from which all workers start; None: none.

    Raises:
        InputError: if the run stopped before the first epoch ended; the message is the worker's.
    """
    faults = Queue(actor_options={"num_cpus": 0})
    try:
        with epoch_rows(on_epoch_end) as progress:
            start = ray.put(weights_bytes(initial)) if initial else None
            full = replace(plan, progress=progress, faults=faults, initial=start)
            result = _trainer(full, workers, out, max_failures).fit()
        fault = str(faults.get()) if not faults.empty() else None
    finally:
        faults.shutdown()
    halted = plan.halt is not None and not plan.halt.empty()
    if result.checkpoint is None:
        raise InputError(fault or f"no epoch was finished in --max-minutes {plan.max_minutes}")
    with result.checkpoint.as_directory() as folder:
        return FitResult(read_state(Path(folder))[0], fault, halted)


def _trainer(plan: WorkerPlan, workers: WorkerCount, out: str, max_failures: int) -> TorchTrainer:
    filesystem, path = arrow_filesystem(out)
    return TorchTrainer(
        train_worker,
        train_loop_config={"plan": plan},
        scaling_config=scaling(workers),
        run_config=ray.train.RunConfig(
            name="checkpoints",
            storage_path=path,
            storage_filesystem=filesystem,
            checkpoint_config=ray.train.CheckpointConfig(num_to_keep=2),
            # One retry more than the user's number: an error that a retry cannot fix uses one retry
            # (see WorkerPlan.faults).
            failure_config=ray.train.FailureConfig(max_failures=max_failures + 1),
            worker_runtime_env={"env_vars": THREADS_ENV},
            logging_config=ray.train.LoggingConfig(log_level="ERROR"),  # type: ignore[call-arg]
        ),
    )
