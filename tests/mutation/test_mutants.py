"""The proofs prove something: mutants are made, noticed and explained, and no file of what is measured is left out."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import textwrap
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
from mutants import EXPLAINED, FILES, TESTS, compiled, explanations, judge
from mutations import Mutant, mutants, mutated
from trial import ROOT, Verdict

HERE = Path(__file__).parent
MEASURED = (
    "engine/core/risk/**/*.py",
    "engine/core/orders.py",
    "engine/core/operator.py",
    "engine/core/loss_kill.py",
    "engine/core/sizing.py",
    "engine/core/exposure.py",
    "engine/journal/**/*.py",
)


forked = pytest.mark.skipif(not hasattr(os, "fork") or bool(compiled()), reason="needs fork, and the sources")


def sample(*words: str, tests: list[str] | None = None) -> subprocess.CompletedProcess[str]:
    """A run of the harness in a process of its own: it forks, and its tests are collected there."""
    program = f"import mutants, sys; mutants.TESTS = {tests!r} or mutants.TESTS; sys.exit(mutants.main())"
    environment = {**os.environ, "PYTHONPATH": str(HERE)}
    command = [sys.executable, "-c", program, *words]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)


# --- what is measured --------------------------------------------------------------------------------------------------


def test_every_file_of_risk_orders_kill_and_journal_is_measured() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["coverage"]
    run, report = settings["run"], settings["report"]
    assert run["branch"] is True
    assert report["fail_under"] == 100
    files = {path.relative_to(ROOT).as_posix() for pattern in MEASURED for path in ROOT.glob(pattern)}
    assert len(files) > 20
    assert {f for f in files if not any(fnmatch(f, pattern) for pattern in report["include"])} == set()
    assert {f for f in files if not f.startswith(tuple(run["source"]))} == set()
    assert all(list(ROOT.glob(pattern)) for pattern in report["include"])


def test_no_line_of_them_is_taken_out_of_the_measurement() -> None:
    for pattern in MEASURED:
        for path in ROOT.glob(pattern):
            assert "pragma: no" not in path.read_text(encoding="utf-8"), path


def test_every_file_of_the_gate_has_mutants_and_every_suite_exists() -> None:
    assert {f for f in FILES if f.startswith("engine/core/risk/")} == {
        path.relative_to(ROOT).as_posix() for path in (ROOT / "engine/core/risk").rglob("*.py")
    }
    for file in FILES:
        assert mutants((ROOT / file).read_text(encoding="utf-8")), file
    assert all((ROOT / test).exists() for test in TESTS)


# --- mutants -----------------------------------------------------------------------------------------------------------


def changes(source: str) -> list[str]:
    return [mutant.name.partition(": ")[2] for mutant in mutants(textwrap.dedent(source))]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("def f(a): return a < 2", ["a < 2 → a <= 2", "a < 2 → a >= 2", "2 → 3", "2 → 1"]),
        ("def f(a): return a == 'x'", ["a == 'x' → a != 'x'", "a == 'x' → a == 'not x'"]),
        ("def f(a): return a and not b", ["a and (not b) → a or not b", "a and (not b) → a", "not b → b"]),
        ("def f(a): return a * b + c", ["a * b + c → a * b - c", "a * b → a / b"]),
        ("def f(a): return min(a, abs(a))", ["min(a, abs(a)) → max(a, abs(a))", "abs(a) → a"]),
        ("def f(a): g(a)", ["g(a) → pass"]),
        ("def f(a) -> Found:\n    return None", ["return None → return ('0', '0', 'planted')"]),
        ("def f(a):\n    if a: g()", ["if a: g() → if not a: g()"]),
        ("T = (('a', f), ('b', g))", ["without ('a', f)", "without ('b', g)", "('a', f) after ('b', g)"]),
        ("T = {'a': f, 'b': g}", ["without 'a'", "without 'b'"]),
    ],
)
def test_the_mistakes_that_are_made(source: str, expected: list[str]) -> None:
    assert set(expected) <= set(changes(source))


def test_prose_imports_and_types_are_left_alone() -> None:
    source = '''
        """A module."""
        from __future__ import annotations
        import a
        Found = tuple[str, str] | None
        def f(x: Literal[1, 2]) -> Literal[3]:
            """Says 4."""
            return x
    '''
    assert changes(source) == ["return x → return None"]


def test_a_mutant_differs_in_its_own_place_and_has_a_name_of_its_own() -> None:
    source = (ROOT / "engine/core/risk/size.py").read_text(encoding="utf-8")
    found = mutants(source)
    assert len({mutant.name for mutant in found}) == len(found)
    plain = ast.dump(ast.parse(source))
    assert all(ast.dump(mutated(source, mutant)) != plain for mutant in found[::7])


# --- verdicts ----------------------------------------------------------------------------------------------------------


def verdict(name: str, *, killed: bool) -> Verdict:
    return Verdict("m.py", Mutant(name, 7, "f", (), ast.Pass()), 3, killed)


def test_a_survivor_that_nobody_explained_is_wrong() -> None:
    (wrong,) = judge([verdict("a", killed=False), verdict("b", killed=True)], {}, all_of_them=True)
    assert wrong.startswith("m.py:7  survived: a")
    assert judge([verdict("a", killed=False)], {("m.py", "a"): "because"}, all_of_them=True) == []


def test_an_explanation_of_what_is_killed_or_not_there_is_wrong() -> None:
    killed = [verdict("a", killed=True)]
    assert "the tests notice it" in judge(killed, {("m.py", "a"): "because"}, all_of_them=True)[0]
    assert "no such mutant" in judge(killed, {("m.py", "z"): "because"}, all_of_them=True)[0]
    assert judge(killed, {("m.py", "z"): "because"}, all_of_them=False) == []


def test_every_explanation_is_one_and_of_a_mutant_that_exists(tmp_path: Path) -> None:
    made = {(f, m.name) for f in FILES for m in mutants((ROOT / f).read_text(encoding="utf-8"))}
    assert set(explanations()) <= made
    (tmp_path / "e.yaml").write_text("m.py:\n  'a → b': equal\n")
    with pytest.raises(ValueError, match="not explained"):
        explanations(tmp_path / "e.yaml")
    assert EXPLAINED.exists()


@forked
def test_a_sample_of_mutants_is_noticed_by_the_tests() -> None:
    done = sample("--sample", "25", "--seed", "5")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "every mutant is killed or explained" in done.stdout


@forked
def test_a_suite_that_proves_nothing_is_found_out(tmp_path: Path) -> None:
    suite: Any = tmp_path / "test_useless.py"
    suite.write_text(
        "from engine.core.risk import CHECKS, gate, size\n"
        "def test_there_is_a_gate():\n"
        "    assert gate and CHECKS\n"
        "    assert size.book_price([(10.0, 1.0)], 1.0) is not False\n"
    )
    done = sample("--only", "book_price", tests=[str(suite)])
    assert done.returncode == 1
    assert done.stdout.count("survived: book_price") > 10
    assert "engine/core/risk/size.py" in done.stdout


@forked
def test_a_suite_that_fails_by_itself_kills_nothing(tmp_path: Path) -> None:
    suite = tmp_path / "test_failing.py"
    suite.write_text("def test_fails():\n    assert 0\n")
    done = sample("--only", "book_price", tests=[str(suite)])
    assert done.returncode == 1
    assert "fail without any mutant" in done.stdout
