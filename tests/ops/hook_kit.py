"""A webhook on loopback that takes, refuses, redirects or hangs, and remembers what it got."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "tok-c4n4ry-91f0aa77be"


class Hook:
    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.answer = 200
        self.hang = threading.Event()
        self.hanging = False
        self.port = 0

    @property
    def address(self) -> str:
        return f"json://127.0.0.1:{self.port}/{TOKEN}"

    def until(self, done: Callable[[], object], timeout_s: float = 5.0) -> None:
        end = time.monotonic() + timeout_s
        while not done():
            assert time.monotonic() < end, self.got
            time.sleep(0.01)

    @property
    def titles(self) -> list[str]:
        return [message["title"] for message in self.got]


@contextmanager
def hook() -> Iterator[Hook]:
    made = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            made.got.append({**json.loads(body), "path": self.path})
            if made.hanging:
                made.hang.wait(20)
                return
            self.send_response(made.answer)
            if made.answer == 302:
                self.send_header("location", "/elsewhere")
            self.end_headers()

        def do_GET(self) -> None:
            made.got.append({"title": "GET", "path": self.path})

        def log_message(self, *_: object) -> None:
            """Not on the terminal."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    made.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.hang.set()
        server.shutdown()
        server.server_close()
        thread.join()
