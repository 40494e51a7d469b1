"""One alert to one target: what it says, what may be seen of its address, and that no service can hold us up."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hook_kit import TOKEN, Hook, hook

from engine.model.reasons import NOTICES
from engine.ops import alerts, secrets
from engine.ops.alerts import CAUSES, LONGEST, UNSENT, send, send_now, target, text_of
from engine.ops.paths import Home, home
from engine.ops.secrets import SecretsError


@pytest.fixture
def here(tmp_path: Path) -> Home:
    return home(tmp_path / "home", {})


@pytest.fixture
def web() -> Iterator[Hook]:
    with hook() as made:
        yield made


def test_every_notice_is_a_cause_but_those_about_alerts_themselves() -> None:
    assert set(NOTICES) - set(CAUSES) == UNSENT
    assert all(CAUSES[kind].sent for kind, (level, _) in NOTICES.items() if level == "alarm")


@pytest.mark.parametrize(
    ("address", "seen"),
    [
        ("tgram://123456789:AAHtoken-abc/987654", "tgram://…"),
        ("https://hooks.slack.com/services/T0/B0/XYZ", "https://hooks.slack.com/…"),
        ("jsons://user:pass@example.org:8443/path?tok=1", "jsons://example.org:8443/…"),
        ("mailtos://me:word@gmail.com?to=you@example.org", "mailtos://gmail.com/…"),
        ("slack://TOKEN/A/B", "slack://…"),
        ("discord://1234567890/ABCDEFGH", "discord://…"),
        ("ntfy://my-topic", "ntfy://…"),
    ],
)
def test_of_an_address_the_scheme_is_seen_and_the_host_where_it_is_one(address: str, seen: str) -> None:
    assert alerts.shown(address) == seen
    made = target("phone", address)
    assert made.shown == seen
    assert address not in f"{made!r} {made}"


@pytest.mark.parametrize("address", ["", "canary address", "example.org/hook", "json://two words"])
def test_what_is_no_address_is_refused_without_showing_it(address: str) -> None:
    with pytest.raises(SecretsError) as error:
        target("phone", address)
    assert not address or address not in f"{error.value} {error.value.where}"


def test_a_message_arrives_with_its_level(web: Hook) -> None:
    done = send(target("phone", web.address), "alarm", "cockpit: kill switch on", "by key")
    assert done.ok, done
    assert (web.got[0]["title"], web.got[0]["message"], web.got[0]["type"]) == (
        "cockpit: kill switch on",
        "by key",
        "failure",
    )


@pytest.mark.parametrize(
    ("answer", "said"), [(404, "refused with 404"), (500, "refused with 500"), (302, "refused with 302")]
)
def test_a_refusal_is_told_in_our_words_and_no_redirect_is_followed(web: Hook, answer: int, said: str) -> None:
    web.answer = answer
    done = send(target("phone", web.address), "info", "t", "x")
    assert (done.ok, done.detail) == (False, said)
    assert len(web.got) == 1


def test_nobody_there_is_no_connection() -> None:
    done = send(target("phone", f"json://127.0.0.1:1/{TOKEN}"), "info", "t", "x")
    assert (done.ok, done.detail) == (False, "no connection")


def test_a_service_that_hangs_holds_nobody_up(web: Hook) -> None:
    web.hanging = True
    began = time.monotonic()
    done = send(target("phone", web.address), "info", "t", "x", patience_s=0.3)
    assert not done.ok
    assert time.monotonic() - began < 0.8


def test_text_is_plain_short_and_mentions_nobody() -> None:
    hostile = "\x1b[2J<!channel> @everyone http://evil.example `code`\n\u202e" + "x" * 10_000
    made = text_of(hostile)
    assert len(made) <= LONGEST + 5
    assert not set("\x1b<>@`\n\u202e") & set(made)
    assert "://" not in made


def test_nothing_that_is_logged_or_returned_has_the_address(
    web: Hook, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    told = []
    for answer in (200, 500):
        web.answer = answer
        told.append(repr(send(target("phone", web.address), "info", "t", f"the address is {web.address}")))
    out, err = capfd.readouterr()
    assert len(web.got) == 2
    for text in (caplog.text, out, err, *told, *(message["message"] for message in web.got)):
        assert TOKEN not in text


def test_a_process_without_a_session_sends_to_all_targets_at_once(here: Home, web: Hook) -> None:
    kept = {"phone": web.address, "gone": f"json://127.0.0.1:1/{TOKEN}"}
    secrets.store(secrets.ALERTS, here, kept, in_file=True)
    done = send_now(here, "WatchdogActed", "cancelled 2 orders", patience_s=3.0)
    assert [(delivery.target, delivery.ok) for delivery in done] == [("phone", True), ("gone", False)]
    assert web.titles == ["cockpit: the watchdog acted"]


def test_without_targets_nothing_is_sent_and_a_broken_file_is_told(here: Home) -> None:
    assert send_now(here, "WatchdogActed", "x") == []
    (here.secrets / "alerts.yaml").write_text(f"phone: json://127.0.0.1/{TOKEN}\n")
    (here.secrets / "alerts.yaml").chmod(0o644)
    done = send_now(here, "WatchdogActed", "x")
    assert not done[0].ok
    assert "others can read" in done[0].detail
    assert TOKEN not in repr(done)
