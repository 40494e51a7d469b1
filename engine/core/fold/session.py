"""The session itself, its checklist, its clock, and its links."""

from __future__ import annotations

from engine.core.fold.base import keep, link_of, log
from engine.core.fold.errors import charge, link_changed
from engine.model import events as ev
from engine.model.market import MINUTE_NS
from engine.model.state import Gate, RiskBook, State, Step, equity

DAY_NS = 86_400_000_000_000
EQUITY_EVERY_NS = 10_000_000_000
EQUITY_KEPT = 8_640


def on_session_started(state: State, e: ev.SessionStarted) -> None:
    info = state.session
    info.id, info.tag, info.profile, info.mode = e.session, e.tag, e.profile, e.mode
    info.venue, info.version, info.started_t = e.venue, e.version, e.t
    log(state, "session", "info", f"session {e.session} started on profile {e.profile}")


def on_session_ended(state: State, e: ev.SessionEnded) -> None:
    state.session.ended, state.session.clean = e.reason, e.clean
    log(state, "session", "info" if e.clean else "warning", f"session ended: {e.reason}")


def on_shutdown_step(state: State, e: ev.ShutdownStep) -> None:
    step = Step(e.step, e.name, e.status, e.detail)
    if state.steps and state.steps[-1].step == e.step:
        state.steps[-1] = step
    else:
        state.steps.append(step)
    if e.status != "running":
        log(
            state,
            "shutdown",
            "info" if e.status == "ok" else "warning",
            f"{e.step}. {e.name}: {e.status} {e.detail}".rstrip(),
        )


def on_gate(state: State, e: ev.GateReport) -> None:
    before = state.gates.get(e.gate)
    state.gates[e.gate] = Gate(e.gate, e.status, e.required, e.detail)
    if e.status == "fail" and (before is None or before.status != "fail"):
        log(state, "preflight", "warning", f"{e.gate}: {e.detail}")


def on_clock(state: State, e: ev.Clock) -> None:
    state.loop_lag_ms, state.journal_lag_ms = e.loop_lag_ms, e.journal_lag_ms
    state.echoes += 1
    if not state.account.known:
        return
    now = equity(state)
    book = state.risk
    day = e.t // DAY_NS
    if day > book.day:
        turn(book, day, now)
    book.high_water = max(book.high_water, now)
    forget_sent(state)
    if not state.equity or e.t - state.equity[-1][0] >= EQUITY_EVERY_NS:
        keep(state.equity, (e.t, now), EQUITY_KEPT)


def turn(book: RiskBook, day: int, now: float) -> None:
    """UTC day number ``day`` begins, and with a Monday a week: losses are measured from equity ``now`` on."""
    book.day, book.day_start = day, now
    book.told.clear()
    week = (day + 3) // 7  # 1970-01-01 was a Thursday
    if week > book.week:
        book.week, book.week_start = week, now


def forget_sent(state: State) -> None:
    sent, since = state.risk.sent_t, state.t - MINUTE_NS
    while len(sent) > 1 and sent[0] <= since:
        del sent[0]


def on_link(state: State, e: ev.LinkReport) -> None:
    link = link_of(state, e.link)
    if link.state != e.state:
        link_changed(state, link, e)
        link.changed_t = e.t
        level = {"up": "good", "connecting": "info"}.get(e.state, "warning")
        log(state, "link", level, f"{e.link} {e.state} {e.detail}".rstrip())
        if e.link == "private" and e.state != "up":
            state.doubt = True
    link.state = e.state
    link.reconnects, link.missed, link.detail = e.reconnects, e.missed, e.detail
    if e.latency_ms is not None:
        link.latency_ms = e.latency_ms
    if e.state == "up":
        link.last_t = e.t


def on_bad(state: State, e: ev.BadMessage) -> None:
    link_of(state, e.link).bad += 1
    if e.link == "private":
        charge(state, "message")
    log(state, "bad", "warning", f"unreadable message on {e.link} ({e.why}) ×{e.count}")


def on_screen_failed(state: State, e: ev.ScreenFailed) -> None:
    charge(state, "screen")
    log(state, "screen", "warning", f"{e.where}: {e.text}")
