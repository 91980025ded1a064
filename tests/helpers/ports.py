"""Servers that tests start on loopback: free ports, and waiting until a server answers."""

from __future__ import annotations

import socket
import subprocess
import time
import urllib.request


def free_ports(count: int) -> list[int]:
    """Return ``count`` different free ports."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports


def free_port() -> int:
    """Return one free port."""
    return free_ports(1)[0]


def wait_for_server(url: str, process: subprocess.Popen[bytes], *, timeout_s: float) -> None:
    """Wait until the server that ``process`` runs answers ``url`` with status 200.

    Raises:
        AssertionError: if the process has ended or ``timeout_s`` is over.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as response:
                assert response.status == 200
                return
        except OSError:
            assert process.poll() is None, f"the server ended with code {process.returncode}"
            assert time.monotonic() < deadline, f"{url} does not answer within {timeout_s:g} s"
            time.sleep(0.1)
