"""What a round shows: the session's own account of it held against the exchange's books."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

import msgspec
from chaos_round import Round

from engine.core.fold import apply
from engine.journal.recording import Recording, RecordingError
from engine.model import events as ev
from engine.model.state import State

GRACE_NS = 4_000_000_000
"""A position may be without a stop for this long: ``naked_grace_s``, a tick of the timer, and two looks at the exchange."""
END_LIMIT_S = 25.0


class Verdict(msgspec.Struct):
    case: str
    tried: int
    """Orders that reached the exchange."""
    fills: int
    survived: bool = True
    lost: int = 0
    """Fills and orders of the exchange that the session does not know, and differing sums."""
    duplicated: int = 0
    """Client ids that the exchange accepted twice, fills that were counted twice."""
    early: int = 0
    """Orders at the exchange before, or without, their decision in the journal."""
    unprotected_s: float = 0.0
    """Without a stop and without an alarm, as the exchange saw it."""
    faults: list[str] = []

    @property
    def good(self) -> bool:
        return not self.faults


class Told(msgspec.Struct):
    """The journal, folded."""

    state: State
    sent: dict[str, int] = {}
    alarms: list[tuple[int, bool]] = []
    """When alarms began to stand (True) and when the last one ended."""
    damage: list[str] = []


def judge(round_: Round) -> Verdict:
    """Never raises for what a session left behind; ``faults`` holds one sentence each."""
    verdict = Verdict(round_.case, len(round_.orders), int(round_.account["trades"]), faults=[])
    _lives(round_, verdict)
    try:
        told = read(round_)
    except RecordingError as error:
        verdict.faults.append(f"no recording: {error}")
        return verdict
    verdict.faults += [f"recording: {line}" for line in told.damage]
    _orders(round_, told, verdict)
    _money(round_, told, verdict)
    _protection(round_, told, verdict)
    return verdict


def read(round_: Round) -> Told:
    told = Told(State(), {}, [], [])
    with Recording.open(round_.recording) as recording:
        told.damage = list(recording.check())
        for _, event in recording.events():
            apply(told.state, event)
            if isinstance(event, ev.OrderSent):
                told.sent[event.client_id] = event.t
            alarmed = bool(told.state.alarms)
            if alarmed != bool(told.alarms and told.alarms[-1][1]):
                told.alarms.append((event.t, alarmed))
    return told


def _lives(round_: Round, verdict: Verdict) -> None:
    if "Traceback" in round_.words or "never retrieved" in round_.words:
        verdict.faults.append("a traceback on standard error: " + round_.words.strip().splitlines()[-1][:160])
    if any(ord(char) < 32 and char not in "\n\t" for char in round_.words):
        verdict.faults.append("control characters on standard error")
    if round_.exit_code != 0:
        verdict.faults.append(
            f"exit code {round_.exit_code}: {' / '.join(round_.words.strip().splitlines()[-2:])[:300]}"
        )
    elif not round_.summary.get("clean"):
        steps = [line for line in round_.words.splitlines() if line[1:3] == "/5" and ": ok" not in line]
        verdict.faults.append(f"not a clean end: {'; '.join(steps)}")
    if round_.ended_s > END_LIMIT_S:
        verdict.faults.append(f"the end took {round_.ended_s:.1f} s")
    verdict.survived = not verdict.faults


def _orders(round_: Round, told: Told, verdict: Verdict) -> None:
    ours = Counter(order["clientId"] for order in round_.orders if order.get("clientId"))
    verdict.duplicated += sum(n - 1 for n in ours.values())
    for order in round_.orders:
        decided = told.sent.get(name := order.get("clientId", "one without a name"))
        if decided is None or decided > order["t"]:
            verdict.early += 1
            verdict.faults.append(f"order {name} was at the exchange before its decision was in the journal")
    if verdict.duplicated:
        verdict.faults.append(f"{verdict.duplicated} client id(s) accepted twice")
    if not round_.orders:
        verdict.faults.append("no order reached the exchange: the round shows nothing")
    if open_ones := [o.client_id + " " + o.status for o in told.state.orders.values() if not o.final]:
        verdict.faults.append(f"not final at the end: {', '.join(open_ones)}")
    if round_.account["orders"]:
        verdict.faults.append(f"{len(round_.account['orders'])} order(s) still work at the exchange")


def _money(round_: Round, told: Told, verdict: Verdict) -> None:
    own, theirs = told.state.account, round_.account
    missing = verdict.fills - told.state.fills_total
    if missing > 0:
        verdict.lost += missing
        verdict.faults.append(f"{missing} of {verdict.fills} fills never reached the session")
    elif missing:
        verdict.duplicated -= missing
        verdict.faults.append(f"{-missing} fills too many were counted")
    for name in ("wallet", "realised", "fees", "funding"):
        mine, its = getattr(own, name), Decimal(theirs[name])
        if mine != its:
            verdict.lost += not missing
            verdict.faults.append(f"{name}: {mine:f} here, {its:f} there")
    held = {p.symbol: p.qty for p in told.state.positions.values() if p.qty}
    if held or theirs["positions"]:
        verdict.faults.append(f"positions: {held} here, {len(theirs['positions'])} there")


def _protection(round_: Round, told: Told, verdict: Verdict) -> None:
    last = 0
    for span in _spans(round_.naked):
        begin, end = span[0] + GRACE_NS, span[1]
        if end > begin and not _alarmed(told.alarms, begin, end):
            verdict.unprotected_s += (end - span[0]) / 1e9
            last = end
    if last:
        verdict.faults.append(f"{verdict.unprotected_s:.1f} s without a stop and without an alarm")


def _spans(moments: list[int]) -> list[tuple[int, int]]:
    """Runs of looks that are less than two seconds apart."""
    spans: list[tuple[int, int]] = []
    for t in moments:
        if spans and t - spans[-1][1] < 2_000_000_000:
            spans[-1] = (spans[-1][0], t)
        else:
            spans.append((t, t))
    return spans


def _alarmed(changes: list[tuple[int, bool]], begin: int, end: int) -> bool:
    standing = [on for t, on in changes if t <= begin]
    return bool(standing and standing[-1]) or any(on for t, on in changes if begin < t <= end)
