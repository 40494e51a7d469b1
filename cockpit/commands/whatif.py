"""``cockpit whatif``: a session's market once more under other limits or parameters, three outcomes side by side."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, get_args

import msgspec

from cockpit import format as fmt
from cockpit.commands.recordings import find, folder
from cockpit.panes.text import clean
from cockpit.replay import parse
from engine.journal.export import iso
from engine.ops.yaml_file import ConfigError
from engine.replay.cursor import Replay
from engine.replay.tally import Outcome
from engine.replay.whatif import Approve, WhatIf, free_name, whatif

Row = tuple[str, str, str, str]
"""What, recorded, control, changed."""
DIFFERS = "≠"


def run(
    recording: str,
    at: str,
    settings: Iterable[str],
    params: Iterable[str],
    approve: str,
    out: Path | None,
    home: Path | None,
    *,
    as_json: bool,
) -> int:
    """Make both runs and print what they came to; 0. ConfigError, RecordingError or CockpitError."""
    if approve not in get_args(Approve):
        raise ConfigError(f"--approve takes {', '.join(get_args(Approve))}, not {approve!r}")
    changes = _pairs("--set", settings, "risk.max_leverage=3")
    others = _pairs("--strategy", params, "sweep.lookback=15")
    if not changes and not others:
        raise ConfigError(
            "nothing is to be changed", "", "give --set risk.max_leverage=3 or --strategy sweep.lookback=15"
        )
    path = find(recording, home)
    target = out.absolute() if out is not None else free_name(folder(home), path)
    made = whatif(path, _seq(path, at), changes, others, target, None, _progress(as_json), approve)  # type: ignore[arg-type]
    text = _json(made) if as_json else "\n".join(clean(line) for line in lines(made))
    sys.stdout.write(f"{text}\n")
    return 0


def _pairs(option: str, items: Iterable[str], example: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for item in items:
        path, equals, value = item.partition("=")
        if not equals or not path.strip():
            raise ConfigError(f"{option} takes path=value, not {item!r}", "", f"for example: {option} {example}")
        pairs[path.strip()] = value.strip()
    return pairs


def _seq(path: Path, at: str) -> int | None:
    if not at:
        return None
    with Replay.open(path) as replay:
        if at.lstrip()[:1] in ("-", "−"):
            replay.seek(replay.last.seq)
        return parse(replay, at)


def _progress(as_json: bool) -> Callable[[float], object] | None:
    if as_json or not sys.stderr.isatty():
        return None

    def told(share: float) -> None:
        end = "\r     \r" if share >= 1 else ""
        sys.stderr.write(f"\r{share * 100:3.0f} %{end}")
        sys.stderr.flush()

    return told


# --- what is printed --------------------------------------------------------------------------------------------


def lines(made: WhatIf) -> list[str]:
    """The comparison as text, a mark where the changed run differs from the control."""
    head = [
        f"{made.session} from #{made.from_seq:,} ({iso(made.from_t)[:19].replace('T', ' ')} UTC)",
        *(f"  {path}: {before} → {now}" for path, before, now in made.changes),
        "",
    ]
    titles = ("", "recorded", "control", "what-if")
    rows = [titles, *table(made)]
    widths = [max(len(row[n]) for row in rows) for n in range(len(titles))]
    body = []
    for n, row in enumerate(rows):
        cells = [row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))]
        mark = f" {DIFFERS}" if n and row[2] != row[3] else ""
        body.append("  ".join(cells).rstrip() + mark)
    foot = [
        "",
        "recorded is what happened; control and what-if are both simulated: compare these two.",
        *made.assumptions,
        f"A person took {made.reaction_s:.1f} s to say yes (median)." if made.reaction_s else "",
        *(f"damage: {line}" for line in made.damage),
        f"control  {made.control_path}",
        f"what-if  {made.changed_path}",
    ]
    return [*head, *body, *(line for n, line in enumerate(foot) if line or not n)]


def table(made: WhatIf) -> list[Row]:
    outcomes = (made.recorded, made.control, made.changed)
    rows = [_row(title, outcomes, cell) for title, cell in CELLS]
    rows += _named("orders", [{k: str(v) for k, v in o.orders.items()} for o in outcomes])
    rows += _named("refused", [{k: str(v) for k, v in o.rejections.items()} for o in outcomes])
    rows += _named("holds", [{k: f"{v:+f}" for k, v in o.position.items()} for o in outcomes])
    return [(f"{row[0]} {made.currency}" if row[0] in MONEY else row[0], *row[1:]) for row in rows]


def _row(title: str, outcomes: Iterable[Outcome], cell: Callable[[Outcome], str]) -> Row:
    recorded, control, changed = (cell(o) for o in outcomes)
    return title, recorded, control, changed


def _named(what: str, columns: list[dict[str, str]]) -> list[Row]:
    """A row for every name that any column has."""
    recorded, control, changed = columns
    names = sorted({name for column in columns for name in column})
    return [
        (f"{what} {name}", recorded.get(name, "0"), control.get(name, "0"), changed.get(name, "0")) for name in names
    ]


CELLS: tuple[tuple[str, Callable[[Outcome], str]], ...] = (
    ("trades", lambda o: str(o.trades)),
    ("wins", lambda o: str(o.wins)),
    ("net PnL", lambda o: fmt.signed(o.net_pnl)),
    ("fees", lambda o: fmt.money(o.fees)),
    ("funding", lambda o: fmt.signed(o.funding)),
    ("max drawdown", lambda o: fmt.money(o.max_drawdown)),
    ("max drawdown %", lambda o: f"{o.max_drawdown_pct:.2f}"),
    ("final equity", lambda o: fmt.money(o.equity)),
    ("fills", lambda o: str(o.fills)),
)
MONEY = frozenset({"net PnL", "fees", "funding", "max drawdown", "final equity"})


def _json(made: WhatIf) -> str:
    return msgspec.json.format(msgspec.json.encode(made, enc_hook=_plain), indent=1).decode()


def _plain(value: Any) -> str:
    if isinstance(value, Path):
        return str(value)
    raise NotImplementedError(type(value).__name__)


__all__ = ["lines", "run", "table"]
