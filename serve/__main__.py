"""Score videos over HTTP on this machine, or on a Ray cluster with --address.

    python -m serve [--package RUN/package] [--host 127.0.0.1 --port 8000]

Without --package the default model for real faces answers. POST a video to /v1/predict, or open the
page at / in a browser. The server has no login. Before you set --host to another address than
127.0.0.1, put a proxy with a login in front of the server.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Sequence
from typing import Any

import tyro
from pydantic import Field

from emotion.errors import EmotionError, InputError
from emotion.import_root import IMPORT_ROOT
from serve.options import Options

QUIET = {"log_level": "WARNING"}
"""Logging settings of Ray Serve without a line per request; `serve run` logs every request."""


class Flags(Options):
    """Settings of the endpoint and its network address."""

    host: str = "127.0.0.1"
    """Network address to listen on; 0.0.0.0 listens on all interfaces."""
    port: int = Field(default=8000, ge=1, le=65535)
    """Port to listen on, 1 to 65535."""
    request_timeout_s: float = Field(default=900.0, gt=0)
    """Largest time in seconds for a request, including upload and waiting; above 0.
    A request that takes longer is answered with status 408."""
    address: str | None = None
    """Ray cluster to run on; default: $RAY_ADDRESS, else a local Ray."""
    verbose: bool = False
    """Show the log lines of Ray and of the replicas, with a line per request."""


def connect(address: str | None, *, num_cpus: float, verbose: bool = False) -> None:
    """Join a Ray cluster, or start Ray on this machine.

    Args:
        address: address of the cluster; None takes $RAY_ADDRESS, else starts a local Ray.
        num_cpus: total number of CPUs that the replicas reserve. A local Ray gets one more, or the
            number of CPUs of this machine if that is larger.
        verbose: True to show the log lines of Ray and of the replicas.

    Raises:
        InputError: if no cluster answers at the address.
    """
    import ray  # not for --help

    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if not verbose:
        # They say at each start what an operator cannot change.
        logging.getLogger("ray._private.authentication").setLevel(logging.ERROR)
        logging.getLogger("ray.serve").setLevel(logging.WARNING)
    level = logging.INFO if verbose else logging.WARNING
    address = address or os.environ.get("RAY_ADDRESS")
    cpus = max(os.cpu_count() or 1, int(num_cpus + 1))
    mode: dict[str, Any] = {} if address else {"num_cpus": cpus, "include_dashboard": False}
    try:
        with contextlib.chdir(IMPORT_ROOT):  # from here Ray's workers import first
            ray.init(address or "local", logging_level=level, log_to_driver=verbose, **mode)
    except ConnectionError as err:
        raise InputError(f"no Ray cluster answers at {address}: {err}; check --address") from err


def check_port(host: str, port: int) -> None:
    """Check that a server can listen on the address.

    Raises:
        InputError: if it cannot; the message has the reason of the operating system.
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
        InputError: if the package cannot be read, the port is in use or no cluster answers.
    """
    import ray  # not for --help
    from ray import serve

    from serve.app import application, with_package

    if not (flags.address or os.environ.get("RAY_ADDRESS")):
        check_port(flags.host, flags.port)
    options, line = with_package(flags)
    logs = None if flags.verbose else QUIET
    sys.stdout.write(f"{line}\n")
    sys.stdout.write("starting Ray and loading the model ...\n")
    sys.stdout.flush()
    num_cpus = flags.replicas * flags.replica_cpus
    connect(flags.address, num_cpus=num_cpus, verbose=flags.verbose)
    try:
        serve.start(
            http_options={
                "host": flags.host,
                "port": flags.port,
                "request_timeout_s": flags.request_timeout_s,
            },
            logging_config=logs,
        )
        serve.run(application(options), name="video-emotion", logging_config=logs)
        stop = _stop_on_signal()
        sys.stdout.write(f"listening on http://{flags.host}:{flags.port}/ (Ctrl-C stops)\n")
        sys.stdout.flush()
        stop.wait()
    finally:
        # Ray prints as an error that Serve's controller has ended.
        with contextlib.redirect_stdout(sys.stdout if flags.verbose else io.StringIO()):
            serve.shutdown()  # type: ignore[no-untyped-call]
        ray.shutdown()


def _stop_on_signal() -> threading.Event:
    """Return an event that SIGINT and SIGTERM set.

    Call this after Ray has started, because Ray sets signal handlers of its own.
    """
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM; return 0, 2 after an expected error, 130 if stopped early."""
    flags = tyro.cli(Flags, prog="python -m serve", args=argv, description=__doc__)
    try:
        run(flags)
    except EmotionError as err:
        sys.stderr.write(f"error: {err}\n")
        return 2
    except KeyboardInterrupt:  # before the endpoint was ready
        sys.stderr.write("stopped before it was ready\n")
        return 130
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
