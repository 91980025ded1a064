"""Choice of a job's runner: processes of this machine for small work, else Ray."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Literal

from emotion.errors import InputError
from jobs.common.workers import Runner, RunnerName

PROCESSES_UP_TO_S = 3600.0
"""Seconds of video up to which ``auto`` takes processes: there Ray's start is a large share."""


def choose_runner(
    name: RunnerName, address: str | None, *, video_s: float, gpu: bool = False
) -> Literal["ray", "processes"]:
    """Return the runner for ``--runner`` and ``--address``.

    Args:
        name: auto takes processes, unless an address is given by the option or $RAY_ADDRESS, Ray is
            connected already, the work can use a GPU, or there is more than ``PROCESSES_UP_TO_S``
            of video.
        address: address of a Ray cluster, see ``jobs.common.cluster.session``.
        video_s: seconds of video to work on.
        gpu: True if the work is faster on a GPU and this machine has one.

    Raises:
        InputError: for processes with an address.

    >>> choose_runner("processes", None, video_s=1e6)
    'processes'
    >>> choose_runner("auto", "10.0.0.1:6379", video_s=60)
    'ray'
    """
    if name == "processes" and address:
        raise InputError(
            f"--runner processes works on this machine alone, but --address {address} is given; "
            "leave out one of them"
        )
    if name != "auto":
        return name
    cluster = address or os.environ.get("RAY_ADDRESS")
    small = video_s <= PROCESSES_UP_TO_S
    return "processes" if small and not (cluster or gpu or _connected()) else "ray"


def _connected() -> bool:
    ray = sys.modules.get("ray")
    return ray is not None and ray.is_initialized()


@contextlib.contextmanager
def open_runner(
    name: RunnerName, address: str | None, *, video_s: float, gpu: bool = False
) -> Iterator[Runner]:
    """Open the runner that ``choose_runner`` returns, and close it after the block.

    Raises:
        InputError: as ``choose_runner`` and ``jobs.common.cluster.session``.
    """
    if choose_runner(name, address, video_s=video_s, gpu=gpu) == "processes":
        from jobs.common.processes import ProcessRunner

        yield ProcessRunner()
        return
    from jobs.common import cluster  # imports Ray

    with cluster.session(address):
        yield cluster.RayRunner()


def prepare(name: RunnerName, address: str | None, *modules: str) -> None:
    """Start to import modules of workers in another process, if the runner may be processes."""
    if choose_runner(name, address, video_s=0.0) == "processes":
        from jobs.common import processes

        processes.import_ahead(*modules)
