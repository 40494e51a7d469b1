"""Where the figures go: a Prometheus endpoint on loopback, and ``metrics.json`` in the home folder."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import accumulate
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import msgspec

from engine.ops import running
from engine.session.metrics import METRICS, Histogram, Metric, Reading, Value

HOST = "127.0.0.1"
FILE = "metrics.json"
CLIENT_S = 5.0
CLOSE_S = 1.0
NAMES = frozenset({HOST, "localhost"})
"""What a request may call us: a page in a browser that had its own name point here is not answered."""

Latest = Callable[[], Reading | None]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is its own business."""


class _Handler(WSGIRequestHandler):
    timeout = CLIENT_S

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is said on the terminal."""


class Endpoint:
    """``http://127.0.0.1:PORT/metrics``. Raises OSError when the port is taken; port 0 takes any free one."""

    def __init__(self, port: int, latest: Latest) -> None:
        from prometheus_client import CollectorRegistry, make_wsgi_app

        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Collector(latest))
        app = make_wsgi_app(registry)

        def guarded(environ: dict[str, Any], start: Any) -> Any:
            path, host = environ.get("PATH_INFO"), str(environ.get("HTTP_HOST", ""))
            if host.rpartition(":")[0] not in NAMES and host not in NAMES:
                start("403 Forbidden", [("Content-Type", "text/plain")])
                return [b"ask for 127.0.0.1\n"]
            if path not in ("/metrics", "/"):
                start("404 Not Found", [("Content-Type", "text/plain")])
                return [b"/metrics\n"]
            return app(environ, start)

        self._server = make_server(HOST, port, guarded, server_class=_Server, handler_class=_Handler)
        self.port: int = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.5,), name="metrics", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Collector:
    def __init__(self, latest: Latest) -> None:
        self._latest = latest

    def collect(self) -> Iterator[Any]:
        reading = self._latest()
        for metric in METRICS if reading is not None else ():
            assert reading is not None
            yield _family(metric, reading.values[metric.name])


def _family(metric: Metric, value: Value) -> Any:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

    labels = [metric.label] if metric.label else []
    if isinstance(value, Histogram):
        sums = [*accumulate(value.counts)]
        bounds = [*(f"{bound:g}" for bound in value.bounds), "+Inf"]
        family = HistogramMetricFamily(metric.name, metric.text)
        family.add_metric([], [(bound, float(n)) for bound, n in zip(bounds, sums, strict=True)], value.total)
        return family
    kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    found = kind(metric.name, metric.text, labels=labels)
    for name, number in value.items() if isinstance(value, dict) else [("", value)]:
        found.add_metric([name] if labels else [], float(number))
    return found


class Sheet:
    """``metrics.json``: written by a thread, replaced in one step. Sessions that share a home take turns by who came first."""

    def __init__(self, folder: Path, every_s: float, latest: Latest) -> None:
        self._path = folder / FILE
        self._every_s = every_s
        self._latest = latest
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="metrics file", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Write the last reading."""
        self._ended.set()
        self._thread.join(CLOSE_S)

    def _run(self) -> None:
        ended = False
        while not ended:
            ended = self._ended.wait(self._every_s)
            reading = self._latest()
            if reading is not None and not self._taken(reading.session):
                with suppress(OSError):  # a disk that is full or stuck is the journal's to tell
                    running.replace(self._path, as_json(reading, self._every_s))

    def _taken(self, session: str) -> bool:
        """Whether another session writes the file."""
        try:
            found = msgspec.json.decode(self._path.read_bytes(), type=_Head)
        except (OSError, ValueError):
            return False
        fresh = time.time_ns() - found.t < 3e9 * max(found.every_s, 1.0)
        return found.session != session and found.up and fresh


class _Head(msgspec.Struct):
    session: str
    t: int
    every_s: float
    up: bool


def as_json(reading: Reading, every_s: float) -> bytes:
    """``schema``, ``session``, ``t`` (UTC ns), ``every_s``, ``up``, and ``metrics`` by name; a label's values are an object."""
    values = {name: _plain(value) for name, value in reading.values.items()}
    head = {"schema": 1, "session": reading.session, "t": reading.t, "every_s": every_s}
    return msgspec.json.format(msgspec.json.encode({**head, "up": bool(values["session_up"]), "metrics": values}))


def _plain(value: Value) -> Any:
    if isinstance(value, Histogram):
        bounds = [*(f"{bound:g}" for bound in value.bounds), "+Inf"]
        buckets = dict(zip(bounds, accumulate(value.counts), strict=True))
        return {"buckets": buckets, "sum": value.total, "count": sum(value.counts)}
    return value
