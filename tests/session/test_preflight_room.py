"""The checklist's state folder: writable is not enough."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from session_kit import floor

from engine.session import preflight


@pytest.mark.parametrize(("free", "status"), [(preflight.LEAST_FREE, "pass"), (preflight.LEAST_FREE - 1, "fail")])
async def test_a_disk_that_is_almost_full_is_no_place_for_a_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, status: str
) -> None:
    async with floor(tmp_path) as f:
        monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=free))
        ready = await preflight.run(f.session, tmp_path)
        assert f.state.gates["state folder"].status == status
        assert ready == (status == "pass")
