"""``cockpit lookahead``: a strategy on cut and on altered histories, and every decision that changed."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import msgspec

from cockpit.commands.backtest import Asked, configured
from cockpit.commands.parity import teller
from cockpit.panes.text import clean
from engine.data.load import Loaded, candles_from
from engine.data.moments import minute, moment
from engine.ops import paths
from engine.ops.yaml_file import ConfigError
from engine.runner.lookahead import CHECKS, Change, LookAhead, lookahead
from engine.runner.terms import terms_of
from engine.strategies import registry

SHOWN = 12


def run(
    strategy: str, data: str, params: list[str], from_t: str, to_t: str, cuts: int, seed: int, home: Path | None, *, as_json: bool
) -> int:  # fmt: skip
    """Look and print; 0 when no decision changed, else 1. ConfigError, CandleError, or CockpitError when nothing is decided."""
    place = paths.home(home)
    asked = Asked(
        strategy, data, "backtest", params, from_t, to_t, "fast", "", "", [], None, seed, None, home,
        as_json=as_json, report=False,
    )  # fmt: skip
    profile, chosen = configured(asked, place)
    loaded = _candles(data, from_t, to_t, place)
    found = lookahead(
        loaded.candles,
        lambda _: registry.build(chosen.name, chosen.params),
        cuts=cuts,
        seed=seed,
        profile=profile,
        instrument=terms_of(loaded.symbol, loaded.candles),
        progress=teller(as_json),
    )
    text = _json(found, loaded) if as_json else "\n".join(clean(line) for line in lines(found, loaded))
    sys.stdout.write(f"{text}\n")
    return 0 if found.clean else 1


def _candles(data: str, from_t: str, to_t: str, place: paths.Home) -> Loaded:
    now = time.time_ns()
    first, last = (moment(text, now) if text else None for text in (from_t, to_t))
    if first is not None and last is not None and first >= last:
        raise ConfigError(f"{from_t} is not before {to_t}", "--from")
    return candles_from(data, place, first, last)


def lines(found: LookAhead, loaded: Loaded) -> list[str]:
    """What was looked at, what changed, and the verdict."""
    pieces = f" in {found.pieces} pieces" if found.pieces > 1 else ""
    out = [
        f"{found.strategy} on {loaded.source}: {found.bars:,} of {len(loaded.candles):,} candles{pieces}",
        f"{found.decisions:,} decisions, {found.cuts} cuts, {found.runs} runs",
        *(f"  {name:<13}{what}" for name, what in CHECKS.items()),
        "",
    ]
    for change in found.changes[:SHOWN]:
        out += _change_lines(change)
    if len(found.changes) > SHOWN:
        out.append(f"and {len(found.changes) - SHOWN} more (--json shows them)")
    if found.clean:
        out.append("No decision changed.")
    else:
        by = {name: sum(1 for change in found.changes if change.check == name) for name in CHECKS}
        counts = ", ".join(f"{name} {count}" for name, count in by.items() if count)
        out += ["", f"Decisions changed: {counts}. The strategy knows more than the candles that it was shown."]
    return out


def _change_lines(change: Change) -> list[str]:
    until = f" after {minute(change.cut_t)}" if change.cut_t else ""
    return [
        f"{minute(change.t)}  {change.check}{until}",
        f"    was     {'; '.join(change.was) or 'nothing'}",
        f"    became  {'; '.join(change.became) or 'nothing'}",
    ]


def _json(found: LookAhead, loaded: Loaded) -> str:
    shown = {name: getattr(found, name) for name in found.__struct_fields__}
    shown |= {"clean": found.clean, "source": loaded.source, "symbol": loaded.symbol, "candles": len(loaded.candles)}
    return msgspec.json.format(msgspec.json.encode(shown), indent=1).decode()
