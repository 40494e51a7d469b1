"""A compiled copy of the engine, to measure what compiling would give: ``python bench/compile_engine.py FOLDER``.

Copies ``engine`` and ``config`` to FOLDER and compiles the modules below there with mypyc (part of mypy; needs a C compiler,
takes about a minute). The sources stay the same and so do the results. Then: ``python bench/backtest_bench.py --engine FOLDER``.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
MODULES = (
    *(f"core/{name}" for name in ("exposure", "orders", "ledger", "sizing", "protection")),
    *(f"core/fold/{name}" for name in ("__init__", "account", "base", "decisions", "market", "session", "stops")),
    *(f"core/risk/{name}" for name in ("__init__", "case", "market", "order", "pace", "permission", "size")),
    *("core/reconcile", "core/operator", "core/trader", "strategies/indicators"),
    *("runner/drive", "runner/catchup", "sim/paper_desk", "sim/paper_bars", "sim/fillmodel"),
)
"""What runs for every bar or order, and holds no msgspec structs with default factories (which mypyc cannot take)."""


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    folder = Path(sys.argv[1]).absolute()
    for name in ("engine", "config"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "mypy.ini").write_text("[mypy]\nstrict = True\n", encoding="utf-8")
    files = [f"engine/{module}.py" for module in MODULES]
    mypyc = Path(sys.executable).parent / "mypyc"
    done = subprocess.run([mypyc, *files], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        print((done.stdout + done.stderr)[-2_000:], file=sys.stderr)
    return done.returncode


if __name__ == "__main__":
    raise SystemExit(main())
