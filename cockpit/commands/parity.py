"""``cockpit parity``: a session beside what the simulator makes of its market, order by order, with the causes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec

from cockpit import format as fmt
from cockpit.commands.recordings import find
from cockpit.panes.text import clean
from engine.journal.export import iso
from engine.ops.yaml_file import ConfigError
from engine.replay.parity import Paid, Parity, parity
from engine.replay.parity_causes import CAUSES, Cause, Row
from engine.replay.parity_deals import Deal

NOTHING = "–"


def run(recording: str, settings: Iterable[str], home: Path | None, *, by_bars: bool, as_json: bool) -> int:
    """Compare and print; 0 without a difference, else 1. ConfigError, RecordingError or CockpitError."""
    pairs = _pairs(settings)
    path = find(recording, home)
    if by_bars:
        from cockpit.commands import parity_bars

        return parity_bars.run(path, pairs, as_json=as_json)
    made = parity(path, pairs, teller(as_json))
    text = _json(made) if as_json else "\n".join(clean(line) for line in lines(made))
    sys.stdout.write(f"{text}\n")
    return 0 if made.same else 1


def _pairs(items: Iterable[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for item in items:
        path, equals, value = item.partition("=")
        if not equals or not path.strip():
            raise ConfigError(f"--set takes path=value, not {item!r}", "", "for example: --set fill.latency_ms=250")
        pairs[path.strip()] = value.strip()
    return pairs


def teller(as_json: bool) -> Callable[[float], object] | None:
    """Shows a share in the terminal; None where nobody looks."""
    if as_json or not sys.stderr.isatty():
        return None

    def told(share: float) -> None:
        end = "\r     \r" if share >= 1 else ""
        sys.stderr.write(f"\r{share * 100:3.0f} %{end}")
        sys.stderr.flush()

    return told


# --- what is printed --------------------------------------------------------------------------------------------


def lines(made: Parity) -> list[str]:
    """The differences as a table, the totals, and the difference of the profits by cause."""
    start = "from the start" if not made.from_seq else f"from #{made.from_seq:,}, when the account was known"
    head = [f"{made.session}  recorded at {made.venue}, simulated {start}"]
    head += [f"  {path}: {before} → {now}" for path, before, now in made.changes]
    body = _differences(made)
    foot = [*_totals(made), "", _verdict(made), *made.assumptions, *(f"damage: {line}" for line in made.damage)]
    return [*head, "", *body, *([""] if body else []), *foot]


def _differences(made: Parity) -> list[str]:
    table: list[tuple[str, ...]] = [("#", "time", "order", "recorded", "simulated", "cause", "PnL")]
    words = [""]
    for row in made.differing:
        for n, cause in enumerate(row.causes):
            table.append((*(_cells(row) if n == 0 else ("",) * 5), cause.code, _money(cause)))
            words.append(cause.text)
    for paid in made.funding:
        for cause in paid.causes:
            table.append((*_paid_cells(paid), cause.code, _money(cause)))
            words.append("")
    if len(table) == 1:
        return []
    widths = [max(len(cells[n]) for cells in table) for n in range(len(table[0]))]
    out = []
    for cells, text in zip(table, words, strict=True):
        left = [cell.ljust(width) for cell, width in zip(cells[:-1], widths, strict=False)]
        out.append("  ".join([*left, cells[-1].rjust(widths[-1])]).rstrip())
        out += [f"{'':{widths[0] + widths[1] + 4}}{text}"] if text else []
    return out


def _cells(row: Row) -> tuple[str, str, str, str, str]:
    deal = row.recorded or row.simulated
    assert deal is not None
    what = f"{deal.strategy or deal.role} {deal.side} {deal.kind.lower()}"
    if deal.role == "venue":
        what = f"venue {deal.side}{f' at {deal.level:f}' if deal.level is not None else ''}"
    return f"#{row.seq}", iso(row.t)[11:19], what, _came_to(row.recorded), _came_to(row.simulated)


def _came_to(deal: Deal | None) -> str:
    """What became of it, in a few words."""
    if deal is None:
        return NOTHING
    if deal.parts:
        kind = "maker" if any(part.maker for part in deal.parts) else "taker"
        return f"{deal.filled:f} at {deal.paid / deal.filled:,.2f} {kind}"
    return f"{deal.refused}" if deal.refused else f"{deal.qty:f} {deal.status.lower()}"


def _paid_cells(paid: Paid) -> tuple[str, str, str, str, str]:
    one = paid.recorded or paid.simulated
    assert one is not None
    there, here = (f"{s.amount:+f}" if s is not None else NOTHING for s in (paid.recorded, paid.simulated))
    return f"#{paid.seq}", iso(one.t)[11:19], f"funding {one.symbol}", there, here


def _money(cause: Cause) -> str:
    return fmt.signed(cause.pnl) if cause.pnl else "0"


def _totals(made: Parity) -> list[str]:
    there, here = made.recorded, made.simulated
    rows = [("", "recorded", "simulated", "difference")]
    for name in ("orders", "sent", "refused", "fills"):
        a, b = getattr(there, name), getattr(here, name)
        rows.append((name, str(a), str(b), f"{a - b:+d}" if a != b else ""))
    for title, a, b in (
        (f"fees {made.currency}", -there.fees, -here.fees),
        (f"funding {made.currency}", there.funding, here.funding),
        (f"PnL {made.currency}", there.pnl, here.pnl),
    ):
        rows.append((title, fmt.signed(a), fmt.signed(b), fmt.signed(a - b) if a != b else ""))
    for code in (code for code in CAUSES if made.by_cause.get(code)):
        rows.append((f"  {code}", "", "", fmt.signed(made.by_cause[code])))
    widths = [max(len(row[n]) for row in rows) for n in range(4)]
    return [
        "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))]).rstrip()
        for row in rows
    ]


def _verdict(made: Parity) -> str:
    count = len(made.rows)
    if made.same:
        return f"No difference in {_number(count, 'order')} and {_number(made.recorded.fills, 'fill')}."
    differing = len(made.differing)
    causes = ", ".join(f"{code} {made.counts[code]}" for code in CAUSES if code in made.counts)
    return f"{differing} of {_number(count, 'order')} differ{'s' if differing == 1 else ''}: {causes}."


def _number(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


# --- JSON -------------------------------------------------------------------------------------------------------


def _json(made: Parity) -> str:
    shown: dict[str, Any] = {name: getattr(made, name) for name in made.__struct_fields__}
    shown["rows"] = [
        {
            "seq": row.seq,
            "t": row.t,
            "recorded": _plain_deal(row.recorded),
            "simulated": _plain_deal(row.simulated),
            "causes": row.causes,
        }
        for row in made.rows
    ]
    shown |= {"same": made.same, "recording": str(made.recording)}
    return msgspec.json.format(msgspec.json.encode(shown), indent=1).decode()


def _plain_deal(deal: Deal | None) -> dict[str, Any] | None:
    if deal is None:
        return None
    shown = {name: getattr(deal, name) for name in deal.__struct_fields__ if name not in ("books", "terms")}
    return shown | {"filled": deal.filled, "paid": deal.paid, "fees": deal.fees}


__all__ = ["lines", "run", "teller"]
