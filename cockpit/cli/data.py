"""The candle store: fill it, look at it, take from it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cockpit.cli.options import HomeOption, JsonOption

app = typer.Typer()
data_app = typer.Typer(help="The candle store: fill it, look at it, take from it.", no_args_is_help=True)
app.add_typer(data_app, name="data")

SeriesArgument = Annotated[str, typer.Argument(metavar="SERIES", help="BTCUSDT, or VENUE/BTCUSDT.")]
FromOption = Annotated[str, typer.Option("--from", help="First moment (UTC): 2024-01-01, 2024-01-01T12:00, or -30d.")]
ToOption = Annotated[str, typer.Option("--to", help="End, not included; written like --from.")]
ReplaceOption = Annotated[
    bool, typer.Option("--replace", help="Where a minute is there with other values, take the new.")
]


@data_app.command("import")
def import_(
    files: Annotated[list[Path], typer.Argument(help="CSV (also .gz), Parquet, or a session's .cockpit.")],
    venue: Annotated[str, typer.Option("--venue", help="Where the candles are from; a recording knows.")] = "",
    symbol: Annotated[str, typer.Option("--symbol", help="BTCUSDT; else what the file or its name says.")] = "",
    replace: ReplaceOption = False,
    utc: Annotated[bool, typer.Option("--utc", help="Times without a zone are UTC.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take one-minute candles into the store: a whole file or, if a row breaks the data contract, nothing of it."""
    from cockpit.commands import data

    raise typer.Exit(data.import_files(files, venue, symbol, home, replace=replace, utc=utc, as_json=as_json))


@data_app.command()
def fetch(
    symbols: Annotated[list[str], typer.Argument(help="BTCUSDT; several are fetched one after the other.")],
    from_: FromOption = "",
    to: ToOption = "",
    rest: Annotated[
        str, typer.Option("--rest", help="Another address of the venue's REST, e.g. an exchange on this machine.")
    ] = "",
    venue: Annotated[
        str, typer.Option("--venue", help="The name to keep them under; else bitunix, or simulated for this machine.")
    ] = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Load the venue's public history; without --from from where the store ends. Interrupted, it goes on the next time."""
    from cockpit.commands import data

    raise typer.Exit(data.fetch_symbols(symbols, from_, to, rest, venue, home, as_json=as_json))


@data_app.command("list")
def list_(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Every series: rows, from when to when, gaps, size."""
    from cockpit.commands import data

    raise typer.Exit(data.print_list(home, as_json=as_json))


@data_app.command()
def check(
    series: Annotated[list[str] | None, typer.Argument(help="BTCUSDT or VENUE/BTCUSDT; all without one.")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read every file: hashes, the data contract, gaps; exit code 1 where something is wrong (a gap is not)."""
    from cockpit.commands import data

    raise typer.Exit(data.print_check(series or [], home, as_json=as_json))


@data_app.command()
def export(
    series: SeriesArgument,
    out: Annotated[str, typer.Option("--out", "-o", help="File to write; - is standard output.")] = "",
    form: Annotated[
        str, typer.Option("--format", "-f", help="csv or parquet; else what --out ends in, else csv.")
    ] = "",
    interval: Annotated[str, typer.Option("--interval", help="1m, 5m, 15m, 1h, 4h, 1d or any other number.")] = "1m",
    from_: FromOption = "",
    to: ToOption = "",
    partial: Annotated[
        bool, typer.Option("--partial", help="Keep candles of which minutes are missing; else left out and counted.")
    ] = False,
    home: HomeOption = None,
) -> None:
    """Write a series as CSV or Parquet, in minutes or in another interval."""
    from cockpit.commands import data

    raise typer.Exit(data.export_file(series, out, form, interval, from_, to, home, partial=partial))
