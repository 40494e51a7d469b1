"""The tabs of the log pane: for each, its rows, its columns, and how a row is drawn. Tables, not branches."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from cockpit import format as fmt
from cockpit.panes import reading
from cockpit.panes.text import Column, Line, gauge
from cockpit.view import View
from engine.model.orders import Fill, Trade
from engine.model.reasons import NOTICES, REASONS
from engine.model.state import LogLine, Note, Rejection


class Tab(NamedTuple):
    """``seq`` is the journal position of a row, zero where it has none; ``about`` is the sentence under the list."""

    title: str
    short: str
    count: Callable[[View], int]
    rows: Callable[[View], Sequence[Any]]
    columns: tuple[Column, ...]
    cells: Callable[[View, Any], Line]
    key: Callable[[Any], str]
    words: Callable[[Any], str]
    seq: Callable[[View, Any], int]
    about: Callable[[View, Any], list[Line]]
    empty: str


NUMBER = re.compile(r"[+-]?\d[\d,]*(\.\d+)?")
GAUGE = 16


def number(text: str) -> float | None:
    """The number that a recorded limit or value begins with."""
    found = NUMBER.match(text[:40])
    return float(found[0].replace(",", "")) if found else None


def short(text: str) -> str:
    """A limit or value as it was recorded; from ten thousand on a bare number is shortened."""
    value = number(text)
    return fmt.compact(value) if value is not None and abs(value) >= 10_000 and NUMBER.fullmatch(text) else text


def thousands(text: str) -> str:
    """The same with its thousands separated."""
    whole, point, rest = text.partition(".")
    return f"{int(whole):,}{point}{rest}" if whole.isascii() and whole.isdigit() and len(whole) < 20 else text


def compared(value: str, limit: str) -> str:
    """``44.2k > 40.0k``; where one of them is missing, the other; words: ``none, wanted a stop``."""
    if not value or not limit:
        return short(value or limit)
    a, b = number(value), number(limit)
    if a is None or b is None:
        return f"{value}, wanted {limit}"
    sign = ">" if a > b else "<" if a < b else "="
    return f"{short(value)} {sign} {short(limit)}"


# --- rejections ------------------------------------------------------------------------------------------------

SOURCE = {"risk": "risk gate", "venue": "venue", "operator": "you"}


def rejection_cells(view: View, r: Rejection) -> Line:
    d = reading.digits(view, r.symbol)
    why = compared(r.value, r.limit) or r.text
    return [
        (fmt.clock_ms(r.t), "label"),
        (r.symbol, "value"),
        reading.side_cell(r.side),
        (fmt.qty(r.qty, d.qty), "value"),
        (fmt.price(r.price, d.price) if r.price is not None else "market", "value"),
        (r.code, "need"),
        (why, "value"),
        (r.strategy or SOURCE.get(r.source, r.source), "label"),
    ]


def measured(value: str, limit: str) -> Line:
    """The value against its limit as a bar, where both are numbers."""
    numbers = [number(value), number(limit)]
    line: Line = [("value ", "label"), (thousands(value), "bad"), ("  limit ", "label"), (thousands(limit), "strong")]
    if numbers[0] is None or not numbers[1]:
        return line if value or limit else []
    share = abs(numbers[0] / numbers[1])
    bar = gauge(share, GAUGE, "bad" if share > 1 else "need")
    return [
        *line,
        ("  ", ""),
        *bar,
        (f" {share * 100:,.0f}% of limit" if share < 1_000 else " far beyond", "label"),
    ]


def rejection_about(_view: View, r: Rejection) -> list[Line]:
    """What the rule says, what was measured against it, and the sentence with its numbers."""
    source = f"  by {SOURCE.get(r.source, r.source)}"
    lines: list[Line] = [
        [(f"{r.code} ", "need"), (REASONS.get(r.code, "Refused."), "value")],
        [(r.text, "value"), (source, "label"), (f"  {r.client_id}", "dim")],
        measured(r.value, r.limit),
    ]
    return [line for line in lines if line]


# --- events ----------------------------------------------------------------------------------------------------

LEVELS = {"info": ("·", "dim"), "good": ("●", "good"), "warning": ("!", "warn"), "alarm": ("✕", "alarm")}


def event_cells(_view: View, e: LogLine) -> Line:
    glyph, style = LEVELS.get(e.level, ("?", "warn"))
    title = NOTICES[e.kind][1] if e.kind in NOTICES else e.kind
    quiet = e.level == "info"
    return [
        (fmt.clock_ms(e.t), "label"),
        (glyph, style),
        (title, "label" if quiet else "need" if e.level in ("warning", "alarm") else "good"),
        (e.text, "value"),
        (f"#{e.seq}", "dim"),
    ]


def event_about(_view: View, e: LogLine) -> list[Line]:
    return [[(e.text, "value"), (f"  {e.client_id}", "dim")]]


# --- fills and trades ------------------------------------------------------------------------------------------


def fill_cells(view: View, f: Fill) -> Line:
    d = reading.digits(view, f.symbol)
    realised = float(f.realised)
    return [
        (fmt.clock_ms(f.t), "label"),
        (f.symbol, "value"),
        reading.side_cell(f.side),
        (fmt.qty(f.qty, d.qty), "value"),
        (fmt.price(f.price, d.price), "value"),
        (fmt.money(f.qty * f.price), "label"),
        (fmt.money(f.fee, 4), "label"),
        ("maker" if f.maker else "taker", "label"),
        (fmt.signed(realised) if realised else "", reading.pnl_style(realised)),
        (f.client_id or "protective stop", "label"),
    ]


def fill_about(view: View, f: Fill) -> list[Line]:
    order = view.state.orders.get(f.client_id)
    why = order.why if order is not None else "" if f.client_id else "a protective order at the venue"
    return [[(f"{f.symbol} ", "label"), (why, "value"), (f"  trade {f.trade_id}  order {f.venue_order_id}", "dim")]]


def fill_seq(view: View, f: Fill) -> int:
    return view.state.fill_keys.get(f"{f.symbol}/{f.venue_order_id}/{f.trade_id}", 0)


def trade_cells(view: View, t: Trade) -> Line:
    d = reading.digits(view, t.symbol)
    tint = reading.pnl_style(float(t.pnl))
    return [
        (fmt.clock(t.entry_t), "label"),
        (fmt.clock(t.exit_t), "label"),
        (t.symbol, "value"),
        (f"{reading.GLYPH[t.side]} {reading.DIRECTION[t.side]}", reading.TINT[t.side]),
        (fmt.qty(t.qty, d.qty), "value"),
        (fmt.price(t.entry, d.price), "value"),
        (fmt.price(t.exit, d.price), "value"),
        (fmt.signed(t.pnl), tint + " b"),
        (fmt.r(t.r, 2), tint),
        (str(t.bars), "label"),
        (t.exit_why, "label"),
    ]


def trade_about(_view: View, t: Trade) -> list[Line]:
    return [
        [
            (f"{t.strategy or 'by hand'}: ", "label"), (t.why, "value"),
            (f"  fees {fmt.money(t.fees)}  funding {fmt.signed(t.funding)}", "dim"),
        ]
    ]  # fmt: skip


# --- why -------------------------------------------------------------------------------------------------------

VERDICTS = {"signal": ("◆ signal", "good b"), "wait": ("· wait", "dim"), "blocked": ("■ blocked", "need")}


def latest_notes(view: View) -> list[Note]:
    """Newest first, one for each strategy, symbol and candle: the last word on it."""
    seen: set[tuple[str, str, int]] = set()
    out = []
    for note in reversed(view.state.notes):
        key = (note.strategy, note.symbol, note.open_time)
        if key not in seen:
            seen.add(key)
            out.append(note)
    return out


def note_cells(_view: View, n: Note) -> Line:
    verdict, style = VERDICTS.get(n.verdict, (n.verdict, "value"))
    return [
        (fmt.minute(n.open_time), "label"),
        (n.symbol, "value"),
        (n.strategy, "value"),
        (verdict, style),
        (n.text, "value"),
    ]


def note_about(_view: View, n: Note) -> list[Line]:
    return [[(f"{n.strategy} on {n.symbol}, candle {fmt.minute(n.open_time)}: ", "label"), (n.text, "value")]]


def table(view: View, columns: tuple[Column, ...], cells: Line) -> tuple[tuple[Column, ...], Line]:
    """Without the symbol's column where the profile has only one symbol."""
    if len(view.profile.symbols) > 1:
        return columns, cells
    at = next((n for n, column in enumerate(columns) if column.title == SYMBOL.title), None)
    return (columns, cells) if at is None else (columns[:at] + columns[at + 1 :], cells[:at] + cells[at + 1 :])


def _nothing(_view: View, _row: object) -> list[Line]:
    return []


TIME, SIDE, SYMBOL = Column("time", 12), Column("side", 6), Column("symbol", 9, "<", 1)
TABS: dict[str, Tab] = {
    "rejections": Tab(
        "REJECTIONS", "REJECT",
        lambda v: sum(v.state.rejected.values()),
        lambda v: v.state.rejections[::-1],
        (TIME, SYMBOL, SIDE, Column("qty", 7, ">", 2), Column("price", 9, ">", 1), Column("rule", 21, "<"),
         Column("value, limit", 0, "<", 0, 12), Column("source", 14, "<", 3)),
        rejection_cells,
        lambda r: f"#{r.seq}.{r.code}.{r.client_id}",
        lambda r: f"{r.code} {r.symbol} {r.side} {r.strategy} {r.source} {r.text} {r.client_id}",
        lambda _v, r: int(r.seq),
        rejection_about,
        "nothing was refused",
    ),
    "events": Tab(
        "EVENTS", "EVENTS",
        lambda v: len(v.state.log),
        lambda v: v.state.log[::-1],
        (TIME, Column("", 1), Column("kind", 18, "<", 2), Column("what", 0, "<", 0, 44), Column("seq", 8, ">", 3)),
        event_cells,
        lambda e: f"#{e.seq}.{e.kind}",
        lambda e: f"{e.kind} {e.level} {e.text} {e.client_id}",
        lambda _v, e: int(e.seq),
        event_about,
        "nothing has happened yet",
    ),
    "fills": Tab(
        "FILLS", "FILLS",
        lambda v: v.state.fills_total,
        lambda v: v.state.fills[::-1],
        (TIME, SYMBOL, SIDE, Column("qty", 8, ">"), Column("price", 9, ">"), Column("notional", 10, ">", 4),
         Column("fee", 8, ">", 2),
         Column("", 5, "<", 3), Column("realised", 10, ">", 1), Column("order", 0, "<", 5, 10)),
        fill_cells,
        lambda f: f"{f.symbol}/{f.venue_order_id}/{f.trade_id}",
        lambda f: f"{f.symbol} {f.side} {f.client_id} {f.venue_order_id} {'maker' if f.maker else 'taker'}",
        fill_seq,
        fill_about,
        "no fills yet",
    ),
    "trades": Tab(
        "TRADES", "TRADES",
        lambda v: v.state.trades_total,
        lambda v: v.state.trades[::-1],
        (Column("entry_ts", 8), Column("exit_ts", 8), SYMBOL, Column("side", 7), Column("qty", 7, ">", 3),
         Column("entry", 9, ">", 1),
         Column("exit", 9, ">", 1), Column("pnl", 10, ">"), Column("R", 7, ">"),
         Column("bars", 4, ">", 4), Column("exit why", 0, "<", 2, 8)),
        trade_cells,
        lambda t: f"{t.symbol}/{t.entry_t}/{t.exit_t}",
        lambda t: f"{t.symbol} {t.side} {t.strategy} {t.why} {t.exit_why}",
        lambda _v, _t: 0,
        trade_about,
        "no closed trade yet",
    ),
    "equity": Tab(
        "EQUITY", "EQUITY",
        lambda _v: 0,
        lambda _v: (),
        (), lambda _v, _row: [], lambda _row: "", lambda _row: "", lambda _v, _row: 0, _nothing,
        "no equity known yet",
    ),
    "why": Tab(
        "WHY", "WHY",
        lambda _v: 0,
        latest_notes,
        (Column("bar", 5), SYMBOL, Column("strategy", 14, "<", 1), Column("verdict", 9), Column("reason", 0, "<", 0, 20),),
        note_cells,
        lambda n: f"#{n.seq}",
        lambda n: f"{n.strategy} {n.symbol} {n.verdict} {n.text}",
        lambda _v, n: int(n.seq),
        note_about,
        "no candle has closed yet",
    ),
}  # fmt: skip
"""In the order in which they are shown."""
