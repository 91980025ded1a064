"""Workers of a job, and the interface of what runs them.

A worker is an object that does one item of work after the other. A runner makes workers and gives
them items: ``jobs.common.processes`` on this machine, ``jobs.common.cluster`` on Ray.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, Protocol

from jobs.common.under_way import Amounts

RunnerName = Literal["auto", "ray", "processes"]
"""Values of --runner."""

Item = dict[str, Any]
"""One item of work, or its result: plain values by name."""

Worker = Callable[[Item], Item]

# One thread per library in every worker: parallelism comes from the processes.
WORKER_ENV = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "GX_ANALYTICS_ENABLED": "false"}


class Runner(Protocol):
    """Workers of one job on one machine or on a cluster."""

    name: Literal["processes", "ray"]

    @property
    def cpus(self) -> int:
        """Number of CPUs for workers, at least 1."""

    @property
    def resources(self) -> Mapping[str, float]:
        """Resources by Ray's names, such as ``{"CPU": 16.0}``."""

    def under_way(self) -> Amounts:
        """Return how far the items are that are begun and not finished; see ``ItemState``."""

    def map(
        self,
        worker: Callable[..., Worker],
        args: tuple[Any, ...],
        items: Sequence[Item],
        *,
        video_s: float,
    ) -> Iterator[Item]:
        """Yield the result of every item, in the order in which workers finish.

        Args:
            worker: class of the workers; each process calls ``worker(*args)`` once.
            args: arguments of the class; they and the items are copied to the processes.
            items: at least one item; each is given to one worker. If the worker's process dies, it
                is given to another.
            video_s: seconds of video of all items, by which the number of workers is chosen.

        Raises:
            EmotionError: if an item ended its worker's process several times.
            Exception: any exception of a worker.
        """
