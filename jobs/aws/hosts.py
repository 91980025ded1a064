"""Ray cluster of several SageMaker hosts: the first host is the head, the others join it and wait.

All hosts run the same command. A host reads its role from ``resourceconfig.json``::

    algo-1   ray start --head -> all nodes there? -> train -> ray stop
    algo-2   ray start --address algo-1  ........ head gone? -> ray stop
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import ray

from emotion.errors import InputError

PORT = 6379
JOIN_TIMEOUT_S = 600.0
"""Seconds to wait for the head and for all hosts; SageMaker starts hosts within minutes."""
POLL_S = 2.0
"""Seconds between two checks of the head or of the cluster."""


@dataclass(frozen=True)
class Hosts:
    """Hosts (machines) of one training job.

    Attributes:
        current: name of this host.
        names: names of all hosts, sorted; the first is the head.
    """

    current: str
    names: tuple[str, ...]

    @property
    def head(self) -> str:
        """Name of the host that starts the Ray cluster and the training."""
        return self.names[0]

    @property
    def is_head(self) -> bool:
        """True if this host is the head."""
        return self.current == self.head


def parse_hosts(text: str) -> Hosts:
    """Return the hosts that the text of ``resourceconfig.json`` names.

    Raises:
        InputError: if the text is not SageMaker's JSON, or this host is not one of the hosts.

    >>> parse_hosts('{"current_host": "algo-2", "hosts": ["algo-2", "algo-1"]}').is_head
    False
    """
    try:
        value = json.loads(text)
        hosts = Hosts(str(value["current_host"]), tuple(sorted(value["hosts"])))
    except (ValueError, KeyError, TypeError) as err:
        raise InputError(
            f"resourceconfig.json must be JSON with current_host and hosts: {err!r}"
        ) from err
    if hosts.current not in hosts.names:
        raise InputError(
            f"resourceconfig.json: current_host {hosts.current} is not one of {hosts.names}"
        )
    return hosts


def read_hosts(path: Path) -> Hosts:
    """Read the hosts of the job; without the file return one host, ``localhost``."""
    return parse_hosts(path.read_text()) if path.is_file() else Hosts("localhost", ("localhost",))


def ray_command(*args: str) -> None:
    """Run a command of Ray's command line, such as ``ray start``.

    Raises:
        InputError: if the command fails; the message has the last 2000 characters of its output.
    """
    environ = os.environ | {"RAY_USAGE_STATS_ENABLED": "0"}
    command = [sys.executable, "-m", "ray.scripts.scripts", *args]
    done = subprocess.run(command, env=environ, capture_output=True, text=True)
    if done.returncode:
        raise InputError(f"ray {' '.join(args)} failed: {(done.stdout + done.stderr)[-2000:]}")


def start_head(hosts: Hosts, *, port: int = PORT) -> str:
    """Start the head of the Ray cluster on this host; return the address of the cluster."""
    address = socket.gethostbyname(hosts.current)
    ray_command(
        "start", "--head", f"--node-ip-address={address}", f"--port={port}",
        "--include-dashboard=false", "--disable-usage-stats",
    )  # fmt: skip
    return f"{address}:{port}"


def wait_for_nodes(count: int, *, timeout_s: float = JOIN_TIMEOUT_S) -> None:
    """Wait until the connected cluster has ``count`` live nodes.

    Raises:
        InputError: if it has fewer after ``timeout_s`` seconds.
    """

    def alive() -> int:
        nodes: list[dict[str, object]] = ray.nodes()  # type: ignore[no-untyped-call]
        return len([node for node in nodes if node["Alive"]])

    if not _until(lambda: alive() >= count, timeout_s=timeout_s):
        raise InputError(
            f"{alive()} of {count} hosts joined within {timeout_s:g} s; see the other hosts' logs"
        )


def join_head(hosts: Hosts, *, port: int = PORT, timeout_s: float = JOIN_TIMEOUT_S) -> None:
    """Wait for the head, then join its cluster.

    Raises:
        InputError: if the head does not answer within ``timeout_s`` seconds.
    """
    if not _until(lambda: _answers(hosts.head, port), timeout_s=timeout_s):
        raise InputError(f"no Ray head answers at {hosts.head}:{port} within {timeout_s:g} s")
    head, own = socket.gethostbyname(hosts.head), socket.gethostbyname(hosts.current)
    ray_command("start", f"--address={head}:{port}", f"--node-ip-address={own}")


def wait_until_gone(hosts: Hosts, *, port: int = PORT, poll_s: float = POLL_S) -> None:
    """Wait until the head does not answer three times in a row; then the job has ended."""
    missed = 0
    while missed < 3:
        time.sleep(poll_s)
        missed = 0 if _answers(hosts.head, port) else missed + 1


def _answers(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=5):
            return True
    except OSError:  # the name does not resolve yet, or the port is closed
        return False


def _until(condition: Callable[[], bool], *, timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(min(POLL_S, timeout_s))
    return True
