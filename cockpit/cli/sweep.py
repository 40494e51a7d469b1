"""``cockpit sweep``: many backtests of one strategy, and what is left of the best when luck is taken off."""

from __future__ import annotations

from typing import Annotated

import typer

from cockpit.cli.options import HomeOption, JsonOption, SetOption

app = typer.Typer()
group = typer.Typer(
    invoke_without_command=True, help="Try many parameters of a strategy, on all cores or on a cluster."
)
app.add_typer(group, name="sweep")

TopOption = Annotated[int, typer.Option("--top", min=1, help="Points that are printed.")]
ByOption = Annotated[
    str,
    typer.Option(
        "--objective", help="sharpe, sortino, calmar, pnl, sqn, profit_factor, expectancy, win_rate or drawdown."
    ),
]


@group.callback()
def sweep(
    context: typer.Context,
    strategy: Annotated[
        str, typer.Option("--strategy", "-s", help="A strategy, or a parameter file (sweep_keen).")
    ] = "",
    data: Annotated[str, typer.Option("--data", "-d", help="A file of candles, or a symbol of the store.")] = "",
    since: Annotated[str, typer.Option("--from", help="First moment: 2024-01-01, 2024-01-01T12:00 or -30d; UTC.")] = "",
    until: Annotated[str, typer.Option("--to", help="End, not included.")] = "",
    grid: Annotated[
        list[str] | None, typer.Option("--grid", help="fast=5:30:5 (from, to, step) or slow=20,40,80. Repeatable.")
    ] = None,
    study: Annotated[
        int, typer.Option("--study", min=0, help="Let Optuna propose so many points instead of a grid.")
    ] = 0,
    ranges: Annotated[
        list[str] | None, typer.Option("--range", help="With --study: fast=5:30, stop_atr=1:5:0.5 or cvd=off,required.")
    ] = None,
    sampler: Annotated[str, typer.Option("--sampler", help="With --study: tpe or random.")] = "tpe",
    objective: ByOption = "sharpe",
    walk_forward: Annotated[
        str, typer.Option("--walk-forward", help="Choose on train, test behind it: train=30d,test=7d[,anchored].")
    ] = "",
    monte_carlo: Annotated[
        int, typer.Option("--monte-carlo", min=0, max=100_000, help="Shuffle the best point's trades so many times.")
    ] = 0,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=0, max=1024, help="Worker processes; 0 is one a core.")] = 0,
    cluster: Annotated[str, typer.Option("--cluster", help="A dask scheduler instead: tcp://host:port.")] = "",
    profile: Annotated[str, typer.Option("--profile", "-p", help="Risk limits and the fill model.")] = "backtest",
    settings: SetOption = None,
    seed: Annotated[
        int,
        typer.Option("--seed", min=0, max=2**32 - 1, help="Of the fill model's chance, the study and the Monte Carlo."),
    ] = 0,
    name: Annotated[str, typer.Option("--name", help="Of the sweep; else made of the strategy and a hash.")] = "",
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a sweep that was stopped; failed points once more.")
    ] = False,
    top: TopOption = 15,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Try many parameters of a strategy, on all cores or on a cluster; what is done is kept."""
    if context.invoked_subcommand is not None:
        return
    from cockpit.commands import sweep as runner

    asked = runner.Asked(
        strategy, data, since, until, tuple(grid or ()), study, tuple(ranges or ()), sampler, objective, walk_forward,
        monte_carlo, jobs, cluster, profile, tuple(settings or ()), seed, name, resume,
    )  # fmt: skip
    raise typer.Exit(runner.run(asked, home, top, as_json=as_json))


@group.command()
def show(
    name: Annotated[str, typer.Argument(help="Name of a sweep, or the beginning of one; nothing is the newest.")] = "",
    objective: Annotated[str, typer.Option("--objective", help="Another order than the sweep's own.")] = "",
    top: TopOption = 15,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Open a sweep's table; without a terminal it is printed."""
    from cockpit.commands import sweep as runner

    raise typer.Exit(runner.show(name, objective, home, top, as_json=as_json))


@group.command("list")
def list_sweeps(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """All sweeps, the newest first."""
    from cockpit.commands import sweep as runner

    raise typer.Exit(runner.print_list(home, as_json=as_json))
