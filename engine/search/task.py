"""What one run of a sweep is, what came of it, and by which hash it is known."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from hashlib import sha256
from typing import Any, Literal

import msgspec

from engine.model.market import Instrument
from engine.model.settings import Profile

Part = Literal["all", "train", "test"]
Status = Literal["done", "invalid", "failed"]


class Setup(msgspec.Struct, frozen=True):
    """What all runs of a sweep have in common, and all that their results depend on besides the task.

    ``data`` is the SHA-256 of the candles (``engine.runner.data.Bars.digest``).
    """

    strategy: str
    profile: Profile
    instrument: Instrument
    cash: Decimal
    seed: int
    data: str
    versions: dict[str, str]

    @property
    def hash(self) -> str:
        return sha256(msgspec.json.encode(self)).hexdigest()


class Task(msgspec.Struct, frozen=True):
    """Trade rows ``first`` to before ``end``; the strategy has seen rows from ``warm`` on. ``id`` is the point's hash.

    ``from_t`` and ``to_t`` (not included) are the same in time. ``detail`` also gives the equity curve, the trades and the fills.
    """

    id: str
    n: int
    params: dict[str, Any]
    part: Part
    window: int
    warm: int
    first: int
    end: int
    from_t: int
    to_t: int
    detail: bool = False


class Outcome(msgspec.Struct):
    """``figures`` are the metrics by name (None: not defined there); ``pnl`` is exact.

    ``curve`` is float64; ``trade_list`` and ``fill_list`` are MessagePack.
    """

    id: str
    status: Status
    why: str = ""
    figures: dict[str, float | None] = {}
    pnl: Decimal = Decimal(0)
    trades: int = 0
    run_id: str = ""
    config_hash: str = ""
    seconds: float = 0.0
    curve: bytes = b""
    trade_list: bytes = b""
    fill_list: bytes = b""


def task(
    setup_hash: str, params: dict[str, Any], n: int, part: Part, window: int, warm: int, first: int, end: int,
    from_t: int, to_t: int, *, detail: bool = False,
) -> Task:  # fmt: skip
    """A task with its hash: the setup, the parameters, and the rows that are seen and traded."""
    return Task(_id(setup_hash, msgspec.json.encode(params, order="sorted"), warm, first, end, detail),
                n, params, part, window, warm, first, end, from_t, to_t, detail)  # fmt: skip


def _id(setup_hash: str, params: bytes, warm: int, first: int, end: int, detail: bool) -> str:
    found = sha256(setup_hash.encode())
    found.update(params)
    found.update(f"{warm} {first} {end} {detail}".encode())
    return found.hexdigest()


@lru_cache(maxsize=1)
def versions() -> dict[str, str]:
    """Of the program and of Python: the same source gives the same digits."""
    from engine.runner.backtest import _versions

    return _versions()
