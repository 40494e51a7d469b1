"""The log file: whole lines whatever they hold, a file a day, and nobody who waits for it."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from engine.model.settings import LogSettings
from engine.ops import logs
from engine.ops.paths import Home

log = logging.getLogger("cockpit.test")


@contextmanager
def to(tmp: Path, **settings: Any) -> Iterator[logs.Logs]:
    with logs.written(Home(tmp), LogSettings(**settings)) as opened:
        opened.session = "s-1"
        yield opened


def lines(tmp: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for path in sorted((tmp / "logs").iterdir()) for line in path.read_text().splitlines()]


def test_a_line_is_an_object_with_time_level_session_and_what_was_given(tmp_path: Path) -> None:
    with to(tmp_path):
        log.info("order %s", "accepted", extra={"client_id": "c1-4", "venue_id": "99"})
    (line,) = lines(tmp_path)
    assert list(line)[:5] == ["t", "level", "logger", "event", "session"]
    assert line["t"].endswith("Z")
    assert {k: line[k] for k in ("level", "event", "session", "client_id", "venue_id")} == {
        "level": "info", "event": "order accepted", "session": "s-1", "client_id": "c1-4", "venue_id": "99",
    }  # fmt: skip


@pytest.mark.parametrize(
    "text", ["a\nb", '"},{"level":"x', "\x1b]0;owned\x07", "\u2028\u202e\x9b31m", "\ud800", "\x00"],
    ids=["line", "json", "terminal", "separators", "surrogate", "nul"],
)  # fmt: skip
def test_no_text_breaks_a_line_or_speaks_to_a_terminal(
    tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # a test's report could not carry the surrogate
    with to(tmp_path):
        log.warning("%s", text, extra={"sample": text, "deep": {"a": [text]}})
    raw = next((tmp_path / "logs").iterdir()).read_bytes()
    assert raw.count(b"\n") == 1
    assert all(32 <= byte < 127 for byte in raw.rstrip(b"\n"))
    (line,) = lines(tmp_path)
    assert (line["event"], line["sample"], line["deep"]) == (text, text, {"a": [text]})


def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    with to(tmp_path):
        log.info("x")
    folder = tmp_path / "logs"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert next(folder.iterdir()).stat().st_mode & 0o777 == 0o600


def test_the_level_is_the_settings_and_libraries_are_heard_from_warnings_on(tmp_path: Path) -> None:
    library = logging.getLogger("httpx")
    with to(tmp_path, level="warning"):
        log.info("not this")
        library.info("GET https://venue/?sign=abc")
        library.warning("this")
    with to(tmp_path, level="debug"):
        log.debug("and this")
        library.info("nor this")
    assert [line["event"] for line in lines(tmp_path)] == ["this", "and this"]


def test_warnings_and_asyncios_complaints_do_not_reach_the_terminal(tmp_path: Path, capfd: Any) -> None:
    async def forgotten() -> None:
        async def fails() -> None:
            raise RuntimeError("nobody looks")

        task = asyncio.create_task(fails())
        await asyncio.sleep(0)
        del task

    with to(tmp_path):
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            logging.captureWarnings(True)
            warnings.warn("an old habit", stacklevel=1)
        asyncio.run(forgotten())
    out, err = capfd.readouterr()
    assert (out, err) == ("", "")
    names = [line["logger"] for line in lines(tmp_path)]
    assert "py.warnings" in names
    assert "asyncio" in names


def test_a_fault_has_its_traceback_and_no_locals(tmp_path: Path) -> None:
    def deep() -> None:
        api_secret = "s3cr3t-canary"
        raise ValueError("broken" + api_secret[:0])

    with to(tmp_path):
        try:
            deep()
        except ValueError as error:
            log.critical("a fault", exc_info=error)
    (line,) = lines(tmp_path)
    (found,) = line["exception"]
    assert (found["exc_type"], found["exc_value"]) == ("ValueError", "broken")
    assert found["frames"][-1]["name"] == "deep"
    assert "s3cr3t-canary" not in json.dumps(line)


def test_a_day_has_a_file_and_old_ones_go(tmp_path: Path) -> None:
    day, file = 86_400, logs._Daily(tmp_path / "logs", keep_days=3)
    for n in range(5):
        file.write("{}", day * (20_000 + n) + 5)
    (tmp_path / "logs" / "mine.txt").touch()
    file.write("{}", day * 20_005)
    file.close()
    names = sorted(path.name for path in (tmp_path / "logs").iterdir())
    assert names == ["cockpit-2024-10-07.jsonl", "cockpit-2024-10-08.jsonl", "cockpit-2024-10-09.jsonl", "mine.txt"]


def test_what_does_not_fit_is_dropped_counted_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "MOST_WAITING", 5)
    go = threading.Event()
    write = logs._Daily.write

    def slow(self: logs._Daily, line: str, t: float) -> None:
        go.wait(5)
        write(self, line, t)

    monkeypatch.setattr(logs._Daily, "write", slow)
    with to(tmp_path) as opened:
        for n in range(50):
            log.info("line %d", n)
        assert opened.dropped >= 40
        go.set()
    found = lines(tmp_path)
    assert sum(line.get("lost", 0) for line in found) == opened.dropped
    assert [line["event"] for line in found if "lost" not in line][:2] == ["line 0", "line 1"]


def test_a_disk_that_refuses_is_nobodys_trouble(tmp_path: Path, capfd: Any) -> None:
    (tmp_path / "logs").write_text("not a folder")
    with to(tmp_path) as opened:
        log.info("x")
    assert opened.dropped == 1
    assert capfd.readouterr() == ("", "")


def test_a_line_that_cannot_be_made_is_counted(tmp_path: Path, capfd: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # the tests' own one raises

    class Evil:
        def __str__(self) -> str:
            raise RuntimeError("no")

    with to(tmp_path) as opened:
        log.info("%d", "x")
        log.info("x", extra={"field": Evil()})
        log.info("after")
    assert opened.dropped == 2
    assert "after" in [line["event"] for line in lines(tmp_path)]
    assert capfd.readouterr() == ("", "")


async def test_every_line_of_a_task_says_what_it_belongs_to(tmp_path: Path) -> None:
    async def inner() -> None:
        log.info("inner")

    async def work(name: str) -> None:
        logs.ids.set({"client_id": name})
        await asyncio.create_task(inner())

    with to(tmp_path):
        await asyncio.gather(*(asyncio.create_task(work(name)) for name in ("c-1", "c-2")))
        log.info("outer")
    assert sorted((line["event"], line.get("client_id")) for line in lines(tmp_path) if line["event"] == "inner") == [
        ("inner", "c-1"),
        ("inner", "c-2"),
    ]
    assert "client_id" not in lines(tmp_path)[-1]


def test_two_writers_share_a_file_without_tearing_lines(tmp_path: Path) -> None:
    first, second = (logs._Daily(tmp_path / "logs", 30) for _ in range(2))
    threads = [
        threading.Thread(target=lambda f=f: [f.write(json.dumps({"x": "y" * 900}), 5.0) for _ in range(200)])
        for f in (first, second)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(lines(tmp_path)) == 400
