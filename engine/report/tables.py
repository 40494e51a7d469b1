"""The tables of the page, as HTML. Every string that is not ours goes through ``esc``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import escape

from engine.model.market import SECOND_NS, Candle
from engine.model.orders import Trade
from engine.report.metrics import NONE, Metrics, money, number, percent, rows
from engine.report.series import row_at
from engine.report.trades import iso, tidy
from engine.runner.backtest import Result

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
MOST_TRADES = 2_000
LONGEST_LINE = 10_000
SENTENCES = 3
"""Sentences that are shown of each code of refusals."""
FULL_HEAT = 0.10
"""A month of this return (±) has the full colour."""


def esc(text: object) -> str:
    """Text for an element or a quoted attribute: no tag, no control or bidi character in it can act."""
    return escape(tidy(str(text)), quote=True)


def block(text: str, kind: str = "") -> str:
    """Lines as they are, in type of one width."""
    lines = "\n".join(escape(tidy(line, LONGEST_LINE)) for line in text.splitlines())
    return f'<pre class="{kind}">{lines}</pre>'


def folded(title: str, body: str) -> str:
    return f"<details><summary>{esc(title)}</summary>{body}</details>"


def pairs(items: Iterable[tuple[str, object]], kind: str = "") -> str:
    """Two columns, a label and a value."""
    lines = "".join(f'<tr><th scope="row">{esc(label)}</th><td>{esc(value)}</td></tr>' for label, value in items)
    return f'<table class="pairs {kind}">{lines}</table>'


def figures(metrics: Metrics) -> str:
    lines = "".join(
        f'<tr{" class=part" if label.startswith(" ") else ""}><th scope="row">{esc(label)}</th><td>{esc(value)}</td></tr>'
        for label, value in rows(metrics)
    )
    return f'<table class="pairs figures">{lines}</table>'


# --- months -------------------------------------------------------------------------------------------------------


def monthly(result: Result, candles: Sequence[Candle]) -> str:
    """Returns of calendar months (UTC) and years, from the equity at their ends; the first and the last may be parts."""
    years = monthly_returns(result, candles)
    head = "".join(f'<th scope="col">{name}</th>' for name in (*MONTHS, "Year"))
    lines = []
    for year, months in years.items():
        whole = 1.0
        for value in months.values():
            whole *= 1 + (value or 0.0)
        total = None if None in months.values() else whole - 1
        cells = "".join(_heat(months[n]) if n in months else '<td class="empty"></td>' for n in range(1, 13))
        lines.append(f'<tr><th scope="row">{year}</th>{cells}{_heat(total, "whole")}</tr>')
    return f'<table class="months"><thead><tr><th></th>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table>'


def monthly_returns(result: Result, candles: Sequence[Candle]) -> dict[int, dict[int, float | None]]:
    """Year → month → return; None when the equity before it was not over 0."""
    first, last = (datetime.fromtimestamp(c.open_time // SECOND_NS, UTC) for c in (candles[0], candles[-1]))
    year, month = first.year, first.month
    before, found = float(result.cash), dict[int, dict[int, float | None]]()
    while (year, month) <= (last.year, last.month):
        after = (year + 1, 1) if month == 12 else (year, month + 1)
        ends = int(datetime(*after, 1, tzinfo=UTC).timestamp()) * SECOND_NS
        value = result.equity[row_at(candles, ends - 1)]
        found.setdefault(year, {})[month] = value / before - 1 if before > 0 else None
        before, (year, month) = value, after
    return found


def _heat(value: float | None, kind: str = "") -> str:
    if value is None:
        return f'<td class="{kind}">{NONE}</td>'
    side = "gain" if value > 0 else "loss" if value < 0 else ""
    heat = min(1.0, abs(value) / FULL_HEAT)
    return f'<td class="heat {side} {kind}" style="--heat:{heat:.3f}">{value * 100:+.2f}</td>'


# --- refusals -----------------------------------------------------------------------------------------------------


def refusals(result: Result) -> str:
    """Counts by reason code, with the first sentences of each."""
    if not result.rejections:
        return '<p class="quiet">No order was refused.</p>'
    said: dict[str, list[str]] = {}
    for refusal in result.refusals:
        texts = said.setdefault(refusal.code, [])
        if len(texts) < SENTENCES and refusal.text not in texts:
            texts.append(refusal.text)
    lines = "".join(
        f'<tr><th scope="row"><code>{esc(code)}</code></th><td class="n">{count:,}</td>'
        f"<td>{'<br>'.join(esc(text) for text in said.get(code, ()))}</td></tr>"
        for code, count in sorted(result.rejections.items(), key=lambda item: (-item[1], item[0]))
    )
    head = '<tr><th scope="col">Code</th><th scope="col" class="n">Times</th><th scope="col">First sentences</th></tr>'
    return f'<table class="lines"><thead>{head}</thead><tbody>{lines}</tbody></table>'


# --- trades -------------------------------------------------------------------------------------------------------

COLUMNS = (
    ("#", "n"), ("In (UTC)", ""), ("Out (UTC)", ""), ("Side", ""), ("Quantity", "n"), ("Entry", "n"), ("Exit", "n"),
    ("Profit", "n"), ("R", "n"), ("Fees", "n"), ("Funding", "n"), ("Bars", "n"), ("Why in", "why"), ("Why out", "why"),
)  # fmt: skip


def trade_list(trades: Sequence[Trade], currency: str) -> str:
    if not trades:
        return '<p class="quiet">There was no finished trade.</p>'
    shown = trades[:MOST_TRADES]
    head = "".join(
        f'<th scope="col" class="{kind}"><button type="button">{name}</button></th>' for name, kind in COLUMNS
    )
    lines = "".join(_trade(number, trade) for number, trade in enumerate(shown, 1))
    note = (
        f"All {len(trades):,} trades"
        if len(shown) == len(trades)
        else f"The first {len(shown):,} of {len(trades):,} trades"
    )
    return (
        f'<p class="quiet">{note}, net of fees and funding, in {esc(currency)}. A click on a column sorts.</p>'
        f'<div class="scroll"><table class="lines sortable"><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table></div>'
    )


def _trade(count: int, trade: Trade) -> str:
    side = "gain" if trade.pnl > 0 else "loss" if trade.pnl < 0 else ""
    long = trade.side == "BUY"
    funding = f"{trade.funding:+,.2f}" if trade.funding else "0.00"
    numbers = (
        (f"{trade.qty:f}", ""), (_price(float(trade.entry)), ""), (_price(float(trade.exit)), ""), (f"{trade.pnl:+,.2f}", side),
        (number(trade.r, signed=True), side), (f"{trade.fees:,.2f}", ""), (funding, ""), (f"{trade.bars:,}", ""),
    )  # fmt: skip
    cells = "".join(f'<td class="n {kind}">{text}</td>' for text, kind in numbers)
    return (
        f'<tr><td class="n">{count}</td><td>{minute(trade.entry_t)}</td><td>{minute(trade.exit_t)}</td>'
        f'<td class="{"long" if long else "short"}">{"long" if long else "short"}</td>{cells}'
        f"{_why(trade.why)}{_why(trade.exit_why)}</tr>"
    )


def _why(text: str) -> str:
    shown = esc(text)
    return f'<td class="why" title="{shown}">{shown}</td>'


def minute(t: int) -> str:
    """``2024-02-29 23:59``, UTC."""
    return iso(t)[:16].replace("T", " ")


def _price(value: float) -> str:
    return f"{value:,.2f}" if value >= 100 else f"{value:.6g}"


# --- tiles --------------------------------------------------------------------------------------------------------


def tiles(metrics: Metrics) -> str:
    m = metrics
    per_trade = f"{number(m.expectancy_r, signed=True)} R a trade" if m.expectancy_r is not None else "a trade, net"
    share = None if not m.turnover else float(m.costs.total / m.turnover) * 10_000
    items = (
        ("Return", percent(m.total_return, signed=True), f"CAGR {percent(m.cagr, signed=True)}", m.net_profit),
        ("Max drawdown", percent(m.max_drawdown), money(m.max_drawdown_money, m.currency), 0),
        ("Sharpe", number(m.sharpe), f"volatility {percent(m.volatility)}", 0),
        ("Sortino", number(m.sortino), f"Calmar {number(m.calmar)}", 0),
        ("Profit factor", number(m.profit_factor), f"SQN {number(m.sqn)}", 0),
        ("Win rate", percent(m.win_rate), f"{m.trades:,} trades", 0),
        ("Expectancy", money(m.expectancy, m.currency, signed=True), per_trade, m.expectancy or 0),
        ("Costs", money(m.costs.total, m.currency), f"{number(share)} bp of the turnover", 0),
    )
    return "".join(
        f'<div class="tile"><h3>{name}</h3><p class="{_side(judged)}">{esc(value)}</p><small>{esc(more)}</small></div>'
        for name, value, more, judged in items
    )


def _side(value: object) -> str:
    return "gain" if value > 0 else "loss" if value < 0 else ""  # type: ignore[operator]
