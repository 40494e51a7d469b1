"""A process that did not move for a while: what of the market waits in its buffers is over."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from test_bitunix_streams import bench
from websockets.asyncio.server import ServerConnection

from engine.venues.bitunix import streams


async def one_frame_then_stand_still(socket: ServerConnection, received: list[Any]) -> None:
    received.append(json.loads(await socket.recv()))
    await socket.send(json.dumps({"ch": "trade", "old": len(received)}))
    time.sleep(0.4)  # noqa: ASYNC251  # this loop is the client's, too
    await socket.wait_closed()


@pytest.fixture(autouse=True)
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "STOOD_S", 0.2)
    monkeypatch.setattr(streams, "PULSE_S", 0.05)


async def test_what_waited_while_we_stood_still_is_not_the_market_of_now() -> None:
    async with bench(one_frame_then_stand_still, link="public", reconnect_first_s=0.05) as made:
        await made.until(lambda: made.reports("down"))
        assert "stood still" in made.reports("down")[0].detail
        assert made.reader.heard == []


async def test_news_of_the_account_is_news_however_late() -> None:
    async with bench(one_frame_then_stand_still, link="private") as made:
        await made.until(lambda: made.reader.heard)
        assert made.reports("down") == []
