"""``report.html``: one file with everything in it, that loads nothing from anywhere and opens offline for years to come.

The charting library and what it draws are packed (gzip, base64) in script elements that no browser runs; the page's own script
unpacks them. A content security policy forbids every request.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Sequence
from gzip import compress
from importlib.resources import files
from inspect import cleandoc
from pathlib import Path
from typing import Any

import msgspec

from engine.journal.files import replacing
from engine.model.market import Candle
from engine.report import charts, tables
from engine.report.metrics import Metrics, lasting, measure, money
from engine.report.series import holdings
from engine.report.tables import esc
from engine.runner.backtest import Result

POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"
COSTS = (
    "Every fill is held against the price that it would have had without friction: the open or close that the fill rule names, "
    "the level of the stop or target that was released (the open of a bar that gapped beyond it; a trailed stop's is calculated "
    "back from the fill, to a tick), a resting limit's own price. "
    "Spread is half the model's spread of that price; slippage is the rest up to the fill, rounding to the tick included. "
    "Fees and funding are exact. Together they are what the same fills would have made more without any friction."
)
PERIODS = (
    "Daily returns at the end of UTC days, 365 days a year, risk-free rate 0, sample deviations (n − 1). "
    "Drawdowns are of the equity at the close of every bar. – stands for what is not defined."
)
TAILS = "The first and the last bar hold all that is beyond them."
SHORT_DAYS = 60
"""Of fewer days the page says that a year's figures are extrapolated."""


def write_report(result: Result, candles: Sequence[Candle], path: Path, command: str = "") -> Path:
    """Write the page whole or not at all, over an older one; OSError when that cannot be done.

    ``candles`` are those of the run; ``command`` is the command line that makes it again.
    """
    from plotly.offline import get_plotlyjs  # type: ignore[import-untyped]

    metrics = measure(result, candles)
    held = holdings(result.fills, candles)
    data = {
        "figures": charts.figures(result, candles, held, metrics.costs),
        "price": charts.price(candles, result.trades, metrics.currency),
    }
    with replacing(path) as file:
        file.writelines(
            _page(result, candles, metrics, command, _packed(get_plotlyjs().encode()), _packed(_json(data)))
        )
    return path


def _json(data: Any) -> bytes:
    """JSON for the page's script; what is no number in JSON (an infinity) becomes null."""
    return msgspec.json.encode(data)


def _packed(data: bytes) -> str:
    """The same data gives the same text: no time of packing is in it."""
    return b64encode(compress(data, 6, mtime=0)).decode("ascii")


def _asset(name: str) -> str:
    return files("engine.report").joinpath("assets", name).read_text(encoding="utf-8")


def _page(
    result: Result, candles: Sequence[Candle], metrics: Metrics, command: str, library: str, data: str
) -> Iterable[str]:
    title = f"{_strategy(result)} on {result.symbol}"
    yield (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{esc(title)}</title>'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">'
        f"<style>{_asset('report.css')}</style></head><body><main>"
    )
    yield _header(result, metrics)
    yield f'<section class="tiles">{tables.tiles(metrics)}</section>'
    yield _card("Equity and drawdown", _chart("equity"))
    yield _card("Price and trades", _chart("price") + '<p class="quiet" id="marks"></p>')
    yield _card("Months, % of the equity before", f'<div class="scroll">{tables.monthly(result, candles)}</div>')
    unit = (
        "R"
        if metrics.expectancy_r is not None or not metrics.trades
        else "profit (no trade had a stop, so there is no R)"
    )
    yield '<div class="columns">'
    yield _card(f"Distribution of {unit}", _chart("distribution") + f'<p class="quiet">{TAILS}</p>')
    yield _card("Time in the market", _chart("exposure"))
    yield "</div>"
    yield '<div class="columns">'
    yield _card("Figures", tables.figures(metrics) + f'<p class="quiet">{PERIODS}</p>' + _definitions())
    yield "<div>"
    yield _card("Costs", _chart("costs") + _costs(metrics))
    yield _card("Risk refusals", f'<div class="scroll">{tables.refusals(result)}</div>')
    yield _card(
        "Assumptions", f'<ul class="sentences">{"".join(f"<li>{esc(s)}</li>" for s in result.assumptions)}</ul>'
    )
    yield "</div></div>"
    yield _card("Trades", tables.trade_list(result.trades, metrics.currency))
    yield _card("To reproduce every digit", _fingerprints(result, command))
    yield "</main>"
    yield '<noscript><p class="quiet">The charts need JavaScript; everything else is here without it.</p></noscript>'
    yield f'<script type="application/gzip" id="library">{library}</script>'
    yield f'<script type="application/gzip" id="data">{data}</script>'
    yield f"<script>{_asset('report.js')}</script></body></html>\n"


def _card(title: str, body: str) -> str:
    return f'<section class="card"><h2>{esc(title)}</h2>{body}</section>'


def _chart(name: str) -> str:
    return f'<div class="chart" id="chart-{name}"></div>'


def _strategy(result: Result) -> str:
    return ", ".join(str(strategy["name"]) for strategy in msgspec.json.decode(result.config)["strategies"])


def _header(result: Result, metrics: Metrics) -> str:
    profit = metrics.net_profit
    side = "gain" if profit > 0 else "loss" if profit < 0 else ""
    position = result.state.positions.get(result.symbol)
    held = (
        f" A position of {position.qty:f} is still open; it is counted at the last close."
        if position is not None and position.qty
        else ""
    )
    short = f" {metrics.days} days are few: figures of a year are extrapolated." if metrics.days < SHORT_DAYS else ""
    return (
        f"<header><div><h1>{esc(_strategy(result))} <span>on {esc(result.symbol)}</span></h1>"
        f"<p>{tables.minute(result.start_t)} to {tables.minute(result.end_t)} UTC · {lasting(result.end_t - result.start_t)} · "
        f"{result.rows:,} bars · {len(result.orders):,} orders · {len(result.fills):,} fills · {metrics.trades:,} trades</p>"
        f'<p class="quiet">{esc(result.rule)}{held}{short}</p></div>'
        f'<div class="profit"><strong class="{side}">{esc(money(profit, metrics.currency, signed=True))}</strong>'
        f"<small>net profit on {esc(money(result.cash, metrics.currency))}</small></div></header>"
    )


def _costs(metrics: Metrics) -> str:
    costs, currency = metrics.costs, metrics.currency
    free = metrics.net_profit + costs.total
    estimated = (
        f" Of {costs.estimated:,} fills (trailed stops under random slippage) that price is estimated with the mean slippage."
        if costs.estimated
        else ""
    )
    lines = (
        ("Profit without friction", money(free, currency, signed=True)),
        ("Costs", money(-costs.total, currency, signed=True)),
        ("Net profit", money(metrics.net_profit, currency, signed=True)),
    )
    return f'{tables.pairs(lines, "sum")}<p class="quiet">{COSTS}{estimated}</p>'


def _definitions() -> str:
    """The definitions are the ones that the code is documented with."""
    text = cleandoc(Metrics.__doc__ or "")
    return tables.folded("Definitions", tables.block(text)) if text else ""


def _fingerprints(result: Result, command: str) -> str:
    lines = [
        ("Run", result.run_id),
        ("Configuration, SHA-256", result.config_hash),
        ("Data, SHA-256", result.data_hash),
        ("Seed", result.seed),
        *(
            (f"Version of {name}" if name != "git" else "Git commit", value)
            for name, value in result.versions.items()
            if value
        ),
        ("Computed in", f"{result.seconds:.2f} s"),
    ]
    if result.recording is not None:
        lines.append(("Recording of all decisions", result.recording))
    again = tables.block(command, "command") if command else ""
    return tables.pairs(lines, "prints") + again + tables.folded("Configuration", tables.block(_config(result)))


def _config(result: Result) -> str:
    """The run's configuration, a line a value; a table of funding rates is known by its hash."""
    config = msgspec.json.decode(result.config)
    config.get("funding", {}).pop("table", None)
    return msgspec.json.format(msgspec.json.encode(config), indent=2).decode()
