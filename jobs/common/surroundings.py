"""Checks of what surrounds a job: temporary folder, address space, address of a Ray cluster.

Each check ends a job in one line before a library fails in the middle, or waits for minutes.
"""

from __future__ import annotations

import os
import resource
import socket
import tempfile
from urllib.parse import urlsplit

from emotion.errors import InputError

LEAST_ADDRESS_SPACE = 6 * 2**30
"""Bytes of address space that the processes of a job need; a build reaches 5.0 GiB."""
SOCKET_BYTES = 107
"""Longest path of a Unix socket on Linux, in bytes."""
OF_PROCESSES = len("/pymp-12345678/listener-12345678")
OF_RAY = len("/ray/session_2026-01-01_00-00-00_000000_1234567/sockets/plasma_store")
ANSWER_S = 5.0
"""Seconds within which the machine of a Ray cluster must accept a connection."""


def check_temporary_folder(socket_name_bytes: int, variable: str = "TMPDIR") -> None:
    """Check that a socket in the temporary folder has a path that Linux allows.

    Args:
        socket_name_bytes: length of the socket's path below the temporary folder.
        variable: environment variable that names the folder; TMPDIR if it is not set.

    Raises:
        InputError: if the path would be too long.
    """
    folder = os.environ.get(variable) or tempfile.gettempdir()
    most = SOCKET_BYTES - socket_name_bytes
    if len(os.fsencode(folder)) > most:
        raise InputError(
            f"the temporary folder {folder} has a path of {len(os.fsencode(folder))} bytes, at "
            f"most {most} are possible: set {variable} to a folder with a shorter path, such as "
            "/tmp"
        )


def check_address_space() -> None:
    """Check that the processes of a job may map as much memory as they need.

    Raises:
        InputError: if ``ulimit -v`` is below ``LEAST_ADDRESS_SPACE``.
    """
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY and limit < LEAST_ADDRESS_SPACE:
        raise InputError(
            f"ulimit -v allows {limit / 2**30:.1f} GiB of address space, a job needs "
            f"{LEAST_ADDRESS_SPACE / 2**30:.0f} GiB: raise it, or run: ulimit -v unlimited"
        )


def check_cluster(address: str) -> None:
    """Check that the machine of a Ray cluster answers, because Ray would wait for 15 minutes.

    Args:
        address: as in ``jobs.common.cluster.session``, but not ``auto``; ``local`` is not checked.

    Raises:
        InputError: if it is no address that a job can join, or nothing accepts a connection there
            within ``ANSWER_S`` seconds.
    """
    if address == "local":
        return
    if address.startswith(("http://", "https://")):
        raise InputError(
            f"the Ray address {address} is that of a dashboard, as ray job submit takes it; a job "
            "joins a cluster by ray://HOST:10001 or HOST:6379. Give one of these by --address, or "
            f"run: ray job submit --address {address} -- python -m jobs...."
        )
    place = urlsplit(address if "://" in address else f"//{address}")
    try:
        host, port = place.hostname, place.port
    except ValueError:
        host, port = None, None
    if not host or not port:
        raise InputError(
            f"the Ray address is {address!r}, it must be like ray://HOST:10001 or HOST:6379"
        )
    try:
        socket.create_connection((host, port), timeout=ANSWER_S).close()
    except OSError as err:
        raise InputError(
            f"no Ray cluster answers at {address}: {err}; start it, or unset RAY_ADDRESS and leave "
            "out --address to work on this machine"
        ) from err
