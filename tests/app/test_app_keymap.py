"""The action table and the user's keys over it."""

from __future__ import annotations

from pathlib import Path

import pytest

from cockpit.actions import DEFAULT, SITUATIONS, bindings, hints, keys_markdown, lookup, prior
from cockpit.keymap import UNSAFE, resolve
from cockpit.screens.deeds import DEEDS
from engine.model.errors import CockpitError

ROOT = Path(__file__).parents[2]
BY_ID = {spec.id: spec for spec in DEFAULT}


def test_the_defaults_are_a_valid_keymap() -> None:
    assert resolve({}) == DEFAULT


def test_every_action_of_the_trade_screen_has_its_deed_and_no_deed_is_without_an_action() -> None:
    ids = {
        spec.id
        for spec in DEFAULT
        if not {"dialog", "help", "everywhere", "reader", "sessions"}.intersection(spec.contexts)
    }
    assert set(DEEDS) == ids


def test_defaults_avoid_the_keys_of_multiplexers_and_terminals() -> None:
    avoided = {f"ctrl+{c}" for c in "basqjmihzw"} | {"f1", "shift+space"}
    assert not avoided.intersection(key for spec in DEFAULT for key in spec.keys)
    assert not any(key.startswith("alt+") for spec in DEFAULT for key in spec.keys)


def test_enter_does_nothing_that_has_consequences() -> None:
    assert not [spec.id for spec in DEFAULT if spec.risk != "view" and UNSAFE.intersection(spec.keys)]
    assert not BY_ID["approve"].palette


def test_kill_has_a_key_that_works_while_typing_and_one_that_inputs_do_not_use() -> None:
    from textual.widgets import Input

    used = {key for binding in Input.BINDINGS for key in binding.key.split(",")}
    assert BY_ID["kill"].keys[:2] == ("f9", "ctrl+g")
    assert not used.intersection(BY_ID["kill"].keys)


def test_a_key_means_one_thing_in_each_situation() -> None:
    table = bindings(DEFAULT)
    for situation, contexts in SITUATIONS.items():
        for key in table:
            found = [spec for spec in table[key] if contexts.intersection(spec.contexts)]
            for tier in (True, False):
                meant = [spec.id for spec in found if prior(spec, contexts) is tier]
                assert len(meant) <= 1, (situation, key, meant)


def test_the_committed_key_list_is_up_to_date() -> None:
    assert (ROOT / "docs" / "keys.md").read_text() == keys_markdown()


def test_a_user_may_move_keys() -> None:
    table = bindings(resolve({"approve": "a", "kill": "f10,ctrl+g"}))
    assert lookup(table, "a", "pane") == resolve({"approve": "a"})[[s.id for s in DEFAULT].index("approve")]
    assert lookup(table, "y", "pane") is None
    assert lookup(table, "f9", "chart") is None
    assert hints(resolve({"kill": "f10"}))[0] == ("F10", "kill")


def test_a_user_may_swap_two_keys_and_unbind_others() -> None:
    specs = {spec.id: spec for spec in resolve({"pause": "z", "maximise": "p", "crosshair": ""})}
    assert specs["pause"].keys == ("z",)
    assert specs["crosshair"].keys == ()


@pytest.mark.parametrize(
    ("keymap", "said"),
    [
        ({"aprove": "a"}, "did you mean approve?"),
        ({"nonsense": "a"}, "no such action"),
        ({"approve": "p"}, "p would be both"),
        ({"cancel": "j"}, "j would be both"),
        ({"maximise": "f9"}, "f9 would be both"),
        ({"dialog_no": "K"}, "K would be both"),
        ({"kill": ""}, "needs a key that is not a character"),
        ({"kill": "K"}, "needs a key that is not a character"),
        ({"approve": "enter"}, "cannot be used"),
        ({"flatten": "ctrl+m"}, "cannot be used"),
        ({"dialog_yes": "enter"}, "cannot be used"),
        ({"approve": "a", "cancel": "y"}, "both open (cancel) and answer (dialog_yes)"),
        ({"approve": "hyperspace"}, "is not a key"),
        ({"approve": "ctrl+"}, "is not a key"),
    ],
)
def test_a_keymap_that_cannot_be_trusted_is_refused(keymap: dict[str, str], said: str) -> None:
    with pytest.raises(CockpitError) as error:
        resolve(keymap)
    assert said in str(error.value)


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(CockpitError) as error:
        resolve({"aprove": "a", "kill": "", "pause": "c"})
    assert str(error.value).count("screen.keymap") == 3
