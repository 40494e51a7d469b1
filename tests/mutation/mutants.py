"""``make mutants``: every small mistake in the risk gate, and whether the tests notice it.

Mutants that nobody can notice are listed in ``equivalent.yaml``, each with the reason. The exit code is 1 when one survives that
is not explained there, and when an explanation has no surviving mutant any more.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
from collections import Counter
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import yaml
from mutations import Mutant
from trial import ROOT, Trial, Verdict, try_mutants

FILES = [
    *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "engine/core/risk").glob("*.py")),
    "engine/core/sizing.py",
    "engine/core/exposure.py",
    "engine/core/loss_kill.py",
]
TESTS = [
    f"tests/core/test_{name}.py"
    for name in (
        "gate_answers",
        "gate_limits",
        "gate_plans",
        "risk_gate",
        "exposure",
        "sizing",
        "loss_kill",
        "loss_limits",
    )
]
EXPLAINED = Path(__file__).with_name("equivalent.yaml")

Key = tuple[str, str]
"""File and name of a mutant."""


def compiled() -> list[str]:
    """Files that are not run from their source (``make fast``)."""
    return [f for f in FILES if any((ROOT / f).with_suffix(end).exists() for end in EXTENSION_SUFFIXES)]


def explanations(path: Path = EXPLAINED) -> dict[Key, str]:
    """What is known to be no mistake; ValueError for one without a reason."""
    found: dict[Key, str] = {}
    for file, rows in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).items():
        for name, reason in rows.items():
            if len(str(reason or "").split()) < 4:
                raise ValueError(f"{path.name}: {file}: {name!r} is not explained")
            found[file, name] = " ".join(str(reason).split())
    return found


def judge(verdicts: list[Verdict], explained: dict[Key, str], *, all_of_them: bool) -> list[str]:
    """What is wrong: survivors without a reason, and (if every mutant was tried) reasons without a survivor."""
    survived = {(v.file, v.mutant.name) for v in verdicts if not v.killed}
    tried = {(v.file, v.mutant.name) for v in verdicts}
    wrong = [
        f"{v.file}:{v.mutant.line}  survived: {v.mutant.name}  ({v.tests} tests asked)"
        for v in sorted(verdicts, key=lambda v: (v.file, v.mutant.line, v.mutant.name))
        if not v.killed and (v.file, v.mutant.name) not in explained
    ]
    for key in explained:
        if key in tried and key not in survived:
            wrong.append(f"{key[0]}  explained as equivalent, but the tests notice it: {key[1]}")
        elif all_of_them and key not in tried:
            wrong.append(f"{key[0]}  explained, but there is no such mutant: {key[1]}")
    return wrong


def table(trial: Trial, explained: dict[Key, str]) -> str:
    made = Counter(v.file for v in trial.verdicts)
    killed = Counter(v.file for v in trial.verdicts if v.killed)
    known = Counter(v.file for v in trial.verdicts if not v.killed and (v.file, v.mutant.name) in explained)
    lines = [f"{'file':<34} {'mutants':>8} {'killed':>8} {'equivalent':>11} {'survived':>9}"]
    for file in [*trial.files, "together"]:
        counts = [(c.total() if file == "together" else c[file]) for c in (made, killed, known)]
        left = counts[0] - counts[1] - counts[2]
        lines.append(f"{file:<34} {counts[0]:>8,} {counts[1]:>8,} {counts[2]:>11,} {left:>9,}")
    return "\n".join(lines)


def told(done: int, of: int, verdict: Verdict) -> None:
    if done % 100 == 0:
        sys.stderr.write(f"{done:,} of {of:,} mutants\n")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sample", type=int, default=0, help="only so many, picked by the seed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="only mutants with this in their file or name")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    args = parser.parse_args()

    def chosen(found: list[tuple[str, Mutant]]) -> list[tuple[str, Mutant]]:
        wanted = [pair for pair in found if args.only in f"{pair[0]} {pair[1].name}"]
        return random.Random(args.seed).sample(wanted, min(args.sample, len(wanted))) if args.sample else wanted

    os.chdir(ROOT)
    if compiled():
        print(f"{', '.join(compiled())}: compiled to machine code, which no mutant can take the place of; make slow")
        return 1
    explained = explanations()
    trial = try_mutants(Trial(FILES, chosen, args.workers, told), TESTS)
    if trial.failed or not trial.verdicts:
        print("the tests fail without any mutant:", *(trial.failed or ["none was found"]), sep="\n  ")
        return 1
    wrong = judge(trial.verdicts, explained, all_of_them=not args.sample and not args.only)
    print(table(trial, explained))
    print(f"{trial.seconds:,.0f} s, {args.workers} at a time")
    for (file, name), reason in explained.items():
        if (file, name) in {(v.file, v.mutant.name) for v in trial.verdicts if not v.killed}:
            print(f"equivalent: {file}  {name}\n    {reason}")
    print("\n".join(wrong) or "every mutant is killed or explained")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
