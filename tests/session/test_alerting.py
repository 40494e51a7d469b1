"""Alerts are made from the session's own events, throttled, and never keep trading waiting."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hook_kit import TOKEN, Hook, hook
from session_kit import SYMBOL, floor

from engine.model import events as ev
from engine.model.settings import AlertSettings
from engine.ops import alerts
from engine.ops.alerts import Delivery, target
from engine.ops.secrets import SecretsError
from engine.session.alerting import NO_DATA_S, WAITING, Alerts, Courier, Message, Outcome, no_data

SECOND = 1_000_000_000


class Clock:
    def __init__(self) -> None:
        self.s = 1_000.0

    def __call__(self) -> float:
        return self.s


class Desk:
    """Alerts whose targets take everything in memory, and what they took."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> None:
        self.clock = Clock()
        self.sent: list[tuple[str, str, str]] = []
        self.ok = True

        def send(to: Any, level: str, title: str, text: str, _: float) -> Delivery:
            self.sent.append((level, title.removeprefix("here: "), text))
            return Delivery(to.name, self.ok, "sent" if self.ok else "refused with 500", 1)

        monkeypatch.setattr(alerts, "send", send)
        chosen = AlertSettings(**{"retries": 0, **settings})
        self.alerts = Alerts(lambda: [target("phone", f"json://x/{TOKEN}")], chosen, "here", now=self.clock)
        self.look()
        until(lambda: self.alerts._loaded is not None)
        self.look()

    def look(self) -> ev.Event | None:
        return self.alerts.look()

    def settled(self) -> list[tuple[str, str, str]]:
        until(lambda: all(courier.idle for courier in self.alerts._couriers or ()))
        return self.sent


def until(done: Callable[[], object], timeout_s: float = 5.0) -> None:
    end = time.monotonic() + timeout_s
    while not done():
        assert time.monotonic() < end
        time.sleep(0.005)


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    made = Desk(monkeypatch)
    yield made
    made.alerts.end(1.0)


# --- from events to messages ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "level", "title", "text"),
    [
        (ev.TradingChanged(0, "HALTED", "kill switch", "key"), "alarm", "kill switch on", "kill switch (by key)"),
        (ev.TradingChanged(0, "SAFE", "gone", "links"), "alarm", "SAFE: links were lost for good", "gone (by links)"),
        (ev.TradingChanged(0, "ACTIVE", "re-armed: ok", "key"), "info", "trading goes on", "re-armed: ok (by key)"),
        (ev.Noticed(0, "NakedPosition", "X", "3 s"), "alarm", "no protective stop", "X: 3 s"),
        (ev.Noticed(0, "DailyLoss", "", "5 %"), "alarm", "daily loss limit", "5 %"),
        (ev.Noticed(0, "NakedPosition", "X", "X is safe", True), "info", "over: no protective stop", "X is safe"),
        (ev.BreakerReport(0, "orders", "open", 5), "warning", "circuit breaker open", "orders open after 5 failures"),
        (ev.BreakerReport(0, "orders", "closed"), "info", "over: circuit breaker open", "orders closed"),
        (ev.SessionEnded(0, "fault", False), "alarm", "session ended badly", "fault"),
        (ev.ScreenFailed(0, "chart", "ValueError"), "warning", "fault of the screen", "chart: ValueError"),
        (
            ev.Settled(0, "position", "X", "alarm", "+1 is foreign"),
            "warning",
            "difference to the venue after a restart",
            "+1 is foreign (alarm)",
        ),
        (
            ev.Carried(0, "s1", 9, "", 0, False, False, 0, ev.Book()),
            "alarm",
            "session ended badly",
            "s1 did not end in order; its account is taken over",
        ),
    ],
)
def test_an_event_becomes_a_message(desk: Desk, event: ev.Event, level: str, title: str, text: str) -> None:
    desk.alerts.see(event)
    assert desk.settled() == [(level, title, text)]


@pytest.mark.parametrize(
    "event",
    [
        ev.TradingChanged(0, "ACTIVE", "preflight passed", "preflight"),
        ev.TradingChanged(0, "PAUSED", "a break", "key"),
        ev.Noticed(0, "StaleCommand", "", "already paused"),
        ev.Noticed(0, "Alerts", "", "kill switch on → phone"),
        ev.Noticed(0, "AlertFailed", "", "phone: no connection"),
        ev.BreakerReport(0, "orders", "half"),
        ev.SessionEnded(0, "quit", True),
        ev.Clock(0),
    ],
)
def test_what_nobody_needs_to_know_is_not_sent(desk: Desk, event: ev.Event) -> None:
    desk.alerts.see(event)
    assert desk.settled() == []


def test_the_profile_switches_causes_on_and_off(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(monkeypatch, causes={"Paused": True, "Killed": False})
    desk.alerts.see(ev.TradingChanged(0, "PAUSED", "a break", "key"))
    desk.alerts.see(ev.TradingChanged(0, "HALTED", "kill switch", "key"))
    assert [title for _, title, _ in desk.settled()] == ["trading paused"]
    desk.alerts.end(1.0)


def test_an_order_without_an_answer_is_told_once_and_again_when_it_is_found(desk: Desk) -> None:
    for status in ("UNKNOWN", "UNKNOWN", "UNKNOWN", "FILLED", "FILLED"):
        desk.alerts.see(ev.OrderReport(0, "c1", "v1", "X", status, Decimal(0)))
    assert [title for _, title, _ in desk.settled()] == ["order outcome unknown", "over: order outcome unknown"]


# --- throttle -------------------------------------------------------------------------------------------------------------


def test_repeats_of_a_cause_are_counted_and_told_at_the_end_of_its_window(desk: Desk) -> None:
    for n in range(4):
        desk.alerts.tell("LoopLag", f"late {n}")
    desk.alerts.tell("Killed", "another cause has its own window")
    desk.look()
    assert [text for *_, text in desk.settled()] == ["late 0", "another cause has its own window"]
    desk.clock.s += 300
    desk.look()
    assert desk.settled()[2] == ("alarm", "event loop late", "3 more in the last 5 min; late 3")
    desk.clock.s += 300
    desk.look()
    desk.alerts.tell("LoopLag", "late again")
    assert [text for *_, text in desk.settled()][3:] == ["late again"]


def test_a_thousand_causes_in_a_second_are_two_messages(desk: Desk) -> None:
    began = time.perf_counter()
    for n in range(1_000):
        desk.alerts.see(ev.Noticed(0, "NakedPosition", "X", f"{n}"))
    assert time.perf_counter() - began < 0.1
    desk.clock.s += 300
    desk.look()
    assert [text for *_, text in desk.settled()] == ["X: 0", "999 more in the last 5 min; X: 999"]


def test_what_was_held_back_is_told_at_the_end(desk: Desk) -> None:
    desk.alerts.tell("LoopLag", "late 0")
    desk.alerts.tell("LoopLag", "late 1")
    desk.alerts.end(2.0)
    assert desk.sent[-1][2].startswith("1 more in the last 0 s; late 1")


# --- delivery -------------------------------------------------------------------------------------------------------------


def test_a_failure_is_tried_again_with_growing_pauses_then_told(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    desk = Desk(monkeypatch, retries=2)
    courier = (desk.alerts._couriers or [])[0]
    monkeypatch.setattr(courier._ending, "wait", pauses.append)
    desk.ok = False
    desk.alerts.tell("Killed", "x")
    desk.settled()
    desk.look()
    assert (len(desk.sent), pauses) == (3, [1.0, 2.0])
    assert desk.alerts.failing() == "phone: refused with 500"
    desk.alerts._session = SimpleNamespace(clock=lambda: 7, broken=None)  # type: ignore[assignment]
    desk.ok = True
    desk.alerts.tell("Safe", "y")
    desk.settled()
    said = desk.look()
    assert isinstance(said, ev.Reported)
    assert (said.kind, said.text) == ("Alerts", "SAFE: links were lost for good → phone")
    assert desk.alerts.failing() == ""
    desk.alerts.end(1.0)


def test_more_than_a_target_can_take_pushes_out_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    go, outcomes = threading.Event(), list[Outcome]()

    def send(to: Any, *_: Any) -> Delivery:
        go.wait(5)
        return Delivery(to.name, True, "sent", 1)

    monkeypatch.setattr(alerts, "send", send)
    courier = Courier(target("phone", f"json://x/{TOKEN}"), AlertSettings(), outcomes.append)
    for n in range(WAITING + 11):
        courier.put(Message("Test", "info", "t", str(n)))
    go.set()
    until(lambda: courier.idle)
    lost = [outcome for outcome in outcomes if outcome.problem]
    assert 10 <= len(lost) <= 11
    assert outcomes[-1].message.text == str(WAITING + 10)
    courier.end()


def test_targets_that_cannot_be_read_are_told_and_nothing_waits_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    def load() -> list[Any]:
        raise SecretsError("the keyring gave no answer within 20 s", "keyring", "unlock it")

    made = Alerts(load, AlertSettings(), "here")
    made.look()
    until(lambda: made._loaded is not None)
    assert "gave no answer" in made.failing()
    made.end(0.1)


def test_a_fault_in_the_alerts_is_told_and_ends_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk.alerts, "tell", lambda *_: 1 / 0)
    desk.alerts.see(ev.TradingChanged(0, "HALTED", "kill switch", "key"))
    assert desk.alerts.failing() == "ZeroDivisionError over TradingChanged"


# --- in a session ---------------------------------------------------------------------------------------------------------


@contextmanager
def alerted(session: Any, web: Hook, **settings: Any) -> Iterator[Alerts]:
    chosen = AlertSettings(**{"retries": 0, "timeout_s": 1.0, **settings})
    made = Alerts(lambda: [target("phone", web.address)], chosen, "cockpit test (DEMO)")
    session.watchers.append(made.see)
    made.attach(session)
    try:
        yield made
    finally:
        made.end(2.0)


async def test_a_kill_reaches_the_phone_and_its_delivery_the_log(tmp_path: Path) -> None:
    with hook() as web:
        async with floor(tmp_path, up=False) as f:
            with alerted(f.session, web):
                f.session.command("kill", text="enough")
                await f.until(
                    lambda: any("kill switch on → phone" in line.text for line in f.state.log), "sent and told"
                )
    assert web.got[0]["title"] == "cockpit test (DEMO): kill switch on"
    assert web.got[0]["message"] == "enough (by key)"


async def test_a_webhook_that_hangs_keeps_no_loop_waiting_and_stands_as_an_alarm(tmp_path: Path) -> None:
    with hook() as web:
        web.hanging = True
        async with floor(tmp_path, up=False) as f:
            loop, late = asyncio.get_running_loop(), [0.0]

            async def beat() -> None:
                while True:
                    due = loop.time() + 0.01
                    await asyncio.sleep(0.01)
                    late.append(loop.time() - due)

            beating = asyncio.create_task(beat())
            with alerted(f.session, web, timeout_s=0.5):
                f.session.command("kill", text="enough")
                for n in range(1_000):
                    f.session.ingest(ev.Reported(f.session.clock(), "ClockJump", f"jump {n}"))
                    if not n % 100:
                        await asyncio.sleep(0)
                await f.until(lambda: "AlertFailed/" in f.state.alarms, "standing")
                beating.cancel()
                web.hanging = False
                web.hang.set()
                f.session.command("rearm", text="the hook is back")
                await f.until(lambda: "AlertFailed/" not in f.state.alarms, "over")
            assert sorted(late)[int(len(late) * 0.99)] < 0.25
            text = " ".join(line.text for line in f.state.log)
            assert TOKEN not in text


async def test_a_session_that_breaks_tells_why(tmp_path: Path) -> None:
    with hook() as web:
        async with floor(tmp_path, up=False) as f:
            with alerted(f.session, web):
                f.session.fail(RuntimeError("the journal is gone"))
                await asyncio.sleep(0)
    assert [(m["title"], m["message"]) for m in web.got] == [
        ("cockpit test (DEMO): stopped by a fault of its own", "RuntimeError: the journal is gone")
    ]


async def test_a_stream_that_stays_away_is_no_data(tmp_path: Path) -> None:
    async with floor(tmp_path, up=False) as f:
        probe = no_data(f.session)
        await f.until(lambda: "public" in f.state.links and f.state.links["public"].state == "up", "public")
        assert probe() == ""
        f.session.ingest(ev.LinkReport(f.session.clock(), "public", "down"))
        assert probe() == ""
        later = f.session.clock() + int((NO_DATA_S + 1) * SECOND)
        f.session.clock = lambda: later
        assert probe() == f"public: nothing heard for more than {NO_DATA_S:g} s"
        assert SYMBOL in f.state.markets
