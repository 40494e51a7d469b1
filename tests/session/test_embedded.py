"""The embedded exchange's process: it lives as long as ours, knows nothing of our keys, and runs no code that lies about."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from engine.model.errors import CockpitError
from engine.model.settings import ExchangeSettings
from engine.ops import config
from engine.session.embedded import ExchangeProcess

CANARY = "K3Y-canary-000111"


def environment(pid: int) -> bytes:
    return Path(f"/proc/{pid}/environ").read_bytes()


@pytest.fixture
def settings() -> ExchangeSettings:
    return config.load("demo", None, {"exchange.seed": 7}, {}).profile.exchange


async def test_modules_in_the_current_folder_are_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: ExchangeSettings
) -> None:
    (tmp_path / "engine").mkdir()
    (tmp_path / "engine" / "__init__.py").write_text("")
    (tmp_path / "json.py").write_text("raise SystemExit('from the current folder')")
    monkeypatch.chdir(tmp_path)
    exchange = ExchangeProcess(settings, ["BTCUSDT"])
    try:
        assert (await exchange.ready())["symbols"] == ["BTCUSDT"]
    finally:
        exchange.stop()


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="Linux's /proc")
async def test_keys_in_our_environment_are_not_handed_down(
    monkeypatch: pytest.MonkeyPatch, settings: ExchangeSettings
) -> None:
    monkeypatch.setenv("COCKPIT_API_KEY", CANARY)
    monkeypatch.setenv("COCKPIT_API_SECRET", CANARY)
    exchange = ExchangeProcess(settings, ["BTCUSDT"])
    try:
        await exchange.ready()
        inherited = environment(exchange._process.pid)
        assert CANARY.encode() not in inherited
        assert b"COCKPIT_API" not in inherited
        assert os.environ["COCKPIT_API_KEY"] == CANARY
    finally:
        exchange.stop()


async def test_an_exchange_that_dies_before_it_is_ready_is_one_clear_error(settings: ExchangeSettings) -> None:
    exchange = ExchangeProcess(settings, ["BTCUSDT"])
    exchange._process.kill()
    with pytest.raises(CockpitError, match="did not start") as caught:
        await exchange.ready()
    assert "exit code" in caught.value.hint
    exchange.stop()


async def test_a_bad_candle_file_is_told_by_the_exchange_itself(settings: ExchangeSettings) -> None:
    exchange = ExchangeProcess(msgspec.structs.replace(settings, candles="/nope.csv"), ["BTCUSDT"])
    try:
        with pytest.raises(CockpitError, match="nope"):
            await exchange.ready()
    finally:
        exchange.stop()
