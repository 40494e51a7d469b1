"""``python -m tests.simulation``: one world by its seed, or a campaign of many (``make simulate``)."""

from __future__ import annotations

import argparse
import sys

from . import campaign
from .plants import PLANTS, planted
from .world import World


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the world, or the first of a campaign")
    parser.add_argument("--hours", type=float, default=0.0, help="a campaign of so many simulated hours")
    parser.add_argument("--minutes", type=float, default=campaign.MINUTES, help="virtual length of a world")
    parser.add_argument("--jobs", type=int, default=0, help="processes at a time; as many as there are cores")
    parser.add_argument("--plant", choices=sorted(PLANTS), default="", help="put a bug into the engine")
    parser.add_argument("--trace", action="store_true", help="print what happens in the world")
    parser.add_argument("--digest", action="store_true", help="print the digest of journals and network alone")
    said = parser.parse_args()
    return many(said) if said.hours else one(said)


def one(said: argparse.Namespace) -> int:
    with planted(said.plant):
        report = World(said.seed, said.minutes, trace=said.trace).play()
    if said.digest:
        print(report.digest)
        return bool(report.violations)
    counts = ", ".join(f"{name} {count:,}" for name, count in sorted(report.counts.items()))
    print(f"seed {said.seed}: {report.hours:.2f} h in {report.cpu_s:.1f} s of CPU; {counts}; digest {report.digest}")
    if report.violations:
        print("\n".join(["the last that happened:", *report.trace]) if not said.trace else "")
        print("\n".join(["violations:", *report.violations]))
        print(campaign.replay(said.seed, said.minutes, said.plant))
    return bool(report.violations)


def many(said: argparse.Namespace) -> int:
    total = campaign.run(said.hours, said.seed, minutes=said.minutes, jobs=said.jobs)
    long = said.hours >= LONG_HOURS
    print("\n".join(campaign.table(total, long=long)))
    return not campaign.passed(total, long=long)


LONG_HOURS = 20.0
"""From here on every state must be reached."""

if __name__ == "__main__":
    sys.exit(main())
