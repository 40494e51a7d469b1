"""``python -m tests.golden.make``: write the golden results anew, for review. Prints what has changed; nothing else runs this."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parent))

from golden_cases import CASES, RESULTS, golden, text_of
from golden_data import HASHES, MADE, market


def main() -> int:
    for name in MADE:
        if market(name).digest != HASHES[name]:
            print(f"data {name}: the hash is {market(name).digest}, golden_data.HASHES says another", file=sys.stderr)
            return 1
    RESULTS.mkdir(exist_ok=True)
    with TemporaryDirectory() as place:
        for data, rule in CASES:
            path, text = golden(data, rule), text_of(data, rule, Path(place))
            before = path.read_text(encoding="utf-8") if path.exists() else ""
            path.write_text(text, encoding="utf-8", newline="\n")
            print(f"{'same   ' if before == text else 'changed'} {path.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
