"""The fault campaign: every fault of the simulated exchange against a session that trades through the real adapter.

``python tests/campaign/faults.py`` prints one row a fault; the exit code is 1 when anything was lost, doubled, unprotected
or did not survive. ``--plant`` puts a bug into the session: the campaign must then fail.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from chaos_cases import BY_NAME, CASES, Case
from chaos_judge import Verdict, judge
from chaos_planted import PLANTS
from chaos_round import play

HEAD = (
    f"{'fault':<20}{'tried':>7}{'fills':>7}{'survived':>10}{'lost':>6}{'duplicated':>12}{'early':>7}{'unprotected':>13}"
)


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("names", nargs="*", metavar="FAULT", help=f"some of: {', '.join(BY_NAME)}")
    asked.add_argument("--window", type=float, default=25.0, help="seconds that the fault lasts")
    asked.add_argument("--calm", type=float, default=10.0, help="seconds after it, to settle")
    asked.add_argument("--speed", type=float, default=30.0, help="market minutes per minute")
    asked.add_argument("--seed", type=int, default=7, help="of the market")
    asked.add_argument("--together", type=int, default=6, help="rounds at a time")
    asked.add_argument("--plant", choices=sorted(PLANTS), default="", help="a bug that must be noticed")
    asked.add_argument("--keep", type=Path, help="an empty folder for the recordings")
    options = asked.parse_args()
    if unknown := [name for name in options.names if name not in BY_NAME]:
        asked.error(f"no such fault: {', '.join(unknown)}")
    cases = [BY_NAME[name] for name in options.names] or list(CASES)
    print(HEAD, flush=True)
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        verdicts = asyncio.run(campaign(cases, options.keep or Path(folder), options))
    bad = [verdict for verdict in verdicts if not verdict.good]
    print(
        f"{len(verdicts) - len(bad)} of {len(verdicts)} without a fault, {sum(v.tried for v in verdicts)} orders tried"
    )
    return 1 if bad else 0


async def campaign(cases: list[Case], folder: Path, options: argparse.Namespace) -> list[Verdict]:
    """The verdicts in the order of ``cases``; printed as they come."""
    room = asyncio.Semaphore(options.together)

    async def one(number: int, case: Case) -> Verdict:
        async with room:
            verdict = judge(
                await play(
                    case,
                    folder / case.name,
                    window_s=options.window,
                    calm_s=options.calm,
                    speed=options.speed,
                    seed=options.seed + number,
                    plant=options.plant,
                )
            )
        print(row(verdict), flush=True)
        return verdict

    return list(await asyncio.gather(*(one(number, case) for number, case in enumerate(cases))))


def row(v: Verdict) -> str:
    alive, naked = "yes" if v.survived else "NO", f"{v.unprotected_s:.1f} s"
    line = f"{v.case:<20}{v.tried:>7}{v.fills:>7}{alive:>10}{v.lost:>6}{v.duplicated:>12}{v.early:>7}{naked:>13}"
    return "\n".join([line, *(f"    ✗ {fault}" for fault in v.faults)])


if __name__ == "__main__":
    sys.exit(main())
