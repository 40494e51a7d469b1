"""``cockpit backtest``: a strategy over candles of the past."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cockpit.cli.options import HomeOption, JsonOption, SetOption

app = typer.Typer()


@app.command()
def backtest(
    strategy: Annotated[
        str,
        typer.Option("--strategy", help="A parameter file (sweep_keen) or a strategy with its defaults (ma_cross)."),
    ] = "",
    data: Annotated[
        str, typer.Option("--data", help="A .csv, .csv.gz, .parquet or recording of one-minute candles, or a symbol.")
    ] = "",
    profile: Annotated[str, typer.Option("--profile", "-p", help="Whose limits and fill rules hold.")] = "backtest",
    params: Annotated[
        list[str] | None, typer.Option("--param", help="A parameter of the strategy: fast=10. Repeatable.")
    ] = None,
    from_: Annotated[str, typer.Option("--from", help="First moment: 2024-01-01, 2024-01-01T12:00, -30d; UTC.")] = "",
    to: Annotated[str, typer.Option("--to", help="Moment before which it ends.")] = "",
    fidelity: Annotated[
        str, typer.Option("--fidelity", help="fast, or realistic: every bar through everything. Same results.")
    ] = "fast",
    cash: Annotated[str, typer.Option("--cash", help="Begin with so much; default: exchange.balance_quote.")] = "",
    fill: Annotated[
        str, typer.Option("--fill", help="Where market orders fill: next_open, same_close or next_close.")
    ] = "",
    settings: SetOption = None,
    funding: Annotated[
        Path | None, typer.Option("--funding", help="CSV of funding: time (UTC), rate (a fraction per settlement).")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Chance in the fill model: random slippage, coins.")] = 0,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Folder of the results.")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
    no_report: Annotated[bool, typer.Option("--no-report", help="Without report.html.")] = False,
) -> None:
    """Run a strategy over candles: metrics, trades.csv, report.html, and a recording that opens in replay."""
    from cockpit.commands import backtest as runner

    asked = runner.Asked(
        strategy, data, profile, params or [], from_, to, fidelity, cash, fill, settings or [], funding, seed, out, home,
        as_json=as_json, report=not no_report,
    )  # fmt: skip
    raise typer.Exit(runner.run(asked))
