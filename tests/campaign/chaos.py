"""All campaigns against the real program, over real sockets and files: one row each, and the bugs that each must notice.

``python tests/campaign/chaos.py [NAME …] [--rounds N] [--seed S] [--plant P]``; the exit code is 1 when anything was lost,
doubled or unsafe, or when a planted bug was not noticed. What each campaign does: ``docs/chaos.md``.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import chaos_bits
import chaos_clock
import chaos_disk
import chaos_intent
import chaos_kill
import chaos_links
import chaos_pause
import chaos_power
import chaos_starts
import chaos_venue
from chaos_outcome import HEAD, Campaign, Outcome, Skipped, Task, row

CAMPAIGNS: tuple[Campaign, ...] = (
    Campaign("kill", "kill -9 at any moment", chaos_kill.run, 200, {"send-early": 12}),
    Campaign("power", "power cuts", chaos_power.run, 1_000, {"synchronous-normal": 200}),
    Campaign("journal", "each write, sync, truncation fails once", chaos_disk.journal, 800, {"ignore-commit": 60}),
    Campaign("disk", "failing writes under the program", chaos_disk.program, 30, {"ignore-commit": 4}),
    Campaign("full", "a full disk under the program", chaos_disk.full, 20, {"ignore-commit": 4}),
    Campaign("slow", "slow and stuck syncs", chaos_disk.slow, 9, {"slow-cancel": 2}),
    Campaign("links", "stalling and lying networks", chaos_links.run, 24, {"deaf": 2}),
    Campaign("pause", "SIGSTOP for a while", chaos_pause.run, 24, {"believe": 4}),
    Campaign("clock", "the computer's clock is set", chaos_clock.run, 8, {"wall-clock": 2}),
    Campaign("starts", "many starts at once", chaos_starts.run, 50, {"no-lock": 3}),
    Campaign("bits", "flipped bits", chaos_bits.run, 1_000, {"no-checksum": 20}),
    Campaign("intent", "intent before byte", chaos_intent.run, 2_000, {"send-early": 20}),
    Campaign("venue", "every fault of the exchange", chaos_venue.run, 37, {"drop-fill": 1}),
)
BY_NAME: dict[str, Campaign] = {campaign.name: campaign for campaign in CAMPAIGNS}


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("names", nargs="*", metavar="NAME", help="; ".join(f"{c.name}: {c.about}" for c in CAMPAIGNS))
    asked.add_argument("--rounds", type=int, help="of every campaign named; else each has its own number")
    asked.add_argument("--scale", type=float, default=1.0, help="of the campaigns' own numbers of rounds")
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--plant", default="", help="only this bug: CAUGHT, or exit code 1")
    asked.add_argument("--together", type=int, default=3, help="rounds at a time")
    options = asked.parse_args()
    if unknown := [name for name in options.names if name not in BY_NAME]:
        asked.error(f"no such campaign: {', '.join(unknown)}")
    chosen = [BY_NAME[name] for name in options.names] or list(CAMPAIGNS)
    if options.plant:
        chosen = [campaign for campaign in chosen if options.plant in campaign.plants]
        if not chosen:
            asked.error(f"no such bug here; there are {', '.join(sorted({p for c in CAMPAIGNS for p in c.plants}))}")
        return int(sum(not _planted(campaign, options) for campaign in chosen) > 0)
    print(HEAD, flush=True)
    return int(sum(not _all(campaign, options) for campaign in chosen) > 0)


def _all(campaign: Campaign, options: argparse.Namespace) -> bool:
    """The campaign and its bugs, as a row; whether all is as it should be."""
    rounds = options.rounds or max(1, round(campaign.rounds * options.scale))
    began = time.monotonic()
    try:
        outcome = played(campaign, rounds, options.seed, together=options.together)
        took = time.monotonic() - began
        caught = {
            plant: played(campaign, n, options.seed, plant, options.together).noticed
            for plant, n in campaign.plants.items()
        }
    except Skipped as why:
        print(f"{campaign.name:<12}not tried: {why}", flush=True)
        return True
    print(row(campaign.name, outcome, took, caught), flush=True)
    return outcome.good and all(caught.values())


def _planted(campaign: Campaign, options: argparse.Namespace) -> bool:
    outcome = played(
        campaign, options.rounds or campaign.plants[options.plant], options.seed, options.plant, options.together
    )
    print(f"{campaign.name}, {options.plant}: {'CAUGHT' if outcome.noticed else 'NOT NOTICED'}", flush=True)
    for fault in outcome.faults[:3]:
        print(f"    {fault}")
    return outcome.noticed


def played(campaign: Campaign, rounds: int, seed: int, plant: str = "", together: int = 3) -> Outcome:
    """Run a campaign in a folder that is taken away afterwards. Raises Skipped."""
    with tempfile.TemporaryDirectory(prefix=f"chaos-{campaign.name}-", ignore_cleanup_errors=True) as folder:
        return asyncio.run(campaign.run(Task(Path(folder), rounds, seed, plant, together)))


if __name__ == "__main__":
    sys.exit(main())
