"""The engine's hot modules as machine code, by mypyc: ``make fast`` puts them beside the sources, ``make slow`` takes them away.

    python -m bench.fast             compile (about a minute; needs a C compiler and the dev extra)
    python -m bench.fast --remove    away with it
    python -m bench.fast FOLDER      a compiled copy, to measure: python bench/backtest_bench.py --engine FOLDER

The sources stay the same and so does every result, to the last digit. Nothing is put beside the sources unless all of it
compiled; after a change of a source the engine refuses to start until one of the two commands was given (engine/compiled.py).
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).parent.parent

if TYPE_CHECKING:
    from engine import compiled
else:  # not by the package, whose check may be what has to be repaired
    sys.path.insert(0, str(ROOT / "engine"))
    import compiled

SHARED = "__mypyc."
"""All modules are compiled together into one library with this in its name; it stands in the root, where Python finds it."""
ENDINGS = (".so", ".pyd")
UNFINISHED = f"{compiled.SUFFIX} unfinished\n"


def missing() -> str:
    """What has to be there first, in a sentence; empty when all is."""
    compiler = (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()[0]
    header = Path(sysconfig.get_path("include")) / "Python.h"
    if shutil.which(compiler) is None:
        return f"there is no C compiler ({compiler}): install gcc or clang, or name one in CC"
    if not header.exists():
        return f"Python's headers are missing ({header}): install the package python3-dev"
    lacking = [name for name in ("mypyc", "setuptools") if importlib.util.find_spec(name) is None]
    return f"{' and '.join(lacking)} missing: pip install -e '.[dev]'" if lacking else ""


def extensions(root: Path) -> Iterator[Path]:
    """For whichever Python they were made: the stamp knows only of one."""
    for ending in ENDINGS:
        yield from root.glob(f"*{SHARED}*{ending}")
        yield from (root / "engine").rglob(f"*{ending}")


def remove() -> None:
    """The stamp goes last: what is left of an interrupted removal is still told apart."""
    if compiled.STAMP.exists():
        compiled.STAMP.write_text(UNFINISHED, encoding="utf-8")
    for path in list(extensions(ROOT)):
        path.unlink()
    compiled.STAMP.unlink(missing_ok=True)


def compile_copy(folder: Path) -> str:
    """A compiled copy of the engine in ``folder``; gives what went wrong, empty when nothing did."""
    skipped = shutil.ignore_patterns("__pycache__", *(f"*{ending}" for ending in ENDINGS), compiled.STAMP.name)
    for name in ("engine", "config"):
        shutil.copytree(ROOT / name, folder / name, ignore=skipped)
    (folder / "mypy.ini").write_text("[mypy]\nstrict = True\n", encoding="utf-8")
    files = [str(path.relative_to(folder)) for path in compiled.modules(folder)]
    command = [sys.executable, "-m", "mypyc", *files]
    environment = {**os.environ, "MYPYC_OPT_LEVEL": os.environ.get("MYPYC_OPT_LEVEL", "3")}
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=environment)
    return (done.stdout + done.stderr)[-2_000:] if done.returncode else ""


def put_beside(copy: Path) -> None:
    remove()
    compiled.STAMP.write_text(UNFINISHED, encoding="utf-8")
    for path in list(extensions(copy)):
        shutil.copy2(path, ROOT / path.relative_to(copy))
    compiled.STAMP.write_text(f"{compiled.SUFFIX} {compiled.digest(copy)}\n", encoding="utf-8")


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("folder", type=Path, nargs="?")
    arguments.add_argument("--remove", action="store_true")
    given = arguments.parse_args()
    if given.remove:
        remove()
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        copy = given.folder.absolute() if given.folder else Path(scratch) / "copy"
        wrong = missing() or compile_copy(copy)
        if wrong:
            sys.stderr.write(f"{wrong.rstrip()}\nnothing was changed\n")
            return 1
        if not given.folder:
            put_beside(copy)
            sys.stdout.write(
                f"{len(compiled.modules())} modules of the engine run as machine code; `make slow` undoes it\n"
            )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
