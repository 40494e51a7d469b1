"""Machine code beside the sources is used only while it is of these sources (``make fast``)."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from engine import compiled


@pytest.fixture
def stamp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / ".compiled"
    monkeypatch.setattr(compiled, "STAMP", path)
    return path


def test_machine_code_of_these_sources_is_taken(stamp: Path) -> None:
    stamp.write_text(compiled.stamped())
    compiled.check()


@pytest.mark.parametrize("left", [f"{compiled.SUFFIX} {'0' * 64}\n", f"{compiled.SUFFIX} unfinished\n"])
def test_machine_code_of_other_sources_or_half_of_it_is_refused_with_the_way_out(stamp: Path, left: str) -> None:
    stamp.write_text(left)
    with pytest.raises(ImportError, match=r"`make fast` compiles them again, `make slow` does without"):
        compiled.check()


def test_machine_code_for_another_python_is_not_loaded_and_so_not_judged(stamp: Path) -> None:
    stamp.write_text(f".cpython-30-other.so {'0' * 64}\n")
    compiled.check()


def test_any_change_of_what_was_compiled_or_read_for_it_changes_the_digest(tmp_path: Path) -> None:
    for path in Path(compiled.ROOT, "engine").rglob("*.py"):
        copy = tmp_path / path.relative_to(compiled.ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    same = compiled.digest()
    assert compiled.digest(tmp_path) == same
    for name in ("core/ledger.py", "model/orders.py", "strategies/base.py", "sim/paper.py"):
        path = tmp_path / "engine" / name
        before = path.read_bytes()
        path.write_bytes(before + b"\n")
        assert compiled.digest(tmp_path) != same
        path.write_bytes(before)


@pytest.mark.parametrize("path", compiled.modules(), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_no_compiled_class_has_options_which_the_compiler_would_drop(path: Path) -> None:
    classes = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.ClassDef)]
    assert not [c.name for c in classes if c.keywords]
