"""The recovery campaign: a session is killed (SIGKILL) at every step from the key to the final state, and the next one judged.

``python tests/campaign/recover.py --rounds 20`` prints one row a step; the exit code is 1 when anything was lost, sent twice,
placed without a decision or left open. ``--plant`` puts a bug into the recovery: the campaign must then fail.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

sys.path.extend(str(Path(__file__).parents[1] / folder) for folder in ("core", "sim", "session"))

from recovery_kit import STEPS, Step, Verdict, round_of
from recovery_plants import PLANTS

HEAD = f"{'killed while':<24}{'tried':>7}{'recovered':>11}{'lost':>6}{'duplicated':>12}{'strays':>8}{'open':>6}{'slowest':>10}"


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("names", nargs="*", metavar="STEP", help=f"some of: {', '.join(step.name for step in STEPS)}")
    asked.add_argument("--rounds", type=int, default=20, help="of every step")
    asked.add_argument("--seed", type=int, default=1, help="of the first round")
    asked.add_argument("--together", type=int, default=3, help="rounds at a time")
    asked.add_argument("--plant", choices=sorted(PLANTS), default="", help="a bug that must be noticed")
    options = asked.parse_args()
    if unknown := set(options.names) - {step.name for step in STEPS}:
        asked.error(f"no such step: {', '.join(sorted(unknown))}")
    print(HEAD, flush=True)
    verdicts = asyncio.run(campaign([s for s in STEPS if not options.names or s.name in options.names], options))
    bad = [v for v in verdicts if v.faults]
    print(
        f"{len(verdicts) - len(bad)} of {len(verdicts)} kills recovered without a fault, {sum(v.orders for v in verdicts)} orders"
    )
    return 1 if bad else 0


async def campaign(steps: list[Step], options: argparse.Namespace) -> list[Verdict]:
    """The verdicts of all rounds; a row is printed when a step's rounds are done."""
    room = asyncio.Semaphore(options.together)
    plant = PLANTS.get(options.plant)

    async def one(step: Step, seed: int) -> Verdict:
        async with room:
            with tempfile.TemporaryDirectory(prefix="recover-") as folder:
                try:
                    return await round_of(Path(folder), step, seed, plant)
                except (AssertionError, TimeoutError) as error:
                    return Verdict(step.name, faults=[f"the round did not come about: {error}"])

    async def all_of(step: Step) -> list[Verdict]:
        found = await asyncio.gather(*(one(step, options.seed + n) for n in range(options.rounds)))
        print(row(step, found), flush=True)
        return found

    return [v for found in await asyncio.gather(*(all_of(step) for step in steps)) for v in found]


def row(step: Step, found: list[Verdict]) -> str:
    good, slowest = sum(not v.faults for v in found), max(v.recovered_s for v in found)
    sums = "".join(f"{sum(getattr(v, name) for v in found):>{width}}" for name, width in
                   (("lost", 6), ("duplicated", 12), ("strays", 8), ("left_open", 6)))  # fmt: skip
    line = f"{step.label:<24}{len(found):>7}{good:>11}{sums}{slowest:>8.1f} s"
    return "\n".join([line, *(f"    ✗ {fault}" for v in found for fault in v.faults)])


if __name__ == "__main__":
    sys.exit(main())
