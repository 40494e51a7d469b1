"""``cockpit status``: how a session is, from its recording and its run file alone; nothing is asked of it or of the venue."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from cockpit import format as fmt
from engine.core.exposure import working_orders
from engine.journal.recording import Recording, RecordingError
from engine.model import events as ev
from engine.model.clean import clean
from engine.model.errors import CockpitError
from engine.model.orders import Position
from engine.model.settings import RiskLimits
from engine.model.state import day_pnl, equity, r_multiple, unrealised
from engine.ops import health, paths, running
from engine.ops.health import Facts, Life, Limit, Verdict
from engine.ops.paths import Home
from engine.replay.latest import Latest, latest
from engine.replay.sessions import RUNNING_NS, SUFFIX, is_whatif, sessions

SCHEMA = 1
LAST = "last"
BEAT_S = 5.0
"""A heart that has not beaten for longer (it does once a second) stands still."""
EVERY_S = 2.0
ENDINGS: dict[str, Verdict] = {
    "clean": "ok", "signal": "ok", "running": "ok", "failed": "critical", "torn": "dead", "unreadable": "dead",
}  # fmt: skip
MARKS = {"ok": "✓", "warn": "!", "critical": "✗", "dead": "╳"}


def run(name: str, home: Path | None, *, everything: bool, watch: bool, as_json: bool) -> int:
    """Print it; the exit code is the verdict's. Raises CockpitError when there is no such session."""
    place = paths.place(home)
    show: Callable[[], int] = (lambda: _all(place, as_json)) if everything else (lambda: _one(name, place, as_json))
    if not watch:
        return show()
    code = 0
    try:
        while True:
            if sys.stdout.isatty():
                print("\x1b[H\x1b[2J", end="")
            code = show()
            sys.stdout.flush()
            time.sleep(EVERY_S)
    except KeyboardInterrupt:
        return code


# --- which -------------------------------------------------------------------------------------------------------------


def find(name: str, place: Home) -> Path:
    """A session by name, or ``last``: one that runs, else the newest that was lived."""
    if name != LAST:
        from cockpit.commands import recordings

        return recordings.find(name, place.root)
    alive = [r for r in running.found(place) if running.alive(r.pid, r.born)]
    for run in sorted(alive, key=lambda r: r.started_t, reverse=True):
        path = place.sessions / f"{run.session}{SUFFIX}"
        if path.is_file():
            return path
    found = sorted(place.sessions.glob(f"*{SUFFIX}"), reverse=True)
    for path in found:
        if not is_whatif(path.name.removesuffix(SUFFIX)) and _mode(path) != "BACKTEST":
            return path
    raise CockpitError(
        "nothing has been recorded yet", str(place.sessions), "cockpit without a command records a demo session"
    )


def _mode(path: Path) -> str:
    try:
        with Recording.open(path) as recording:
            return next((e.mode for _, e in recording.events(1, 1) if isinstance(e, ev.SessionStarted)), "")
    except RecordingError:
        return ""  # damaged: it is to be told, not to be passed over


# --- how it is ----------------------------------------------------------------------------------------------------------


def report(path: Path, place: Home, now: int) -> dict[str, Any]:
    """The answer of ``--json``: times are UTC nanoseconds, ages seconds, money strings or rounded floats."""
    try:
        found = latest(path)
    except RecordingError as error:
        return _unreadable(path, error, now)
    state, info = found.state, found.state.session
    run = next((r for r in running.found(place) if r.session == info.id), None)
    beat = running.last_beat(place, info.id) if run is not None else None
    life = _life(found, run, beat, now)
    age_s = max(0.0, (now - found.last_t) / 1e9)
    limits = _limits(found)
    latch = _latch(place)
    facts = Facts(state, life, age_s, limits, latch, found.damage)
    verdict, reasons = health.judge(facts)
    account = state.account
    return {
        "schema": SCHEMA,
        "verdict": verdict,
        "exit_code": health.code(verdict),
        "reasons": [{"verdict": r.verdict, "text": clean(r.text, 300)} for r in reasons],
        "session": info.id or path.name.removesuffix(SUFFIX),
        "profile": info.profile,
        "mode": info.mode,
        "venue": info.venue,
        "account": found.started.account if found.started is not None else "",
        "version": info.version,
        "life": life,
        "pid": run.pid if run is not None and life != "gone" else 0,
        "watchdog_pid": beat.watchdog if beat is not None and beat.watchdog and running.alive(beat.watchdog) else 0,
        "started_t": info.started_t,
        "last_event_t": found.last_t,
        "last_event_age_s": round(age_s, 3),
        "events": state.seq,
        "ended": clean(info.ended),
        "clean": info.clean,
        "trading": {"state": state.trading, "why": clean(state.trading_why, 300), "since_t": state.trading_t},
        "kill_latch": latch,
        "currency": account.currency,
        "equity": round(equity(state), 2) if account.known else None,
        "wallet": f"{account.wallet:f}" if account.known else None,
        "day_pnl": round(day_pnl(state), 2) if account.known else None,
        "unrealised_pnl": round(sum(unrealised(state, p) for p in state.positions.values()), 2),
        "realised_pnl": f"{account.realised:f}",
        "fees": f"{account.fees:f}",
        "funding": f"{account.funding:f}",
        "trades": state.trades_total,
        "wins": state.wins_total,
        "fills": state.fills_total,
        "positions": [_position(found, p) for p in state.positions.values() if p.qty],
        "orders": {
            "working": len(working_orders(state)),
            "unknown": sum(o.status == "UNKNOWN" for o in working_orders(state)),
            "awaiting_approval": len(state.approvals),
            "rejections": sum(state.rejected.values()),
        },
        "limits": [{"name": m.name, "used": round(m.used, 4), "limit": m.limit, "unit": m.unit} for m in limits],
        "links": [
            {
                "name": clean(link.name, 20),
                "state": link.state,
                "heard_age_s": round((now - link.last_t) / 1e9, 3) if link.last_t else None,
                "latency_ms": link.latency_ms,
                "reconnects": link.reconnects,
                "bad_messages": link.bad,
            }
            for link in sorted(state.links.values(), key=lambda link: link.name)
        ],
        "breakers": {clean(b.family, 20): b.state for b in state.errors.breakers.values()},
        "errors": {clean(kind, 40): n for kind, n in state.errors.counts.items()},
        "alarms": [clean(text, 300) for text in sorted(state.alarms.values())],
        "loop_lag_ms": state.loop_lag_ms,
        "journal_lag_ms": state.journal_lag_ms,
        "memory_mb": round(beat.rss_mb, 1) if beat is not None and life != "gone" else None,
        "recording": str(path),
    }  # fmt: skip


def _life(found: Latest, run: running.RunFile | None, beat: running.Beat | None, now: int) -> Life:
    if found.state.session.ended:
        return "ended"
    if run is None:
        return "running" if not found.closed and now - found.last_t < RUNNING_NS else "gone"
    if not running.alive(run.pid, run.born):
        return "gone"
    if running.stopped(run.pid):
        return "stopped"
    still_s = (running.steady_ns() - beat.steady_ns) / 1e9 if beat is not None else 0.0
    return "hung" if still_s > BEAT_S else "running"


def _limits(found: Latest) -> list[Limit]:
    """By the profile that the session runs with; none where the recording does not tell."""
    if found.started is None:
        return []
    try:
        config = msgspec.json.decode(found.started.config, type=_Config)
    except msgspec.MsgspecError:
        return []
    return health.used(found.state, config.profile.risk)


class _Profile(msgspec.Struct):
    risk: RiskLimits


class _Config(msgspec.Struct):
    profile: _Profile


def _latch(place: Home) -> str | None:
    from engine.session import latch

    return latch.read(place.latch)


def _position(found: Latest, p: Position) -> dict[str, Any]:
    state = found.state
    market = state.markets.get(p.symbol)
    multiple = r_multiple(state, p)
    return {
        "symbol": p.symbol,
        "qty": f"{p.qty:f}",
        "entry": f"{p.entry:.8f}".rstrip("0").rstrip("."),
        "mark": market.price if market is not None else None,
        "unrealised_pnl": round(unrealised(state, p), 2),
        "r": round(multiple, 2) if multiple is not None else None,
        "stop": f"{p.stop:f}" if p.stop is not None else None,
        "target": f"{p.target:f}" if p.target is not None else None,
        "venue_qty": f"{p.venue_qty:f}" if p.venue_qty is not None else None,
        "strategy": p.strategy,
    }


def _unreadable(path: Path, error: RecordingError, now: int) -> dict[str, Any]:
    return {
        "schema": SCHEMA, "verdict": "dead", "exit_code": health.code("dead"),
        "reasons": [{"verdict": "dead", "text": clean(f"the recording cannot be read: {error.what}", 300)}],
        "session": path.name.removesuffix(SUFFIX), "life": "gone", "last_event_age_s": None, "now_t": now,
        "recording": str(path),
    }  # fmt: skip


# --- printing -----------------------------------------------------------------------------------------------------------


def _one(name: str, place: Home, as_json: bool) -> int:
    found = report(find(name, place), place, time.time_ns())
    if as_json:
        print(json.dumps(found, indent=1))
    else:
        for line in lines(found):
            print(line)
    return int(found["exit_code"])


def lines(r: dict[str, Any]) -> list[str]:
    """For a person: the verdict and its reasons first, then what is held and what it hangs on."""
    verdict = r["verdict"]
    head = f"{MARKS[verdict]} {verdict.upper():<9} {r['session']}"
    reasons = [f"  {MARKS[x['verdict']]} {x['text']}" for x in r["reasons"]]
    if "trading" not in r:
        return [head, *reasons, f"recording   {r['recording']}"]
    rows = [(name, text) for name, read in ROWS for text in read(r)]
    named = [(name if i == 0 or rows[i - 1][0] != name else "", text) for i, (name, text) in enumerate(rows)]
    return [f"{head}  {r['mode']} ({r['profile']}), {_life_text(r)}", *reasons,
            *(f"{name:<11} {text}" for name, text in named)]  # fmt: skip


def _life_text(r: dict[str, Any]) -> str:
    since = fmt.age(r["last_event_t"] - r["started_t"])
    ago = fmt.age(int(r["last_event_age_s"] * 1e9))
    if r["life"] == "ended":
        return f"ended {ago} ago after {since}: {r['ended']}"
    pid = f", process {r['pid']}" if r["pid"] else ""
    return f"{'ended without a word' if r['life'] == 'gone' else r['life']}, {since} of it recorded{pid}"


def _trading(r: dict[str, Any]) -> list[str]:
    t = r["trading"]
    was = "was " if r["life"] in ("ended", "gone") else ""
    return [f"{was}{t['state']}{': ' + t['why'] if t['why'] else ''}"]


def _money(r: dict[str, Any]) -> list[str]:
    if r["equity"] is None:
        return ["not known: the account was never read"]
    net = float(r["realised_pnl"]) - float(r["fees"]) + float(r["funding"])
    day, unbooked = fmt.signed(r["day_pnl"]), fmt.signed(r["unrealised_pnl"])
    return [
        f"{fmt.money(r['equity'])} {r['currency']}, day PnL {day}, open PnL {unbooked}",
        f"session {fmt.signed(net)} net of {float(r['fees']):,.2f} fees, {r['trades']} trade(s), {r['wins']} won",
    ]


def _positions(r: dict[str, Any]) -> list[str]:
    found = []
    for p in r["positions"]:
        side = "LONG" if not p["qty"].startswith("-") else "SHORT"
        mark = f", mark {p['mark']:,.2f}" if p["mark"] else ""
        multiple = f" ({fmt.r(p['r'])})" if p["r"] is not None else ""
        stop = f"stop {float(p['stop']):,.2f}" if p["stop"] is not None else "NO STOP"
        target = f", target {float(p['target']):,.2f}" if p["target"] is not None else ""
        venue = f", the venue says {p['venue_qty']}" if p["venue_qty"] not in (None, p["qty"]) else ""
        gain = f"{fmt.signed(p['unrealised_pnl'])}{multiple}"
        found.append(
            f"{side} {p['qty'].lstrip('-')} {p['symbol']} at {float(p['entry']):,.2f}{mark}, {gain}, {stop}{target}{venue}"
        )
    return found or ["flat"]


def _orders(r: dict[str, Any]) -> list[str]:
    o = r["orders"]
    waiting = f", {o['awaiting_approval']} wait(s) for a key" if o["awaiting_approval"] else ""
    unknown = f", {o['unknown']} of UNKNOWN outcome" if o["unknown"] else ""
    return [f"{o['working']} working{unknown}{waiting}; {o['rejections']} refused so far"]


def _limit_rows(r: dict[str, Any]) -> list[str]:
    if not r["limits"]:
        return ["not known: the recording does not hold its profile"]
    texts = [f"{m['name']} {_figure(m['used'])}/{_figure(m['limit'])}{m['unit']}" for m in r["limits"]]
    return [", ".join(texts[:4]), ", ".join(texts[4:])]


def _figure(x: float) -> str:
    return fmt.compact(x) if abs(x) >= 1_000 else f"{x:.2f}".rstrip("0").rstrip(".")


def _link_rows(r: dict[str, Any]) -> list[str]:
    found = []
    for link in r["links"]:
        heard = f", heard {fmt.age(int(link['heard_age_s'] * 1e9))} ago" if link["heard_age_s"] is not None else ""
        took = f", {fmt.latency(link['latency_ms'])}" if link["latency_ms"] is not None else ""
        again = f", {link['reconnects']} reconnection(s)" if link["reconnects"] else ""
        bad = f", {link['bad_messages']} unreadable" if link["bad_messages"] else ""
        found.append(f"{link['name']} {link['state']}{heard}{took}{again}{bad}")
    return found or ["none yet"]


def _pulse(r: dict[str, Any]) -> list[str]:
    memory = f", {r['memory_mb']:.0f} MB" if r["memory_mb"] is not None else ""
    ago = fmt.age(int(r["last_event_age_s"] * 1e9))
    lags = f"; loop {fmt.latency(r['loop_lag_ms'])} late, disk {fmt.latency(r['journal_lag_ms'])} behind"
    return [f"{ago} ago, number {r['events']:,}{lags if r['life'] != 'ended' else ''}{memory}"]


ROWS: tuple[tuple[str, Callable[[dict[str, Any]], list[str]]], ...] = (
    ("trading", _trading),
    ("equity", _money),
    ("position", _positions),
    ("orders", _orders),
    ("limits", _limit_rows),
    ("links", lambda r: _link_rows(r) if r["life"] != "ended" else []),
    ("last event", _pulse),
    ("watchdog", lambda r: [f"process {r['watchdog_pid']}"] if r["watchdog_pid"] else []),
    ("kill switch", lambda r: [f"LATCHED: {r['kill_latch']}" if r["kill_latch"] is not None else "off"]),
    ("recording", lambda r: [r["recording"]]),
)


def _all(place: Home, as_json: bool) -> int:
    """Every session in a line. The exit code is that of the ones that run, and of the newest: what ended long ago is history."""
    now = time.time_ns()
    found: list[dict[str, Any]] = []
    worst = 0
    alive = {run.session for run in running.found(place) if running.alive(run.pid, run.born)}
    for row in sessions(place.sessions, now) if place.sessions.is_dir() else ():
        name = row.name.removesuffix(SUFFIX)
        if is_whatif(name) or row.mode == "BACKTEST":
            continue
        verdict, reason, life = ENDINGS[row.ending], row.problem or row.reason, row.ending
        if row.ending == "running" or row.id in alive or not found:
            full = report(place.sessions / row.name, place, now)
            verdict, life = full["verdict"], full["life"]
            reason = full["reasons"][0]["text"] if full["reasons"] else reason
            worst = max(worst, health.code(verdict))
        found.append({
            "session": name, "verdict": verdict, "exit_code": health.code(verdict), "life": life, "mode": row.mode,
            "profile": row.profile, "started_t": row.started_t, "last_event_t": row.last_t,
            "net_pnl": f"{row.net_pnl:f}", "currency": row.currency, "reason": reason,
        })  # fmt: skip
    if as_json:
        print(json.dumps({"schema": SCHEMA, "exit_code": worst, "sessions": found}, indent=1))
        return worst
    for r in found:
        money = f"{float(r['net_pnl']):+,.2f} {r['currency']}".rstrip()
        mark = f"{MARKS[r['verdict']]} {r['verdict']:<8}"
        print(f"{mark} {r['session']:<22} {r['mode']:<5} {r['life']:<8} {money:>18}  {clean(r['reason'], 80)}".rstrip())
    if not found:
        print(f"nothing has been recorded in {place.sessions}")
    return worst
