"""How a session is, in one word: ok, warn, critical or dead, with the reasons. A table of rules over what could be read of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from engine.core.exposure import at_risk, exposure, working_orders
from engine.core.risk.losses import limits_of
from engine.core.risk.pace import lost_pct
from engine.model.market import MINUTE_NS
from engine.model.settings import RiskLimits
from engine.model.state import State, equity

Verdict = Literal["ok", "warn", "critical", "dead"]
VERDICTS: tuple[Verdict, ...] = ("ok", "warn", "critical", "dead")
"""From good to bad: the place is the exit code of ``cockpit status``."""
SILENT_S = 5.0
"""A session's clock ticks every second: without any event for longer it does not work."""
LATE_MS = 1_000.0
NEAR = 0.8
"""From this share of a limit on it is worth a word."""

Life = Literal["running", "hung", "stopped", "gone", "ended"]
"""It runs; it runs but does not move; the system holds it; its process is gone without an end; it ended."""


class Limit(NamedTuple):
    """What is used of a limit over time or over the account; ``unit`` is %, × or empty."""

    name: str
    used: float
    limit: float
    unit: str = ""

    @property
    def share(self) -> float:
        return self.used / self.limit if self.limit > 0 else 0.0


class Facts(NamedTuple):
    """``age_s`` is since the last event, ``latch`` why the kill switch stands in the home folder (None: it does not)."""

    state: State
    life: Life
    age_s: float
    limits: list[Limit]
    latch: str | None
    damage: list[str]


class Reason(NamedTuple):
    verdict: Verdict
    text: str


def used(state: State, limits: RiskLimits) -> list[Limit]:
    """Every limit on what was lost, what is held and what was sent."""
    own = equity(state) if state.account.known else 0.0
    book, exposed = state.risk, exposure(state)
    losses = [
        Limit(f.what, max(0.0, lost_pct(own, f.start)) if own else 0.0, f.limit, "%") for f in limits_of(book, limits)
    ]
    return [
        *losses,
        Limit("exposure", exposed, limits.max_exposure_quote),
        Limit("leverage", exposed / own if own > 0 else 0.0, limits.max_leverage, "×"),
        Limit("at risk", at_risk(state) / own * 100 if own > 0 else 0.0, limits.total_at_risk_pct, "%"),
        Limit("losses in a row", book.losses_in_row, limits.consecutive_losses),
        Limit("orders a minute", sum(t > state.t - MINUTE_NS for t in book.sent_t), limits.orders_per_minute),
    ]


def judge(facts: Facts) -> tuple[Verdict, list[Reason]]:
    """The worst of all reasons, and the reasons from bad to good."""
    found = [reason for rule in RULES for reason in rule(facts)]
    found.sort(key=lambda reason: -VERDICTS.index(reason.verdict))
    return (found[0].verdict if found else "ok"), found


def code(verdict: Verdict) -> int:
    return VERDICTS.index(verdict)


# --- rules ------------------------------------------------------------------------------------------------------------

LIVES: dict[Life, Reason | None] = {
    "running": None,
    "ended": None,
    "hung": Reason("critical", "the process lives but its heart does not beat"),
    "stopped": Reason("critical", "the process is held by the system (stopped)"),
    "gone": Reason("dead", "the process is gone and the session did not end"),
}


def _life(f: Facts) -> Iterator[Reason]:
    reason = LIVES[f.life]
    if reason is not None:
        yield reason
    elif f.life == "running" and f.age_s > SILENT_S:
        yield Reason("critical", f"nothing has been recorded for {f.age_s:.0f} s")


def _left(f: Facts) -> Iterator[Reason]:
    """What nobody looks after any more."""
    if f.life in ("running", "hung", "stopped"):
        return
    for p in f.state.positions.values():
        if p.qty and p.stop is None:
            yield Reason("critical", f"{p.qty:+f} {p.symbol} is left without a stop at the venue")
        elif p.qty:
            yield Reason("warn", f"{p.qty:+f} {p.symbol} is left with a stop at {p.stop:f}; no session manages it")
    left = len(working_orders(f.state))
    if left:
        yield Reason("warn", f"{left} order(s) are left working at the venue")


def _end(f: Facts) -> Iterator[Reason]:
    if f.life == "ended" and not f.state.session.clean:
        missed = [f"{s.name}: {s.detail or s.status}" for s in f.state.steps if s.status in ("failed", "timeout")]
        yield Reason("critical", f"it did not end in order: {'; '.join(missed) or f.state.session.ended}")


def _trading(f: Facts) -> Iterator[Reason]:
    levels: dict[str, Verdict] = {"PAUSED": "warn", "HALTED": "critical", "SAFE": "critical"}
    if f.life != "ended" and f.state.trading in levels:
        yield Reason(levels[f.state.trading], f"{f.state.trading}: {f.state.trading_why}")


def _latch(f: Facts) -> Iterator[Reason]:
    if f.latch is not None and (f.life == "ended" or f.state.trading != "HALTED"):
        yield Reason("warn", f"the kill switch is latched: {f.latch}")


def _alarms(f: Facts) -> Iterator[Reason]:
    for text in sorted(f.state.alarms.values()):
        yield Reason("critical", text)


def _recovery(f: Facts) -> Iterator[Reason]:
    recovery = f.state.recovery
    if f.life == "ended" or not recovery.began_t:
        return
    if recovery.open:
        yield Reason("warn", f"the account of {recovery.session or 'an earlier session'} is still being recovered")
    if recovery.unsolved:
        yield Reason("critical", f"{recovery.unsolved} difference(s) of the recovery are unsolved")


def _links(f: Facts) -> Iterator[Reason]:
    for link in f.state.links.values() if f.life == "running" else ():
        if link.state != "up":
            worst: Verdict = "critical" if link.state == "failed" else "warn"
            yield Reason(worst, f"link {link.name} is {link.state} {link.detail}".rstrip())


def _breakers(f: Facts) -> Iterator[Reason]:
    for breaker in f.state.errors.breakers.values() if f.life == "running" else ():
        if breaker.state != "closed":
            yield Reason("warn", f"requests for {breaker.family} are held back: {breaker.detail or breaker.state}")


def _limits(f: Facts) -> Iterator[Reason]:
    for limit in f.limits if f.life == "running" else ():
        if limit.share >= NEAR:
            word = "reached" if limit.share >= 1 else f"{limit.share:.0%} used"
            yield Reason("warn", f"{limit.name} {word}: {limit.used:,.2f} of {limit.limit:,.2f}{limit.unit}")


def _lags(f: Facts) -> Iterator[Reason]:
    for what, ms in (("the event loop is", f.state.loop_lag_ms), ("the journal is", f.state.journal_lag_ms)):
        if f.life == "running" and ms > LATE_MS:
            yield Reason("warn", f"{what} {ms / 1000:.1f} s late")


def _damage(f: Facts) -> Iterator[Reason]:
    if f.damage:
        yield Reason("critical", f"the recording is damaged: {f.damage[0]}")


RULES: tuple[Callable[[Facts], Iterator[Reason]], ...] = (
    *(_life, _damage, _alarms, _trading, _left, _end, _latch, _recovery, _links, _breakers, _limits, _lags),
)
