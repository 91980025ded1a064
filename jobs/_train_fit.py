"""Running the training workers from the driver: resources, checkpoints, a line per epoch."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pyarrow.fs
import ray.train
from ray.train.torch import TorchTrainer
from ray.util.queue import Queue

from emotion.errors import EmotionError, InputError
from emotion.learn.state import RunState, read_state
from jobs import _ray
from jobs._train_data import ReadClips, clips_of
from jobs._train_input import TrainInput
from jobs._train_worker import WorkerPlan, train_worker

THREADS_ENV = {"OMP_WAIT_POLICY": "PASSIVE"}
"""Threads that wait sleep: spinning ones took ten times as long on cores that others use too."""


def count_workers(wanted: int | None) -> int:
    """``wanted``, else one per GPU, or one on a cluster without."""
    return wanted or max(1, _ray.cluster_gpus())


def scaling(workers: int) -> ray.train.ScalingConfig:
    """GPUs where each worker can have one; a share of the cores otherwise, so that ingest has some.

    Raises:
        InputError: if there are GPUs, but fewer than workers.
    """
    gpus = _ray.cluster_gpus()
    if 0 < gpus < workers:
        raise InputError(f"--workers {workers} need a GPU each, the cluster has {gpus}")
    cpus = min(1.0, 0.5 * _ray.cluster_cpus() / workers)
    return ray.train.ScalingConfig(
        num_workers=workers, use_gpu=gpus > 0, resources_per_worker={"CPU": cpus} | _gpu(gpus)
    )


def _gpu(gpus: int) -> dict[str, float]:
    return {"GPU": 1.0} if gpus else {}


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
def epoch_lines(total: int) -> Iterator[Queue]:
    """A queue whose epoch rows are printed here, on the driver, as they come."""
    queue = Queue(actor_options={"num_cpus": 0})
    thread = threading.Thread(target=_print_lines, args=(queue, total), daemon=True)
    thread.start()
    try:
        yield queue
    finally:
        queue.put(None)
        thread.join()
        queue.shutdown()


def _print_lines(queue: Queue, total: int) -> None:
    while (item := queue.get()) is not None:
        row, best_epoch = item
        mark = "  best" if row["epoch"] == best_epoch else ""
        print(
            f"epoch {row['epoch']:>3}/{total}  loss {row['train_loss']:.3f}  "
            f"val loss {row['val_loss']:.3f} war {row['val_war']:.3f} uar {row['val_uar']:.3f}  "
            f"{row['wall_s']:.1f} s  {row['clips_per_s']:.0f} clips/s{mark}",
            flush=True,
        )


def fit(plan: WorkerPlan, data: TrainInput, *, workers: int, out: str) -> RunState:
    """Run the workers to the end, from the last checkpoint if there is one, and return its state.

    Raises:
        InputError: with a worker's own message, if it stopped for a reason that a user can mend.
    """
    filesystem, path = arrow_filesystem(out)
    train, val = (ReadClips(split, data.labels, data.clip_shape) for split in ("train", "val"))
    with epoch_lines(plan.recipe.epochs) as queue:
        trainer = TorchTrainer(
            train_worker,
            train_loop_config={"plan": replace(plan, progress=queue)},
            scaling_config=scaling(workers),
            datasets={
                "train": clips_of(data.uri, train),
                "val": clips_of(data.uri, val, num_pads=-data.num_val % workers),
            },
            run_config=ray.train.RunConfig(
                name="checkpoints",
                storage_path=path,
                storage_filesystem=filesystem,
                checkpoint_config=ray.train.CheckpointConfig(num_to_keep=2),
                worker_runtime_env={"env_vars": THREADS_ENV},
                logging_config=ray.train.LoggingConfig(log_level="ERROR"),  # type: ignore[call-arg]
            ),
        )
        try:
            result = trainer.fit()
        except ray.train.TrainingFailedError as err:
            raise_readable(err)
            raise
    if result.checkpoint is None:
        raise InputError(f"no epoch was finished in --max-minutes {plan.max_minutes}")
    with result.checkpoint.as_directory() as folder:
        return read_state(Path(folder))[0]


def raise_readable(err: ray.train.TrainingFailedError) -> None:
    """Raise the InputError that a worker stopped with, if it was one.

    Raises:
        InputError: with the worker's message.
    """
    failures: dict[int, BaseException] = getattr(err, "worker_failures", {})
    for cause in failures.values():
        link: BaseException | None = cause
        while link is not None:
            if isinstance(link, EmotionError):
                raise InputError(str(getattr(link, "cause", link))) from None
            link = link.__cause__
