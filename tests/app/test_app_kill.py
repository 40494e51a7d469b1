"""The kill switch: one key, at once, from everywhere."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from app_kit import Heard, Recorder, cockpit, resized, session, settled, with_approval, with_order, with_position
from textual.pilot import Pilot

from cockpit.app import Exit

Situation = Callable[[Pilot[Exit]], Awaitable[None]]


def pressed(*keys: str) -> Situation:
    async def reach(pilot: Pilot[Exit]) -> None:
        await pilot.press(*keys)
        await settled(pilot)

    return reach


async def small(pilot: Pilot[Exit]) -> None:
    await resized(pilot, 40, 8)


SITUATIONS: dict[str, Situation] = {
    "chart": pressed("1"),
    "log": pressed("7"),
    "orders": pressed("5"),
    "maximised": pressed("6", "6"),
    "filter": pressed("slash", "a"),
    "cancel question": pressed("5", "x"),
    "close question": pressed("c"),
    "flatten question": pressed("F", "F", "L"),
    "quit question": pressed("q"),
    "help": pressed("?", "k"),
    "palette": pressed("ctrl+p", "p"),
    "too small": small,
}
TYPING = {"filter", "flatten question", "help", "palette"}


def exposed() -> tuple[Heard, Recorder]:
    return cockpit(with_approval(with_position(with_order(session()))))


@pytest.mark.parametrize("situation", SITUATIONS)
async def test_kill_works_everywhere_and_closes_what_is_open(situation: str) -> None:
    app, source = exposed()
    async with app.run_test(size=(160, 45)) as pilot:
        await settled(pilot)
        for key in ("K", "f9", "ctrl+g"):
            source.commands.clear()
            await SITUATIONS[situation](pilot)
            await pilot.press(key)
            if key == "K" and situation in TYPING:
                assert source.commands == []
                await pilot.press("escape")
                continue
            assert source.commands == [("kill", "", "", "key")]
            await settled(pilot)
            assert len(app.screen_stack) == 1
            await pilot.press("escape")
            app.presses.began.clear()
        assert app.failures == []


async def test_the_command_is_out_before_the_key_handler_yields() -> None:
    app, source = exposed()
    async with app.run_test() as pilot:
        await settled(pilot)
        from textual import events

        assert app.took(events.Key("f9", None))
        assert source.actions == ["kill"]


async def test_a_kill_before_the_engine_is_there_is_kept_for_it() -> None:
    app, source = exposed()
    app.source = None
    async with app.run_test() as pilot:
        await pilot.press("f9")
        assert source.commands == []
        assert "kept" in app.said[-1]
        app.attach(source)
        assert source.actions == ["kill"]
        app.tick()
        assert source.actions == ["kill"]


async def test_a_kill_that_the_source_could_not_take_is_tried_again_at_each_tick() -> None:
    app, source = exposed()
    take = source.command
    answers = [OSError("socket"), OSError("socket"), None]

    def command(action: str, target: str = "", text: str = "", by: str = "key") -> None:
        error = answers.pop(0)
        if error is not None:
            raise error
        take(action, target, text, by)  # type: ignore[arg-type]

    source.command = command  # type: ignore[method-assign]
    async with app.run_test() as pilot:
        await pilot.press("f9")
        app.tick()
        app.tick()
        assert source.actions == ["kill"]
        assert app.failures


async def test_kill_acts_on_the_live_engine_while_the_screen_is_behind() -> None:
    app, source = cockpit(with_position(session()), source="behind")
    async with app.run_test() as pilot:
        await settled(pilot)
        await pilot.press("c", "F", "R", "n")
        assert source.commands == []
        assert len(app.screen_stack) == 1
        await pilot.press("p")
        await pilot.press("f9")
        assert source.actions == ["pause", "kill"]


async def test_a_recording_takes_no_commands_at_all() -> None:
    app, source = cockpit(with_approval(with_position(session())), source="replay")
    async with app.run_test() as pilot:
        await settled(pilot)
        await pilot.press("y", "n", "c", "F", "R", "p", "f9")
        assert source.commands == []
        assert len(app.screen_stack) == 1


async def test_the_kill_key_is_on_the_screen_at_every_size() -> None:
    from app_kit import text_of

    app, _ = exposed()
    async with app.run_test(size=(160, 45)) as pilot:
        for size in ((160, 45), (120, 36), (80, 24), (60, 16), (30, 6)):
            await resized(pilot, *size)
            assert "F9" in text_of(app), size
