"""Running the training workers from the driver: resources, checkpoints, a line per epoch."""

from __future__ import annotations

import math
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
from emotion.train.checkpoint import EpochRow, RunState, read_state
from jobs.common import cluster
from jobs.training.ingest import ReadClips, clips_of
from jobs.training.input import TrainInput
from jobs.training.worker import WorkerPlan, train_worker

THREADS_ENV = {"OMP_WAIT_POLICY": "PASSIVE"}
"""Threads that wait sleep: spinning ones took ten times as long on cores that others use too."""

OnEpoch = Callable[[EpochRow, int, bool], None]
"""Called on the driver with a row, the best epoch so far, and whether the row is new."""


def nothing(row: EpochRow, best_epoch: int, fresh: bool) -> None:
    """An ``OnEpoch`` that does nothing."""


@dataclass(frozen=True)
class Workers:
    """How many processes train.

    Attributes:
        least: a run waits for as many.
        most: as many are used where the cluster has room; more than ``least`` is elastic.
        runs: how many such runs share the cluster.
    """

    least: int
    most: int
    runs: int = 1

    @classmethod
    def parse(cls, text: str | None, *, runs: int = 1) -> Workers:
        """``4``, or ``2-8``; None takes one per GPU of the run's share, or one where there is none.

        Raises:
            InputError: if it is neither.

        >>> Workers.parse("2-8")
        Workers(least=2, most=8, runs=1)
        """
        if text is None:
            num = max(1, cluster.cluster_gpus() // runs)
            return cls(num, num, runs)
        least, _, most = text.partition("-")
        if not least.isdecimal() or not (most or "1").isdecimal():
            raise InputError(f"--workers is {text!r}; it must be a number, or a range such as 2-8")
        found = cls(int(least), int(most or least), runs)
        if not 1 <= found.least <= found.most:
            raise InputError(f"--workers is {text!r}; a range goes from 1 or more upwards")
        return found

    @property
    def divisor(self) -> int:
        """What a number of rows must be a multiple of to be shared evenly, however many come."""
        return math.lcm(*range(self.least, self.most + 1))


def scaling(workers: Workers) -> ray.train.ScalingConfig:
    """GPUs where each worker can have one; a share of the cores otherwise, so that ingest has some.

    Runs that share the cluster get equal parts; single workers of several runs may share a GPU.

    Raises:
        InputError: if there are GPUs, but fewer than workers.
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
    """How Ray Train writes checkpoints below ``uri``: its filesystem (None: local) and path there.

    pyarrow does not read AWS_ENDPOINT_URL by itself.
    """
    if not uri.startswith("s3://"):
        return None, uri
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    options = {"endpoint_override": endpoint} if endpoint else {}
    return pyarrow.fs.S3FileSystem(**options), uri.removeprefix("s3://")


@contextmanager
def epoch_rows(on_epoch: OnEpoch) -> Iterator[Queue]:
    """A queue whose epoch rows are given to ``on_epoch`` here, on the driver, as they come.

    What ``on_epoch`` raises is raised when the block ends; training goes on until then.
    """
    queue = Queue(actor_options={"num_cpus": 0})
    with ThreadPoolExecutor(1) as pool:
        handing_on = pool.submit(_hand_on, queue, on_epoch)
        try:
            yield queue
        finally:
            queue.put(None)
            wait([handing_on])
            queue.shutdown()
    handing_on.result()


def _hand_on(queue: Queue, on_epoch: OnEpoch) -> None:
    while (item := queue.get()) is not None:
        row, best_epoch, fresh = item
        on_epoch(EpochRow(**row), best_epoch, fresh)


def epoch_line(row: EpochRow, *, epochs: int, best_epoch: int) -> str:
    """One line of progress."""
    mark = "  best" if row.epoch == best_epoch else ""
    return (
        f"epoch {row.epoch:>3}/{epochs}  loss {row.train_loss:.3f}  "
        f"val loss {row.val_loss:.3f} war {row.val_war:.3f} uar {row.val_uar:.3f}  "
        f"{row.wall_s:.1f} s  {row.clips_per_s:.0f} clips/s{mark}"
    )


@dataclass(frozen=True)
class Fitted:
    """How a run ended: the last checkpoint's state, and the line that it stopped with, if any.

    One that was ``halted`` did not come to its end either: who told it to end knows why.
    """

    state: RunState
    fault: str | None
    halted: bool = False


def fit(
    plan: WorkerPlan,
    data: TrainInput,
    *,
    workers: Workers,
    out: str,
    max_failures: int,
    on_epoch: OnEpoch,
    initial: Mapping[str, Tensor] | None = None,
) -> Fitted:
    """Run the workers to the end, from the last checkpoint if there is one.

    A worker that dies is started again by Ray, with the others, from the last checkpoint. All
    start from the ``initial`` tensors that the driver read, wherever they run.

    Raises:
        InputError: with a worker's own message, if it stopped before the first epoch ended.
    """
    faults = Queue(actor_options={"num_cpus": 0})
    try:
        with epoch_rows(on_epoch) as progress:
            start = ray.put(weights_bytes(initial)) if initial else None
            full = replace(plan, progress=progress, faults=faults, initial=start)
            result = _trainer(full, data, workers, out, max_failures).fit()
        fault = str(faults.get()) if not faults.empty() else None
    finally:
        faults.shutdown()
    halted = plan.halt is not None and not plan.halt.empty()
    if result.checkpoint is None:
        raise InputError(fault or f"no epoch was finished in --max-minutes {plan.max_minutes}")
    with result.checkpoint.as_directory() as folder:
        return Fitted(read_state(Path(folder))[0], fault, halted)


def _trainer(
    plan: WorkerPlan, data: TrainInput, workers: Workers, out: str, max_failures: int
) -> TorchTrainer:
    filesystem, path = arrow_filesystem(out)
    train, val = (ReadClips(split, data.labels, data.clip_shape) for split in ("train", "val"))
    return TorchTrainer(
        train_worker,
        train_loop_config={"plan": plan},
        scaling_config=scaling(workers),
        datasets={
            "train": clips_of(data.uri, train),
            "val": clips_of(data.uri, val, num_pads=-data.num_val % workers.divisor),
        },
        run_config=ray.train.RunConfig(
            name="checkpoints",
            storage_path=path,
            storage_filesystem=filesystem,
            checkpoint_config=ray.train.CheckpointConfig(num_to_keep=2),
            # One more than asked for: a fault that no new start mends costs one, see WorkerPlan.
            failure_config=ray.train.FailureConfig(max_failures=max_failures + 1),
            worker_runtime_env={"env_vars": THREADS_ENV},
            logging_config=ray.train.LoggingConfig(log_level="ERROR"),  # type: ignore[call-arg]
        ),
    )
