"""A loopback HTTP server with given bytes, which counts its requests."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Served:
    """Address of a running server, and the paths that were requested."""

    url: str = ""
    requests: list[str] = field(default_factory=list)


@contextlib.contextmanager
def serve_bytes(files: Mapping[str, bytes], *, other: bytes | None = None) -> Iterator[Served]:
    """Serve bytes by file name; another name gets ``other``, or status 404 if that is None."""
    served = Served()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.requests.append(self.path)
            data = files.get(self.path.lstrip("/"), other)
            self.send_response(404 if data is None else 200)
            self.send_header("Content-Length", str(len(data or b"")))
            self.end_headers()
            self.wfile.write(data or b"")

        def log_message(self, *_: object) -> None:
            """Write no line per request."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    served.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
