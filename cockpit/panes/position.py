"""What we hold: size, profit, where it ends well, where it ends badly, and how far along it is."""

from __future__ import annotations

from math import isfinite

from cockpit import format as fmt
from cockpit.panes import reading
from cockpit.panes.base import Pane
from cockpit.panes.text import Item, Line, keep, pair, row, width_of, wrapped
from cockpit.view import View
from engine.model.orders import Position
from engine.model.state import r_multiple

VERDICTS = {"signal": ("◆", "strong"), "wait": ("·", "dim"), "blocked": ("■", "warn")}


def in_r(p: Position, price: float) -> float | None:
    """A price as a multiple of the first risk, positive in our favour."""
    if not p.risk_per_unit:
        return None
    gain = (price - float(p.entry)) * (1 if p.qty > 0 else -1)
    return gain / float(p.risk_per_unit)


def r_bar(p: Position, price: float, width: int) -> Line:
    """``━━━━┿━━┃────`` from the stop to the target: the entry, where we are, thick between them. Empty without a first risk."""
    if not p.risk_per_unit or width < 8:
        return []
    now = in_r(p, price) or 0.0
    low = min(-1.0 if p.stop is None else in_r(p, float(p.stop)) or 0.0, 0.0, now)
    high = max(2.0 if p.target is None else in_r(p, float(p.target)) or 0.0, 0.0, now)
    span = max(high - low, 1e-9)
    if not isfinite(span + now):
        return []
    entry_at, now_at = (round((x - low) / span * (width - 1)) for x in (0.0, now))
    first, last = min(entry_at, now_at), max(entry_at, now_at)
    done = "bull" if now >= 0 else "bear"
    line: Line = []
    for n in range(width):
        if n == now_at:
            part = ("┃", "strong")
        elif n == entry_at:
            part = ("┿", "focus b")
        elif first < n < last:
            part = ("━", done)
        else:
            part = ("─", "bear.soft" if n < entry_at else "bull.soft")
        if line and line[-1][1] == part[1]:
            line[-1] = (line[-1][0] + part[0], part[1])
        else:
            line.append(part)
    return line


def flags(view: View, p: Position) -> Line:
    """What is not as it should be, loudest first."""
    found: Line = []
    if p.stop is None:
        held = fmt.age(view.now - p.naked_since) if p.naked_since else "now"
        found += [(f" ! NAKED {held} ", "alarm"), (" ", "")]
    if p.venue_qty is not None and p.venue_qty != p.qty:
        d = reading.digits(view, p.symbol)
        found += [(f" ≠ VENUE {fmt.qty(p.venue_qty, d.qty)} ", "tag.need"), (" ", "")]
    if p.stale:
        found += [(f"◷ STALE {p.bars} bars", "need"), (" ", "")]
    return found[:-1]


def heading(view: View, p: Position, width: int) -> Line:
    d = reading.digits(view, p.symbol)
    side = p.side
    tint = reading.TINT[side]
    lhs: Line = [
        (f"{reading.GLYPH[side]} {reading.DIRECTION[side]} ", tint + " b"),
        (fmt.qty(abs(p.qty), d.qty), "strong"),
        (f" {d.base}".rstrip(), "strong"),
    ]
    margin = f"{p.leverage}× {p.margin_mode.lower()}".strip() if p.leverage else p.margin_mode.lower()
    return row(lhs, [(margin, "label")], width)


def ends(view: View, p: Position, width: int) -> Line:
    """Stop, how far we are, target, under the ends of the bar."""
    now = r_multiple(view.state, p)
    stop = in_r(p, float(p.stop)) if p.stop is not None else None
    target = in_r(p, float(p.target)) if p.target is not None else None
    lhs: Line = [
        (
            f"{'TRAIL' if p.trailing else 'SL'} {fmt.r(stop)}" if p.stop is not None else "no stop",
            "bear" if p.stop is not None else "bad",
        )
    ]
    rhs: Line = [
        (f"TP {fmt.r(target)}" if p.target is not None else "no target", "bull" if p.target is not None else "dim")
    ]
    middle: Line = [("now ", "label"), (fmt.r(now, 2), "strong")] if now is not None else []
    room = width - width_of(lhs) - width_of(rhs) - width_of(middle)
    if room < 4 or not middle:
        return row(lhs, middle or rhs, width)
    before = room // 2
    return [*lhs, (" " * before, ""), *middle, (" " * (room - before), ""), *rhs]


def held_for(p: Position) -> Line:
    return [("since ", "label"), (fmt.clock(p.opened_t), "value"), (f"  {p.bars} bars", "label")]


def open_lines(view: View, p: Position, width: int, height: int) -> list[Line]:
    m, d = reading.market(view), reading.digits(view)
    pnl, pct = reading.position_pnl(view, p)
    tint = reading.pnl_style(pnl)
    today = reading.realised_today(view)
    start = view.state.risk.day_start
    liq = reading.liq_distance(view, p)
    stop: Line = [(fmt.price(p.stop, d.price), "bear")] if p.stop is not None else [("none", "bad")]
    target: Line = [(fmt.price(p.target, d.price), "bull")] if p.target is not None else [("none", "dim")]
    bar = r_bar(p, m.price, width)
    flag = flags(view, p)
    rows = [
        Item(0, heading(view, p, width)),
        *([Item(0, flag)] if flag else []),
        Item(
            0, pair("uPnL", [(f"{fmt.signed(pnl)} {d.quote}", tint + " b"), (f"{fmt.percent(pct):>10}", tint)], width)
        ),
        Item(
            5,
            pair(
                "rPnL today",
                [
                    (f"{fmt.signed(today)} {d.quote}", reading.pnl_style(today)),
                    (f"{fmt.percent(today / start * 100 if start else None):>10}", reading.pnl_style(today)),
                ],
                width,
            ),
        ),
        Item(3, pair("entry", [(fmt.price(p.entry, d.price), "value")], width)),
        Item(7, pair("mark", [(fmt.price(m.price or None, d.price), "value")], width)),
        Item(
            4,
            pair("liq", [(fmt.price(p.liquidation, d.price), "value"), (f"{fmt.percent(liq, 1):>9}", "label")], width)
            if p.liquidation
            else pair("liq", [("none", "dim")], width),
        ),
        Item(6, pair("trailing / target" if p.trailing else "stop / target", [*stop, (" / ", "dim"), *target], width)),
        *(Item(9, line) for line in wrapped("why", p.why, "value", width, 1)),
        *([Item(8, pair("held", held_for(p), width))] if p.opened_t else []),
        *([Item(2, bar)] if bar else []),
        Item(1, ends(view, p, width)),
    ]
    return keep(rows, height)


def flat_lines(view: View, width: int, height: int) -> list[Line]:
    """Flat, with the last trade, so that the pane is never without an answer."""
    d = reading.digits(view)
    today = reading.realised_today(view)
    rows = [
        Item(0, row([("◇ FLAT", "strong"), (f"  no position in {view.symbol}", "label")], [], width)),
        Item(1, pair("rPnL today", [(f"{fmt.signed(today)} {d.quote}", reading.pnl_style(today) + " b")], width)),
    ]
    last = next((t for t in reversed(view.state.trades) if t.symbol == view.symbol), None)
    if last is None:
        rows.append(Item(2, pair("trades", [("none yet in this session", "dim")], width)))
        return keep([*rows, *outlook(view, width)], height)
    tint = reading.pnl_style(float(last.pnl))
    rows += [
        Item(
            4,
            pair(
                "trades", [(f"{view.state.trades_total}", "value"), (f" · {view.state.wins_total} won", "label")], width
            ),
        ),
        Item(
            2,
            row(
                [
                    ("last ", "label"),
                    (f"{reading.GLYPH[last.side]} {reading.DIRECTION[last.side]} ", reading.TINT[last.side]),
                    (fmt.qty(last.qty, d.qty), "value"),
                ],
                [(fmt.signed(last.pnl), tint + " b"), (f"{fmt.r(last.r, 2):>8}", tint)],
                width,
            ),
        ),
        Item(
            6,
            pair(
                "entry → exit",
                [(fmt.price(last.entry, d.price), "value"), (" → ", "dim"), (fmt.price(last.exit, d.price), "value")],
                width,
            ),
        ),
        Item(7, pair("time", [(f"{fmt.clock(last.entry_t)} → {fmt.clock(last.exit_t)}", "value")], width)),
        Item(5, pair("why", [(last.exit_why, "value")], width)),
    ]
    return keep([*rows, *outlook(view, width)], height)


def outlook(view: View, width: int) -> list[Item]:
    """What each strategy said last about this market: why there is nothing, or what is coming."""
    notes = [view.state.latest_note.get(f"{name}/{view.symbol}") for name in view.profile.strategies]
    rows = [Item(9, [])]
    for note in notes:
        if note is not None:
            glyph, style = VERDICTS.get(note.verdict, ("?", "value"))
            rows += [Item(3, line) for line in wrapped(f"{glyph} {note.strategy}", note.text, style, width, 1)]
    return rows if len(rows) > 1 else []


def elsewhere(view: View) -> Line:
    """Open positions in other symbols, with their profit: nothing held is out of sight."""
    line: Line = []
    for p in view.state.positions.values():
        if p.qty and p.symbol != view.symbol:
            pnl, _ = reading.position_pnl(view, p)
            line += [
                (f" {reading.GLYPH[p.side]} {p.symbol} ", reading.TINT[p.side]),
                (fmt.signed(pnl), reading.pnl_style(pnl)),
            ]
            if p.stop is None:
                line.append((" ! NAKED", "need"))
    return [("also", "label"), *line, (" ", "")] if line else []


class PositionPane(Pane):
    """The open position of the view's symbol, or that there is none."""

    pane_id = "position"

    def title(self, _view: View) -> str:
        return "POSITION"

    def subtitle_line(self, view: View, _width: int) -> Line:
        return elsewhere(view)

    def mood(self, view: View) -> str:
        p = reading.position(view)
        return "alarm" if p is not None and p.stop is None and p.naked_since else ""

    def draw(self, view: View, width: int, height: int) -> list[Line]:
        p = reading.position(view)
        return flat_lines(view, width, height) if p is None else open_lines(view, p, width, height)
