"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from engine.model.errors import CockpitError

ProfileOption = Annotated[
    str, typer.Option("--profile", "-p", help="demo, paper, live, or a file name in your config folder.")
]
HomeOption = Annotated[
    Path | None,
    typer.Option("--home", help="Where sessions and settings are kept.", envvar="COCKPIT_HOME", show_envvar=True),
]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", help="Change a setting, e.g. risk.max_leverage=2. Repeatable.")
]
SpeedOption = Annotated[
    float | None, typer.Option("--speed", help="Market minutes per minute on the embedded exchange.")
]
CandlesOption = Annotated[
    Path | None, typer.Option("--candles", help="Play this CSV of one-minute candles instead of a generated market.")
]
SeedOption = Annotated[int | None, typer.Option("--seed", help="Repeat the same generated market.")]
StaleOption = Annotated[
    float | None,
    typer.Option(
        "--stale-timeout",
        help="Seconds after which market data is stale: no entry is sent on an older quote, and a market stream that has been "
        "silent for so long is connected anew. Sets risk.stale_quote_s and venue.silence_public_s.",
        min=1,
        max=60,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Answer with JSON on standard output.")]


RecordingArgument = Annotated[str, typer.Argument(help="A path, a name, the beginning of one, or last.")]
AtOption = Annotated[str, typer.Option("--at", help="12:03:11, -30s (from the end), 50%, #1234, start or end.")]


def stale(seconds: float | None) -> dict[str, float | None]:
    """What ``--stale-timeout`` sets."""
    return {"risk.stale_quote_s": seconds, "venue.silence_public_s": seconds}


def flags_of(
    settings: list[str] | None, speed: float | None, candles: Path | None, seed: int | None, **more: Any
) -> dict[str, Any]:
    """Dotted paths → values, as ``engine.ops.config.load`` takes them; what was not given is left out."""
    flags: dict[str, Any] = {}
    for item in settings or []:
        path, equals, value = item.partition("=")
        if not equals or not path.strip():
            raise CockpitError(f"--set takes path=value, not {item!r}", "", "for example: --set risk.max_leverage=2")
        flags[path.strip()] = value
    given = {
        "exchange.speed": speed,
        "exchange.candles": candles and str(candles.absolute()),
        "exchange.seed": seed,
        **more,
    }
    return flags | {path: value for path, value in given.items() if value is not None}
