"""What a session prints when it is over: a table for a person, one JSON object for a program."""

from __future__ import annotations

import json
from typing import Any

from engine.model.clean import clean
from engine.model.state import State

MARKS = {"pass": "✓", "fail": "✗", "skip": "·", "pending": "·"}


def print_summary(summary: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(summary))
        return
    currency = summary["currency"]
    position = ", ".join(f"{qty} {symbol}" for symbol, qty in summary["position"].items()) or "flat"
    rows = (
        ("session", f"{summary['session']}  {summary['mode']} ({summary['profile']})"),
        ("ended", f"{summary['ended'] or 'not in order'}, trading {summary['trading']}"),
        ("orders", _counts(summary["orders"])),
        ("rejections", _counts(summary["rejections"])),
        ("fills", str(summary["fills"])),
        ("trades", f"{summary['trades']} ({summary['wins']} won)"),
        ("realised", f"{float(summary['realised_pnl']):+,.2f} {currency}"),
        ("fees", f"{-float(summary['fees']):+,.2f} {currency}"),
        ("funding", f"{float(summary['funding']):+,.2f} {currency}"),
        ("net", f"{float(summary['net_pnl']):+,.2f} {currency}"),
        ("position", position),
        ("equity", f"{summary['equity']:,.2f} {currency}"),
        ("events", f"{summary['events']:,}"),
        ("recording", summary["recording"]),
    )
    for name, value in rows:
        print(f"{name:<11} {clean(value, 300)}")
    recovered = summary["recovered"]
    if recovered:
        found = f"{recovered['asked']} order(s) asked about, {len(recovered['differences'])} difference(s)"
        print(f"recovered   {clean(recovered['session'] or 'nothing', 60)}: {found}")
        for line in recovered["differences"]:
            print(f"            {clean(line, 300)}")
    for alarm in summary["alarms"]:
        print(f"ALARM       {clean(alarm, 300)}")


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items()) or "none"


def print_gates(state: State, *, ready: bool) -> None:
    for gate in state.gates.values():
        need = "" if gate.required else "  (optional)"
        print(f"{MARKS[gate.status]} {gate.name:<20} {clean(gate.detail, 200)}{need}")
    print("ready to trade" if ready else "not ready to trade")
