"""A proxy on loopback that can be cut, or answer with errors."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Coroutine
from typing import Any
from urllib.parse import urlsplit

RESET = struct.pack("ii", 1, 0)
"""SO_LINGER with 0 s: closing resets the connection."""


class Proxy:
    """A TCP proxy on loopback in front of the server at ``url``; while cut, it passes nothing.

    ``cut`` resets open connections and refuses new ones; ``mend`` opens the same port again.
    """

    def __init__(self, url: str) -> None:
        target = urlsplit(url)
        self._target = (target.hostname, target.port)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self._port = 0
        self._answer = b""

    def __enter__(self) -> Proxy:
        self._thread.start()
        self.mend()
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()
        self._call(self._rest())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def url(self) -> str:
        """Return the address for clients."""
        return f"http://127.0.0.1:{self._port}"

    def cut(self) -> None:
        """Reset every connection and refuse new ones."""
        self._call(self._cut())

    def mend(self) -> None:
        """Pass all connections again."""
        self._answer = b""
        if self._server is not None:
            self.cut()
        self._call(self._listen())

    def refuse(self, code: str, message: str) -> None:
        """Answer every request with an error of S3, until ``mend`` is called."""
        body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
        head = f"HTTP/1.1 400 Bad Request\r\nContent-Length: {len(body)}\r\nConnection: close\r\n"
        self.cut()
        self._answer = f"{head}Content-Type: application/xml\r\n\r\n".encode() + body
        self._call(self._listen())

    def _call(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def _cut(self) -> None:
        if self._server is not None:
            # asyncio leaks a connection that it is accepting while the server closes.
            for listener in self._server.sockets:
                self._loop.remove_reader(listener.fileno())
            await _rounds(5)
            self._server.close()
            self._server = None
        for writer in list(self._writers):
            reset(writer)

    async def _rest(self) -> None:
        """Wait for the tasks that still run on the loop, and for those that they start.

        A connection that was just accepted becomes a task some rounds of the loop later.
        """
        quiet_rounds = 0
        while quiet_rounds < 10:
            for writer in list(self._writers):
                reset(writer)
            others = asyncio.all_tasks() - {asyncio.current_task()}
            # A task may open a connection now, which the next round resets.
            await (asyncio.wait(others, timeout=0.1) if others else asyncio.sleep(0))
            quiet_rounds = 0 if others else quiet_rounds + 1

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._server is None:  # accepted in the moment of the cut
            reset(writer)
            return
        self._writers.add(writer)
        if self._answer:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await reader.readuntil(b"\r\n\r\n")
                writer.write(self._answer)
                await writer.drain()
            writer.close()
            self._writers.discard(writer)
            return
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._target)
        except OSError:
            self._writers.discard(writer)
            reset(writer)
            return
        self._writers.add(far_writer)
        await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))
        for each in (writer, far_writer):
            each.close()
            with contextlib.suppress(OSError):
                await each.wait_closed()  # it may still hold bytes to send
            self._writers.discard(each)


async def _rounds(number: int) -> None:
    """Let the loop do what is ready, some times."""
    for _ in range(number):
        await asyncio.sleep(0)


def reset(writer: asyncio.StreamWriter) -> None:
    """Reset one connection, as a machine that died would."""
    sock = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy bytes until one end closes or breaks."""
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
