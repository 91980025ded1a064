"""Answer over HTTP on this machine, or on a Ray cluster with --address.

python -m serve --package RUN/package [--host 127.0.0.1 --port 8000]

POST a video to /v1/predict, or open the page at / in a browser. There is no login: bind to another
address than 127.0.0.1 only behind something that has one.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Sequence

import ray
import tyro
from pydantic import Field
from ray import serve

from emotion.errors import EmotionError, InputError
from serve.app import application, check_package
from serve.options import Options

QUIET = {"log_level": "WARNING"}
"""Requests are not logged one by one; `serve run serve.app:app` logs them."""


class Flags(Options):
    """The endpoint's settings and where it listens."""

    host: str = "127.0.0.1"
    """Address to listen on; 0.0.0.0 is every interface."""
    port: int = Field(default=8000, ge=1, le=65535)
    """Port to listen on."""
    request_timeout_s: float = Field(default=900.0, gt=0)
    """A request that takes longer, upload and waiting included, is answered 408."""
    address: str | None = None
    """Ray cluster to run on; default: RAY_ADDRESS, else a Ray of its own."""


def connect(address: str | None, *, num_cpus: float) -> None:
    """Join a cluster, or start a Ray on this machine.

    Args:
        address: None takes RAY_ADDRESS; without either a local Ray is started.
        num_cpus: CPUs that the replicas will ask for: a local Ray is given at least these.

    Raises:
        InputError: if no cluster answers there.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    address = address or os.environ.get("RAY_ADDRESS")
    try:
        if address:
            ray.init(address=address, logging_level=logging.WARNING)
        else:
            cpus = max(os.cpu_count() or 1, int(num_cpus + 1))
            ray.init("local", num_cpus=cpus, include_dashboard=False, logging_level=logging.WARNING)
    except ConnectionError as err:
        raise InputError(f"no Ray cluster answers at {address}: {err}") from err


def check_port(host: str, port: int) -> None:
    """Fail early when the address cannot be listened on.

    Raises:
        InputError: with what the system said.
    """
    try:
        with socket.create_server((host, port)):
            pass
    except OSError as err:
        why = os.strerror(err.errno) if err.errno else str(err)
        raise InputError(f"cannot listen on {host}:{port}: {why}; name another --port") from err


def run(flags: Flags) -> None:
    """Serve until SIGINT or SIGTERM.

    Raises:
        InputError: if the package cannot be read, the port is taken or no cluster answers.
    """
    if not (flags.address or os.environ.get("RAY_ADDRESS")):
        check_port(flags.host, flags.port)
    check_package(flags)
    connect(flags.address, num_cpus=flags.replicas * flags.replica_cpus)
    try:
        serve.start(
            http_options={
                "host": flags.host,
                "port": flags.port,
                "request_timeout_s": flags.request_timeout_s,
            },
            logging_config=QUIET,
        )
        serve.run(application(flags), name="video-emotion", logging_config=QUIET)
        stop = _stopped_by_signal()
        sys.stdout.write(f"listening on http://{flags.host}:{flags.port}/ (Ctrl-C stops)\n")
        sys.stdout.flush()
        stop.wait()
    finally:
        serve.shutdown()  # type: ignore[no-untyped-call]
        ray.shutdown()


def _stopped_by_signal() -> threading.Event:
    """Set by SIGINT and SIGTERM from now on; Ray sets handlers of its own when it starts."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop


def main(argv: Sequence[str] | None = None) -> int:
    """Parse the flags and serve until SIGINT or SIGTERM; 2 after an expected error."""
    flags = tyro.cli(Flags, args=argv, description=__doc__)
    try:
        run(flags)
    except EmotionError as err:
        sys.stderr.write(f"error: {err}\n")
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
