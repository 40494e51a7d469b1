"""Where keys are kept: the keyring or one file, bounded in time, and never a keyring that is none."""

from __future__ import annotations

import json
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import keyring
import keyring.backend
import pytest
from keyring.backends import chainer, fail, null

from engine.ops import secret_ring, secrets
from engine.ops.paths import Home, home
from engine.ops.secrets import SecretsError, load_keys

KEY, WORD = "K3Y-canary-000111", "S3CR3T-canary-999888"
FIELDS = {"api_key": KEY, "api_secret": WORD}


class Real(keyring.backend.KeyringBackend):
    priority = 5

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kept: dict[tuple[str, str], str] = {}
        self.locked = threading.Event()
        self.waits = False

    def get_password(self, service: str, username: str) -> str | None:
        if self.waits:
            self.locked.wait(5)
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


class PlainText(Real):
    """As the package of alternatives has it."""


PlainText.__module__ = "keyrings.alt.file"


@pytest.fixture
def here(tmp_path: Path) -> Home:
    return home(tmp_path / "home", {})


@pytest.fixture
def ring(monkeypatch: pytest.MonkeyPatch) -> Iterator[Real]:
    made = Real()
    monkeypatch.setattr(keyring, "get_keyring", lambda: made)
    yield made
    made.locked.set()


def test_the_keyring_is_asked_before_the_file(here: Home, ring: Real) -> None:
    secrets.store("live", here, {"api_key": "other", "api_secret": "other"}, in_file=True)
    ring.set_password("cockpit", f"live@{here.root}", json.dumps(FIELDS))
    assert [found.reveal() for found in load_keys("live", here, {})] == [KEY, WORD]


def test_the_environment_of_a_process_is_meant_for_it(here: Home, ring: Real) -> None:
    secrets.store("live", here, FIELDS, in_file=False)
    environ = {"COCKPIT_API_KEY": "mine", "COCKPIT_API_SECRET": "too"}
    assert [found.reveal() for found in load_keys("live", here, environ)] == ["mine", "too"]
    assert environ == {}
    assert ring.kept


def test_keys_are_kept_in_one_place_only(here: Home, ring: Real) -> None:
    file = here.secrets / "live.yaml"
    assert secrets.store("live", here, FIELDS, in_file=True) == str(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert secrets.store("live", here, FIELDS, in_file=False).startswith("keyring")
    assert not file.exists()
    assert [place.where for place in secrets.places("live", here, {})] == ["keyring"]
    assert secrets.places("live", here, {})[0].since > 0
    secrets.store("live", here, FIELDS, in_file=True)
    assert not ring.kept
    assert [found.reveal() for found in load_keys("live", here, {})] == [KEY, WORD]


def test_every_home_has_its_own_keys(here: Home, ring: Real, tmp_path: Path) -> None:
    secrets.store("live", here, FIELDS, in_file=False)
    assert ring.kept
    with pytest.raises(SecretsError, match="no API keys"):
        load_keys("live", home(tmp_path / "another", {}), {})


def test_forgetting_removes_them_everywhere(here: Home, ring: Real) -> None:
    secrets.store("live", here, FIELDS, in_file=False)
    (here.secrets / "live.yaml").write_text("api_key: x\n")
    assert secrets.forget("live", here) == [str(here.secrets / "live.yaml"), "keyring"]
    assert secrets.forget("live", here) == []
    assert not ring.kept


@pytest.mark.parametrize("kind", [null.Keyring, fail.Keyring, PlainText])
def test_what_keeps_nothing_or_keeps_it_in_plain_text_is_no_keyring(
    here: Home, monkeypatch: pytest.MonkeyPatch, kind: type[keyring.backend.KeyringBackend]
) -> None:
    made = kind()
    monkeypatch.setattr(keyring, "get_keyring", lambda: made)
    with pytest.raises(SecretsError, match="no keyring") as error:
        secrets.store("live", here, FIELDS, in_file=False)
    assert error.value.hint == "use --file"
    assert secret_ring.read("live") == {}
    assert not getattr(made, "kept", {})


def test_of_several_keyrings_the_first_real_one_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    plain, real = PlainText(), Real()

    class Several(chainer.ChainerBackend):
        backends = [plain, real]  # noqa: RUF012

    monkeypatch.setattr(keyring, "get_keyring", Several)
    secret_ring.write("live", FIELDS)
    assert (len(plain.kept), len(real.kept)) == (0, 1)


def test_a_locked_keyring_is_not_waited_for_for_ever(here: Home, ring: Real, monkeypatch: pytest.MonkeyPatch) -> None:
    ring.waits = True
    monkeypatch.setattr(secret_ring, "PATIENCE_S", 0.1)
    with pytest.raises(SecretsError, match="no answer within") as error:
        load_keys("live", here, {})
    assert "unlock" in error.value.hint
    file = here.secrets / "live.yaml"
    file.write_text(f"api_key: {KEY}\napi_secret: {WORD}\n")
    file.chmod(0o600)
    assert load_keys("live", here, {})[0].reveal() == KEY


def test_a_keyring_that_fails_is_told_without_its_words(
    here: Home, ring: Real, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> str:
        raise RuntimeError(f"cannot store {WORD}")

    monkeypatch.setattr(ring, "get_password", fails)
    with pytest.raises(SecretsError, match="RuntimeError") as error:
        load_keys("live", here, {})
    assert "canary" not in f"{error.value} {error.value.hint} {error.value.__cause__}"


@pytest.mark.parametrize("text", ["no json", "[]", '{"api_key": 5}', '{"api_key": "x"}'])
def test_what_a_keyring_holds_is_read_with_care(here: Home, ring: Real, text: str) -> None:
    ring.set_password("cockpit", f"live@{here.root}", text)
    with pytest.raises(SecretsError) as error:
        load_keys("live", here, {})
    assert text not in str(error.value)


@pytest.mark.skipif(os.name == "nt", reason="POSIX modes")
def test_a_file_is_replaced_in_one_step_for_its_owner_alone(here: Home) -> None:
    before = os.umask(0)
    try:
        secrets.store("live", here, FIELDS, in_file=True)
    finally:
        os.umask(before)
    assert [(path.name, stat.S_IMODE(path.stat().st_mode)) for path in here.secrets.iterdir()] == [("live.yaml", 0o600)]


def test_a_process_with_keys_dumps_no_core(here: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    resource = pytest.importorskip("resource")
    asked: list[tuple[int, tuple[int, int]]] = []
    monkeypatch.setattr(resource, "setrlimit", lambda what, limits: asked.append((what, limits)))
    with pytest.raises(SecretsError):
        load_keys("live", here, {})
    assert asked == [(resource.RLIMIT_CORE, (0, 0))]
