"""The top bar: which market, at what price, in what mode, and how the day goes."""

from __future__ import annotations

from textual.geometry import Size

from cockpit import format as fmt
from cockpit.panes import reading
from cockpit.panes.base import Pane
from cockpit.panes.status import LINKS, SHORT
from cockpit.panes.text import Item, Line, spread
from cockpit.view import View
from engine.model.market import Instrument

ROOMY = 140
"""From this width on everything is called by its whole name."""
WIDE = 100
"""From this width on the header has its second row."""
NEVER_NS = 30 * 86_400_000_000_000
"""No venue settles funding so rarely: what is due later is never due."""


def perpetual(instrument: Instrument | None) -> Line:
    return [(" PERP", "dim")] if instrument is not None else []


def last_price(view: View) -> Line:
    m = reading.market(view)
    d = reading.digits(view)
    if not m.last:
        return [(f" {fmt.UNKNOWN} ", "key.off")]
    up = m.last_side != "SELL"
    return [(f" {fmt.price(m.last, d.price)} {'▲' if up else '▼'} ", "tag.bull" if up else "tag.bear")]


def change(view: View) -> Line:
    pct = reading.change_pct(view)
    return [(fmt.percent(pct), "dim" if pct is None else reading.pnl_style(pct) + " b")]


def book(view: View) -> tuple[Line, Line]:
    """Bid and ask; spread. Direction colours would be unreadable on LIVE's tint and mean nothing here."""
    m, d = reading.market(view), reading.digits(view)
    wide = view.profile.risk.max_spread_bps
    bps = reading.spread_bps(view)
    sides: Line = []
    for label, levels in (("bid", m.bids), ("ask", m.asks)):
        text = fmt.price(levels[0][0], d.price) if levels else fmt.UNKNOWN
        sides += [(label + " ", "label"), (text, "value"), ("  ", "")]
    gap = fmt.price(m.ask - m.bid, d.price) if bps is not None else fmt.UNKNOWN
    style = "need" if bps is not None and bps > wide else "value"
    return sides[:-1], [("spread ", "label"), (gap, style), (f" · {fmt.bps(bps)}", "label")]


def short_book(view: View) -> tuple[Line, Line]:
    """``62,979.1 / 62,979.2``; ``spr 0.1``."""
    m, d = reading.market(view), reading.digits(view)
    bid, ask = (fmt.price(levels[0][0], d.price) if levels else fmt.UNKNOWN for levels in (m.bids, m.asks))
    bps = reading.spread_bps(view)
    gap = fmt.price(m.ask - m.bid, d.price) if bps is not None else fmt.UNKNOWN
    style = "need" if bps is not None and bps > view.profile.risk.max_spread_bps else "value"
    return [(bid, "value"), (" / ", "dim"), (ask, "value")], [("spr ", "label"), (gap, style)]


def funding(view: View, short: bool = False) -> Line:
    m = reading.market(view)
    if m.funding_rate is None:
        return []
    line: Line = [("fund " if short else "funding ", "label"), (fmt.percent(m.funding_rate * 100, 4), "warn")]
    if m.next_funding_t and m.venue_t and m.next_funding_t - m.venue_t < NEVER_NS:
        line += [(" " if short else " in ", "label"), (fmt.countdown(m.next_funding_t - m.venue_t), "value")]
    return line


def clock(view: View) -> Line:
    """The market's clock; ours where nothing was heard yet."""
    t = reading.market_time(view, view.now) if reading.market(view).venue_t else view.now
    speed = reading.market_speed(view)
    fast: Line = [(f" {fmt.speed(speed)}", "need")] if speed != 1 else []
    return [(fmt.clock(t), "strong"), (" UTC", "dim"), *fast]


def where(view: View) -> Line:
    return [reading.SOURCES[view.source]] if view.source in reading.SOURCES else []


def day_range(view: View) -> tuple[Line, Line]:
    m, d = reading.market(view), reading.digits(view)
    if not m.day_high:
        return [], []
    levels: Line = [
        ("24h ", "label"), ("H ", "dim"), (fmt.price(m.day_high, d.price), "value"),
        (" L ", "dim"), (fmt.price(m.day_low, d.price), "value"),
    ]  # fmt: skip
    return levels, [("vol ", "label"), (f"{fmt.compact(m.day_volume)} {d.base}".rstrip(), "value")]


def marks(view: View) -> tuple[Line, Line]:
    m, d = reading.market(view), reading.digits(view)
    return (
        [("mark ", "label"), (fmt.price(m.mark or None, d.price), "value")],
        [("index ", "label"), (fmt.price(m.index or None, d.price), "value")],
    )


def worth(view: View) -> Line:
    return [("equity ", "label"), (reading.equity_text(view), "strong"), (f" {view.state.account.currency}", "dim")]


def links(view: View) -> Line:
    """One glyph for each link; one that is not up says its name and what it is."""
    line: Line = []
    for name, entry in sorted(view.state.links.items()):
        glyph, style = LINKS.get(entry.state, ("?", "bad"))
        line.append((f" {glyph}" if entry.state == "up" else f" {glyph} {SHORT.get(name, name)} {entry.state}", style))
    return [("links", "label"), *line] if line else []


def links_down(view: View) -> bool:
    return any(entry.state != "up" for entry in view.state.links.values())


def alarm_line(view: View) -> Line:
    """All standing alarms in one line, loudly; empty when all is well."""
    texts = reading.alarms(view)
    if not texts:
        return []
    return [(f" ! {len(texts)} ALARM{'S' * (len(texts) > 1)} ", "alarm"), (" ", ""), ("  ·  ".join(texts), "need")]


def first_row(view: View, width: int) -> Line:
    symbol: Line = [(view.symbol, "strong"), *perpetual(reading.market(view).instrument)]
    roomy = width >= ROOMY
    sides, gap = book(view) if roomy else short_book(view)
    lhs = [
        Item(0, reading.mode_badge(view)),
        Item(0, symbol),
        Item(0, last_price(view)),
        Item(1, change(view)),
        Item(3, sides),
        Item(5, gap),
    ]
    rhs = [Item(0, where(view)), Item(4, funding(view, short=not roomy)), Item(2, clock(view))]
    return spread(lhs, rhs, width)


def second_row(view: View, width: int) -> Line:
    alarm = alarm_line(view)
    mark, index = marks(view)
    levels, volume = day_range(view)
    money = [Item(1, worth(view)), Item(0, reading.day_line(view)), Item(0, reading.trading(view))]
    names = ", ".join(view.profile.strategies)
    strategy: Line = [("strategy ", "label"), (names, "value")] if names else []
    if alarm:
        down: Line = links(view) if links_down(view) else []
        return spread([Item(0, alarm)], [Item(2, down), *money], width)
    money.insert(0, Item(0 if links_down(view) else 4, links(view)))
    lhs = [Item(2, mark), Item(5, index), Item(3, levels), Item(6, volume)]
    return spread(lhs, [Item(7, strategy), *money], width, gap=2)


def only_row(view: View, width: int) -> Line:
    """One row for narrow screens: an alarm takes the place of everything that can wait."""
    lhs = [
        Item(0, reading.mode_badge(view)),
        Item(0, [(view.symbol, "strong")]),
        Item(0, last_price(view)),
    ]
    state: Line = reading.trading(view) if view.state.trading != "ACTIVE" else []
    alarm = alarm_line(view)
    if alarm:
        return spread([*lhs, Item(0, alarm)], [Item(0, state)], width, gap=1)
    lhs += [Item(1, change(view)), Item(5, short_book(view)[1])]
    time = [part for part in clock(view) if part[0] != " UTC"]
    return spread(lhs, [Item(0, where(view)), Item(4, funding(view, short=True)), Item(0, state), Item(3, time)], width)


class HeaderBar(Pane, can_focus=False):
    """Two rows from 100 columns on, else one. On the right of the second row: equity, the day, the trading state."""

    DEFAULT_CSS = """
    HeaderBar { border: none; padding: 0; height: auto; width: 100%; }
    HeaderBar:focus { border: none; }
    """
    pane_id = "header"

    def get_content_height(self, _container: Size, _viewport: Size, width: int) -> int:
        return 2 if width >= WIDE else 1

    def ground(self, view: View) -> str:
        return reading.ground(view)

    def draw(self, view: View, width: int, height: int) -> list[Line]:
        if width >= WIDE and height > 1:
            return [first_row(view, width - 1), [(" ", ""), *second_row(view, width - 2)]]
        return [only_row(view, width - 1)]
