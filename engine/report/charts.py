"""What the page draws, as plain data: Plotly figures, and the candles and trades that its script makes the price chart of.

Times are UTC milliseconds. A colour is the name of a variable of the style sheet (``var(--up)``): the script puts in the value
that the reader's light or dark scheme has.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, log10
from typing import Any

from engine.model.market import MINUTE_NS, Candle
from engine.model.orders import Trade
from engine.report.costs import Costs
from engine.report.series import Held, drawdowns, row_at, thin
from engine.report.tables import esc
from engine.report.trades import tidy
from engine.runner.backtest import Result

Figure = dict[str, Any]

MS_NS = 1_000_000
BUCKETS = 700
"""Stretches of a curve of which first, lowest, highest and last are drawn: more than a wide screen has columns for."""
MOST_CANDLES = 20_000
"""Candles in the file; the script joins what is in view into at most a few hundred."""
MOST_MARKS = 25_000
"""Trades in the file's price chart; of more, those with the largest profits and losses."""
STEPS = (1, 2, 3, 5, 10, 15, 30, 60, 120, 240, 360, 720, 1_440)
SPANS = (60, 360, 1_440, 10_080, 40_320)
"""Minutes of a bar in the exposure chart: the shortest that gives at most ``MOST_SPANS`` of them."""
MOST_SPANS = 90
SHARES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Where the axis of the exposure chart may end."""
BINS = 44


def figures(result: Result, candles: Sequence[Candle], held: Sequence[Held], costs: Costs) -> dict[str, Figure]:
    """Every static chart by the name of its place on the page."""
    currency = esc(result.state.account.currency)
    return {
        "equity": equity(result, candles, currency),
        "distribution": distribution(result.trades, currency),
        "exposure": exposure(candles, held),
        "costs": cost_bars(costs, currency),
    }


def equity(result: Result, candles: Sequence[Candle], currency: str) -> Figure:
    """Equity above, drawdown below, on one time axis."""
    cash = float(result.cash)
    falls = drawdowns(result.equity, cash)
    high, low = thin(result.equity, BUCKETS), thin(falls, BUCKETS)
    return {
        "data": [
            {
                "name": "Equity", "x": _closes(candles, high), "y": [_short(result.equity[row]) for row in high],
                "line": {"color": "var(--accent)", "width": 1.6}, "hovertemplate": f"%{{y:,.2f}} {currency}<extra></extra>",
            },
            {
                "name": "Drawdown", "x": _closes(candles, low), "y": [_short(falls[row]) for row in low], "yaxis": "y2",
                "line": {"color": "var(--down)", "width": 1.2}, "fill": "tozeroy", "fillcolor": "var(--down-soft)",
                "hovertemplate": "%{y:.2%}<extra></extra>",
            },
        ],
        "layout": {
            "height": 440, "hovermode": "x unified", "showlegend": False,
            "xaxis": {"type": "date", "anchor": "y2"},
            "yaxis": {"domain": [0.34, 1], "title": {"text": f"Equity, {currency}"}, "tickformat": ",~r"},
            "yaxis2": {"domain": [0, 0.28], "title": {"text": "Drawdown"}, "tickformat": ".1~%", "rangemode": "tozero"},
            "shapes": [{
                "type": "line", "xref": "paper", "x0": 0, "x1": 1, "yref": "y", "y0": cash, "y1": cash,
                "line": {"color": "var(--faint)", "width": 1, "dash": "dot"},
            }],
        },
    }  # fmt: skip


def distribution(trades: Sequence[Trade], currency: str) -> Figure:
    """How many trades ended with which R; of profit in money when none has an R. The outermost bars hold all beyond them."""
    risks = [trade.r for trade in trades if trade.r is not None]
    unit = "R" if risks else currency
    lows, counts, width = histogram(risks or [float(trade.pnl) for trade in trades])
    last = len(lows) - 1
    words = [f"{_span(low, low + width, row, last)} {unit}: {counts[row]:,}" for row, low in enumerate(lows)]
    return {
        "data": [{
            "type": "bar", "x": [_short(low + width / 2) for low in lows], "y": counts, "width": width * 0.92, "hovertext": words,
            "hoverinfo": "text",
            "marker": {"color": ["var(--up)" if low + width / 2 > 0 else "var(--down)" for low in lows]},
        }],
        "layout": {
            "height": 300, "showlegend": False, "bargap": 0, "unit": unit,
            "xaxis": {"title": {"text": f"{unit} of a trade"}}, "yaxis": {"title": {"text": "Trades"}},
        },
    }  # fmt: skip


def _span(low: float, high: float, row: int, last: int) -> str:
    return f"under {high:.4g}" if row == 0 else f"{low:.4g} and more" if row == last else f"{low:.4g} to {high:.4g}"


def histogram(values: Sequence[float]) -> tuple[list[float], list[int], float]:
    """Lower edges, counts and width of bins on round multiples, so that none holds both profits and losses.

    The first and the last bin hold what is beyond them too: at most a hundredth of the values each.
    """
    if not values:
        return [], [], 1.0
    ranked = sorted(values)
    cut = len(ranked) // 100
    low, high = ranked[cut], ranked[-1 - cut]
    width = _round_up((high - low) / BINS or abs(low) / 10 or 1.0)
    first, last = floor(low / width), floor(high / width)
    counts = [0] * (last - first + 1)
    for value in values:
        counts[min(max(floor(value / width), first), last) - first] += 1
    return [(first + n) * width for n in range(len(counts))], counts, width


def exposure(candles: Sequence[Candle], held: Sequence[Held]) -> Figure:
    """Share of the bars that were held long and short, span by span; longs up, shorts down."""
    sides = bytearray(len(candles))
    for start, stop, side in held:
        sides[start:stop] = (b"\1" if side > 0 else b"\2") * (stop - start)
    first, last = candles[0].open_time // MINUTE_NS, candles[-1].open_time // MINUTE_NS
    span = next((span for span in SPANS if (last - first) // span < MOST_SPANS), SPANS[-1])
    times: list[int] = []
    shares: list[tuple[float, float]] = []
    row = 0
    while row < len(candles):
        begin = candles[row].open_time // MINUTE_NS // span * span
        stop = row_at(candles, (begin + span) * MINUTE_NS - 1) + 1
        part = sides[row:stop]
        times.append(begin * 60_000 + span * 30_000)
        shares.append((part.count(1) / len(part), -part.count(2) / len(part)))
        row = stop
    widest = max(max(long, -short) for long, short in shares)
    top = next((nice for nice in SHARES if widest <= nice), 1.0)
    bars = [
        {
            "type": "bar", "name": name, "x": times, "y": [_short(share[n]) for share in shares], "width": span * 60_000 * 0.86,
            "customdata": [abs(_short(share[n])) for share in shares], "marker": {"color": colour},
            "hovertemplate": f"%{{customdata:.1%}} {name}<extra></extra>",
        }
        for n, (name, colour) in enumerate((("long", "var(--up)"), ("short", "var(--down)")))
    ]  # fmt: skip
    return {
        "data": bars,
        "layout": {
            "height": 300, "barmode": "relative", "hovermode": "x unified", "showlegend": False, "xaxis": {"type": "date"},
            "yaxis": {
                "title": {"text": "short · long"}, "range": [-1.05 * top, 1.05 * top],
                "tickvals": [top * n / 2 for n in range(-2, 3)], "ticktext": [f"{abs(n) * top * 50:g} %" for n in range(-2, 3)],
            },
        },
    }  # fmt: skip


def cost_bars(costs: Costs, currency: str) -> Figure:
    parts = (
        ("Funding", costs.funding, "var(--violet)"),
        ("Slippage", costs.slippage, "var(--amber)"),
        ("Spread", costs.spread, "var(--teal)"),
        ("Fees", costs.fee, "var(--accent)"),
    )
    least, most = (end(0.0, *(float(value) for _, value, _ in parts)) for end in (min, max))
    left = min(1.2 * least, -0.15 * most) if least else 0.0
    return {
        "data": [{
            "type": "bar", "orientation": "h", "y": [name for name, _, _ in parts],
            "x": [_short(float(value)) for _, value, _ in parts], "marker": {"color": [colour for _, _, colour in parts]},
            "text": [f"{float(value):,.2f}" for _, value, _ in parts], "textposition": "outside", "cliponaxis": False,
            "hovertemplate": f"%{{y}} %{{x:,.2f}} {currency}<extra></extra>",
        }],
        "layout": {
            "height": 240, "showlegend": False, "bargap": 0.35,
            "xaxis": {"title": {"text": currency}, "tickformat": ",~r", "range": [left, 1.2 * most or 1.0]},
        },
    }  # fmt: skip


def price(candles: Sequence[Candle], trades: Sequence[Trade], currency: str) -> dict[str, Any]:
    """Candles of the finest round interval that gives at most ``MOST_CANDLES``, and the trades, column by column."""
    step, columns = joined(candles, MOST_CANDLES)
    marked: Sequence[Trade] = trades
    if len(trades) > MOST_MARKS:
        largest = sorted(trades, key=lambda trade: -abs(trade.pnl))[:MOST_MARKS]
        marked = sorted(largest, key=lambda trade: trade.entry_t)
    return {
        "step": step,
        "currency": currency,
        "candles": dict(zip(("t", "o", "h", "l", "c"), columns, strict=True)),
        "total": len(trades),
        "trades": {
            "t0": [trade.entry_t // MS_NS for trade in marked],
            "t1": [trade.exit_t // MS_NS for trade in marked],
            "p0": [_short(float(trade.entry)) for trade in marked],
            "p1": [_short(float(trade.exit)) for trade in marked],
            "long": [int(trade.side == "BUY") for trade in marked],
            "qty": [f"{trade.qty:f}" for trade in marked],
            "pnl": [_short(float(trade.pnl)) for trade in marked],
            "r": [None if trade.r is None else _short(trade.r) for trade in marked],
            "why": [tidy(trade.why) for trade in marked],
            "out": [tidy(trade.exit_why) for trade in marked],
        },
    }


def joined(candles: Sequence[Candle], most: int) -> tuple[int, list[list[float]]]:
    """Minutes of a joined candle, and times, opens, highs, lows and closes; stretches without candles are left out."""
    first, last = candles[0].open_time // MINUTE_NS, candles[-1].open_time // MINUTE_NS
    count = last - first + 1
    step = next((step for step in STEPS if count <= step * most), -(-count // (1_440 * most)) * 1_440)
    columns: list[list[float]] = [[], [], [], [], []]
    row = 0
    while row < len(candles):
        begin = candles[row].open_time // MINUTE_NS // step * step
        stop = row + 1 if step == 1 else row_at(candles, (begin + step) * MINUTE_NS - 1) + 1
        part = candles[row:stop]
        joint = begin * 60_000, part[0].open, max(c.high for c in part), min(c.low for c in part), part[-1].close
        for column, value in zip(columns, joint, strict=True):
            column.append(value)
        row = stop
    return step, columns


def _closes(candles: Sequence[Candle], rows: Sequence[int]) -> list[int]:
    return [(candles[row].open_time + MINUTE_NS) // MS_NS for row in rows]


def _short(value: float) -> float:
    """Nine digits: more than any screen has pixels for."""
    return float(f"{value:.9g}")


def _round_up(width: float) -> float:
    """The next of 1, 2, 2.5, 5 and 10 times a power of ten."""
    power = 10.0 ** floor(log10(width))
    return next((nice * power for nice in (1.0, 2.0, 2.5, 5.0) if width <= nice * power), 10.0 * power)
