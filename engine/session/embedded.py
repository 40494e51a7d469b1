"""The embedded exchange of the demo profile: a process of its own that lives exactly as long as ours.

It is started before anything else and answers with one line of JSON (addresses and demo keys) on its standard output; our end
of its standard input is the leash: when it closes, however we end, the exchange ends too.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from contextlib import suppress
from typing import Any

import msgspec

from engine.model.errors import CockpitError
from engine.model.settings import ExchangeSettings
from engine.ops import secrets

READY_S = 15.0


class ExchangeProcess:
    """A started simulated exchange; ``ready`` gives its addresses once it listens."""

    def __init__(self, settings: ExchangeSettings, symbols: list[str]) -> None:
        """Starts the process at once and returns without waiting for it."""
        order = {"symbols": symbols, **msgspec.to_builtins(settings)}
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "engine.sim"],  # -P: no module is taken from the folder that we stand in
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            env={name: value for name, value in os.environ.items() if name not in secrets.ENVIRONMENT},
        )
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # it has ended already: ``ready`` tells why
            self._process.stdin.write(msgspec.json.encode(order) + b"\n")
            self._process.stdin.flush()

    async def ready(self) -> dict[str, Any]:
        """``rest``, ``public``, ``private``, ``api_key``, ``api_secret``, ``symbols``, ``seed``. Raises CockpitError."""
        assert self._process.stdout is not None
        try:
            line = await asyncio.wait_for(asyncio.to_thread(self._process.stdout.readline), READY_S)
        except TimeoutError as error:
            self.stop()
            raise CockpitError(f"the embedded exchange did not start within {READY_S:g} s") from error
        if not line:
            raise CockpitError("the embedded exchange did not start", "", await asyncio.to_thread(self._last_words))
        answer: dict[str, Any] = msgspec.json.decode(line)
        if "error" in answer:
            raise CockpitError(str(answer["error"]), str(answer.get("where", "")), str(answer.get("hint", "")))
        return answer

    def _last_words(self) -> str:
        assert self._process.stderr is not None
        words = self._process.stderr.read().decode(errors="replace").strip().splitlines()
        return words[-1][:200] if words else f"it ended without a word, exit code {self._process.wait(1)}"

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> None:
        """Let go of the leash and see it off; killed if it does not go within two seconds."""
        if self._process.stdin is not None:
            with suppress(BrokenPipeError):
                self._process.stdin.close()
        try:
            self._process.wait(2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(2)
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()
