"""What is shown rather than promised: parity with the simulator, and that no strategy looks ahead."""

from __future__ import annotations

from typing import Annotated

import typer

from cockpit.cli.options import HomeOption, JsonOption, RecordingArgument

app = typer.Typer()


@app.command()
def parity(
    recording: RecordingArgument = "last",
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="Another fill setting: fill.latency_ms=250. Repeatable.")
    ] = None,
    bars: Annotated[
        bool, typer.Option("--bars", help="By closed candles, as a backtest: trades side by side, for information.")
    ] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run a session's market data through the simulator and name every difference; exit code 1 where there is one."""
    from cockpit.commands import parity as runner

    raise typer.Exit(runner.run(recording, settings or [], home, by_bars=bars, as_json=as_json))


@app.command()
def lookahead(
    strategy: Annotated[str, typer.Argument(help="A strategy's name or a parameter file of it.")],
    data: Annotated[str, typer.Option("--data", help="A file of candles, or a symbol of the candle store.")],
    params: Annotated[
        list[str] | None, typer.Option("--param", help="Another parameter: lookback=15. Repeatable.")
    ] = None,
    from_t: Annotated[str, typer.Option("--from", help="First moment, for example 2023-03-01.")] = "",
    to_t: Annotated[str, typer.Option("--to", help="Moment after the last one.")] = "",
    cuts: Annotated[int, typer.Option("--cuts", help="At how many bars the history is cut.", min=1, max=10_000)] = 40,
    seed: Annotated[int, typer.Option("--seed", help="Chooses the cuts that no decision chooses.")] = 0,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Re-run a strategy on cut and on altered histories; exit code 1 when a decision before the cut changes."""
    from cockpit.commands import lookahead as runner

    raise typer.Exit(runner.run(strategy, data, params or [], from_t, to_t, cuts, seed, home, as_json=as_json))
