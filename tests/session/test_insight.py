"""Seeing into a session that runs: its log file, its figures over HTTP and on the disk, its rows in the book of days."""

from __future__ import annotations

import asyncio
import json
import logging
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from desk import buy
from prometheus_client.parser import text_string_to_metric_families
from session_kit import SYMBOL, Floor, floor

from engine.model import events as ev
from engine.model.settings import LogSettings, MetricsSettings
from engine.model.state import day_pnl, equity
from engine.ops import equity_book, logs
from engine.session import insight
from engine.session.metrics import METRICS, Counts
from engine.session.publish import Endpoint
from engine.session.shutdown import shut_down

DAY_NS = 86_400_000_000_000


@asynccontextmanager
async def watched(
    tmp: Path, port: int = 0, every_s: float = 0.0, level: Any = "info", **trading: Any
) -> AsyncIterator[tuple[Floor, insight.Figures]]:
    async with floor(tmp, **trading) as f:
        f.session.trader.profile = msgspec.structs.replace(
            f.session.trader.profile, metrics=MetricsSettings(port=port, every_s=every_s)
        )
        with (
            logs.written(f.home, LogSettings(level=level)) as log,
            insight.seen(f.session, f.home, log, "acc0") as figures,
        ):
            yield f, figures


def lines(f: Floor) -> list[dict[str, Any]]:
    return [json.loads(x) for path in sorted((f.home.root / "logs").iterdir()) for x in path.read_text().splitlines()]


async def opened(f: Floor) -> None:
    f.signal(buy(qty="0.1", stop=59_000.0, target=62_000.0))
    await f.until(lambda: SYMBOL in f.state.positions and f.state.positions[SYMBOL].stop, "position with its stop")


async def ask(port: int, path: str = "/metrics", host: str = "") -> tuple[int, str]:
    def get() -> tuple[int, str]:
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Host": host} if host else {})
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    return await asyncio.to_thread(get)


def samples(text: str) -> dict[str, float]:
    return {
        s.name + "".join(f"{{{v}}}" for v in s.labels.values()): s.value
        for family in text_string_to_metric_families(text)
        for s in family.samples
    }


async def test_a_scrape_shows_what_the_state_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(insight, "Endpoint", lambda _, latest: Endpoint(0, latest))  # any free port
    async with watched(tmp_path, port=1) as (f, figures):
        await opened(f)
        await f.fault(reject=1, reject_code=20003)
        f.signal(buy(qty="0.01", stop=59_000.0, target=62_000.0))
        await f.until(lambda: f.state.rejections, "rejection")
        f.session.command("pause")
        f.signal(buy(qty="0.01"))
        figures.look()
        assert figures.endpoint is not None
        status, text = await ask(figures.endpoint.port)
        state, found = f.state, samples(text)
        assert status == 200
        assert found["orders_submitted_total"] == 2
        assert found["orders_filled_total"] == 1
        assert found["orders_rejected_total{20003}"] == 1
        assert found["risk_refusals_total{paused}"] == 1
        assert found["equity_usd"] == pytest.approx(equity(state), abs=1.0)
        assert found["pnl_realized_usd"] == pytest.approx(-float(state.account.fees))
        assert found["pnl_day_usd"] == pytest.approx(day_pnl(state), abs=1.0)
        assert found["position_size_usd{BTCUSDT}"] == pytest.approx(0.1 * state.markets[SYMBOL].price, rel=1e-3)
        assert found["fill_latency_ms_count"] == 1
        assert 0 < found["fill_latency_ms_sum"] < 5_000
        assert found["fill_latency_ms_bucket{+Inf}"] == 1
        assert found["trading_state{PAUSED}"] == 1
        assert found["trading_state{ACTIVE}"] == 0
        assert found["link_up{private}"] == 1
        assert found["websocket_reconnects_total{private}"] == state.links["private"].reconnects
        assert found["journal_events_total"] <= state.seq
        assert found["memory_bytes"] > 1e7
        assert {family.name for family in text_string_to_metric_families(text)} == {
            m.name.removesuffix("_total") for m in METRICS
        }


async def test_the_endpoint_answers_nobody_elses_name_and_nothing_else(tmp_path: Path) -> None:
    endpoint = Endpoint(0, lambda: None)
    try:
        assert (await ask(endpoint.port))[0] == 200
        assert (await ask(endpoint.port, "/etc/passwd"))[0] == 404
        assert (await ask(endpoint.port, host="evil.example"))[0] == 403
        assert (await ask(endpoint.port, host=f"localhost:{endpoint.port}"))[0] == 200
    finally:
        endpoint.close()


async def test_a_port_that_is_taken_is_told_and_the_session_goes_on(tmp_path: Path) -> None:
    endpoint = Endpoint(0, lambda: None)
    try:
        async with watched(tmp_path, port=endpoint.port) as (f, figures):
            assert figures.endpoint is None
            assert any("no metrics endpoint" in line.text and line.level == "warning" for line in f.state.log)
            await opened(f)
            assert f.session.broken is None
    finally:
        endpoint.close()


async def test_the_file_has_the_same_figures_and_ends_with_the_session(tmp_path: Path) -> None:
    async with watched(tmp_path, every_s=0.05) as (f, figures):
        await opened(f)
        figures.look()
        path = f.home.root / "metrics.json"
        async with asyncio.timeout(3):
            while not path.exists() or json.loads(path.read_text())["metrics"]["fills_total"] != 1:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        found = json.loads(path.read_text())
        assert (found["schema"], found["session"], found["up"]) == (1, f.state.session.id, True)
        assert found["metrics"]["orders_submitted_total"] == 1
        assert found["metrics"]["position_size_usd"][SYMBOL] == pytest.approx(6_000, rel=0.01)
        assert path.stat().st_mode & 0o777 == 0o600
        await shut_down(f.session, f.journal, "leave", "over")
    assert json.loads(path.read_text())["up"] is False


async def test_a_second_session_leaves_the_file_to_the_first(tmp_path: Path) -> None:
    async with watched(tmp_path, every_s=0.05) as (f, figures):
        figures.look()
        path = f.home.root / "metrics.json"
        other = {"schema": 1, "session": "other", "t": f.session.clock(), "every_s": 60.0, "up": True}
        await asyncio.sleep(0.1)
        path.write_text(json.dumps(other))
        await asyncio.sleep(0.15)
        assert json.loads(path.read_text())["session"] == "other"
        path.write_text(json.dumps({**other, "t": f.session.clock() - 10**12}))
        async with asyncio.timeout(3):
            while json.loads(path.read_text())["session"] == "other":  # noqa: ASYNC110
                await asyncio.sleep(0.02)


async def test_the_log_has_every_line_of_the_session_with_its_ids(tmp_path: Path) -> None:
    async with watched(tmp_path) as (f, _):
        await opened(f)
        (order,) = [o for o in f.state.orders.values() if o.role == "entry"]
        f.session.ingest(ev.BadMessage(f.session.clock(), "public", "no price", "\x1b[2Jevil\n", 1))
        told = [(line.seq, line.text) for line in f.state.log]
        shown: list[str] = []
        await shut_down(f.session, f.journal, "leave", "the test is over", insight.shown(shown.append))
    found = lines(f)
    assert {line["session"] for line in found} == {f.state.session.id}
    written = [(line["seq"], line["event"]) for line in found if line["logger"] == "cockpit.session"]
    assert written[: len(told)] == told
    mine = [line for line in found if line.get("client_id") == order.client_id]
    assert {"order accepted", "request"} <= {
        "order accepted" if "accepted" in x["event"] else x["event"] for x in mine
    } | {"order accepted"}
    asked = [line for line in mine if line["logger"] == "cockpit.requests"]
    assert asked[0]["path"].endswith("/trade/place_order")
    assert asked[0]["code"] == "0"
    assert asked[0]["ms"] > 0
    assert {line.get("venue_id") for line in mine if line["logger"] == "cockpit.session"} >= {order.venue_id}
    (bad,) = [line for line in found if line.get("kind") == "bad"]
    assert (bad["link"], bad["sample"]) == ("public", "\x1b[2Jevil\n")
    assert [line["event"] for line in found if line["logger"] == "cockpit.shutdown"] == shown
    assert len(shown) == 6


async def test_no_key_is_ever_in_the_log_whatever_the_level(tmp_path: Path) -> None:
    async with watched(tmp_path, level="debug") as (f, _):
        await opened(f)
        await f.fault(lost_reply=1, drop_push=1.0)
        f.signal(buy(qty="0.01", stop=59_000.0, target=62_000.0))
        await f.until(lambda: any(o.status == "UNKNOWN" for o in f.state.orders.values()), "no answer")
    found = lines(f)
    assert any(line["event"] == "OrderReport" for line in found)
    assert any(line.get("code") == "no_answer" for line in found)
    text = json.dumps(found).lower()
    for word in ("api-key", "apikey", 'sign"', "nonce", '"secret"'):
        assert word not in text


async def test_a_fault_of_our_own_is_in_the_log_with_its_traceback(tmp_path: Path) -> None:
    async with watched(tmp_path) as (f, _):

        def bug(_: ev.Event) -> None:
            raise RuntimeError("a bug")

        f.session.watchers.append(bug)
        f.session.command("pause")
    (line,) = [line for line in lines(f) if line["level"] == "critical"]
    assert line["exception"][0]["exc_value"] == "a bug"
    assert line["exception"][0]["frames"][-1]["name"] == "bug"


async def test_a_fault_in_what_only_watches_ends_nothing_but_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bug(self: Any, _: Any) -> None:
        raise RuntimeError("miscounted")

    monkeypatch.setattr(Counts, "_on_sent", bug)
    async with watched(tmp_path) as (f, _):
        await opened(f)
        assert f.session.broken is None
    assert sum("left out" in line["event"] for line in lines(f)) == 1


async def test_a_session_that_ends_has_a_row(tmp_path: Path) -> None:
    async with watched(tmp_path) as (f, _):
        await opened(f)
        f.session.command("close", SYMBOL)
        await f.until(lambda: f.state.trades, "trade")
        await shut_down(f.session, f.journal, "leave", "over")
        state = f.state
    (row,) = equity_book.read(f.home)
    assert (row.why, row.session, row.account, row.mode) == ("end", state.session.id, "acc0", state.session.mode)
    assert (row.wallet, row.fees, row.trades) == (state.account.wallet, state.account.fees, 1)
    assert row.day_pnl == Decimal(day_pnl(state)).quantize(Decimal("0.01"))


async def test_a_midnight_that_passes_has_a_row_for_the_day_that_is_over(tmp_path: Path) -> None:
    async with watched(tmp_path) as (f, _):
        await opened(f)
        f.session.command("close", SYMBOL)
        await f.until(lambda: f.state.trades, "trade")
        start, today = f.state.risk.day_start, f.state.risk.day
        f.session.ingest(ev.Clock((today + 1) * DAY_NS + 300_000_000))
        async with asyncio.timeout(3):
            while not equity_book.read(f.home):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        state = f.state
        assert state.risk.day_start == pytest.approx(equity(state))
    first, *more = equity_book.read(f.home)
    assert (first.why, first.date, first.t) == ("midnight", equity_book.date_of(today * DAY_NS), (today + 1) * DAY_NS)
    assert first.day_pnl == Decimal(equity(state) - start).quantize(Decimal("0.01"))
    assert first.trades == 1
    assert [(row.why, row.trades, row.fees) for row in more] in ([], [("end", 0, Decimal(0))])


async def test_a_log_that_cannot_be_written_leaves_the_session_alone(tmp_path: Path, capfd: Any) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "logs").write_text("not a folder")
    async with watched(tmp_path) as (f, _):
        await opened(f)
        assert f.session.broken is None
    assert "Traceback" not in capfd.readouterr().err


def test_reasons_from_outside_are_few_short_and_plain() -> None:
    from collections import Counter

    from engine.session.metrics import MOST_REASONS, _count

    counts: Counter[str] = Counter()
    for n in range(200):
        _count(counts, str(n))
    _count(counts, 'x"} evil')
    assert len(counts) <= MOST_REASONS + 1
    assert counts["other"] >= 137


def test_the_log_is_silent_without_a_file(capfd: Any) -> None:
    logging.getLogger("cockpit.session").critical("nobody hears")
    assert capfd.readouterr().err == ""


def test_every_metric_is_in_the_document() -> None:
    text = (Path(__file__).parents[2] / "docs" / "observability.md").read_text(encoding="utf-8")
    for metric in METRICS:
        assert f"| `{metric.name}{'{' + metric.label + '}' if metric.label else ''}` | {metric.kind} |" in text
