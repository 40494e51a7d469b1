"""Folders, keys and the lock: for the owner alone, and never shown."""

from __future__ import annotations

import copy
import json
import os
import pickle
import signal
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import msgspec
import pytest

from engine.ops.lock import LockedError, hold
from engine.ops.paths import Home, HomeError, home
from engine.ops.secrets import Secret, SecretsError, load_keys

KEY, WORD = "K3Y-canary-000111", "S3CR3T-canary-999888"
posix = pytest.mark.skipif(os.name == "nt", reason="POSIX modes")
unprivileged = pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")


@pytest.fixture
def here(tmp_path: Path) -> Home:
    return home(tmp_path / "home", {})


def keys_file(here: Home, text: str = f"api_key: {KEY}\napi_secret: '{WORD}'\n", mode: int = 0o600) -> Path:
    path = here.secrets / "live.yaml"
    path.write_text(text)
    path.chmod(mode)
    return path


# --- home ---------------------------------------------------------------------------------------------------------


def test_a_flag_wins_over_the_variable_and_that_over_the_platforms_folder(tmp_path: Path) -> None:
    environ = {"COCKPIT_HOME": str(tmp_path / "variable")}
    assert home(tmp_path / "flag", environ).root == tmp_path / "flag"
    assert home(None, environ).root == tmp_path / "variable"


def test_without_either_it_is_the_platforms_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platformdirs.user_data_path", lambda *_, **__: tmp_path / "platform")
    assert home(None, {}).root == tmp_path / "platform"


@posix
def test_the_folders_are_made_for_the_owner_alone(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "secrets").mkdir(mode=0o755)
    here = home(tmp_path / "home", {})
    for folder in (here.sessions, here.config, here.secrets):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(home(tmp_path / "new", {}).root.stat().st_mode) == 0o700


def test_a_file_in_the_place_of_the_folder_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    with pytest.raises(HomeError, match="cannot hold sessions") as error:
        home(tmp_path / "home", {})
    assert "--home" in error.value.hint


@unprivileged
def test_a_folder_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    home(tmp_path, {})
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(HomeError, match="Permission denied"):
            home(tmp_path, {})
    finally:
        tmp_path.chmod(0o700)


@posix
def test_a_link_in_the_place_of_a_private_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "secrets").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(HomeError, match="is a link"):
        home(tmp_path, {})


# --- keys ---------------------------------------------------------------------------------------------------------


def test_a_secret_shows_itself_to_nobody_who_does_not_ask() -> None:
    secret = Secret(WORD)
    shown = [str(secret), repr(secret), f"{secret}", f"{secret:>30}", f"{secret!r}", "%s" % secret, repr([secret])]  # noqa: UP031
    assert not [text for text in shown if "canary" in text]
    assert secret.reveal() == WORD
    with pytest.raises(TypeError):
        vars(secret)
    for leak in (pickle.dumps, copy.copy, copy.deepcopy, json.dumps, msgspec.json.encode):
        with pytest.raises(TypeError) as error:
            leak(secret)
        assert "canary" not in str(error.value)


def test_keys_come_from_the_owners_file(here: Home) -> None:
    keys_file(here)
    key, secret = load_keys("live", here, {})
    assert (key.reveal(), secret.reveal()) == (KEY, WORD)


def test_keys_that_look_like_numbers_stay_as_they_are(here: Home) -> None:
    keys_file(here, "api_key: 00123\napi_secret: 1e5\n")
    assert [found.reveal() for found in load_keys("live", here, {})] == ["00123", "1e5"]


def test_the_environment_wins_and_no_child_inherits_it(here: Home) -> None:
    keys_file(here, "api_key: other\napi_secret: other\n")
    environ = {"COCKPIT_API_KEY": KEY, "COCKPIT_API_SECRET": WORD, "PATH": "/bin"}
    key, secret = load_keys("live", here, environ)
    assert (key.reveal(), secret.reveal()) == (KEY, WORD)
    assert environ == {"PATH": "/bin"}


@pytest.mark.parametrize("environ", [{"COCKPIT_API_KEY": KEY}, {"COCKPIT_API_SECRET": WORD}])
def test_half_a_pair_in_the_environment_is_an_error(here: Home, environ: dict[str, str]) -> None:
    keys_file(here)
    with pytest.raises(SecretsError, match="set both") as error:
        load_keys("live", here, environ)
    assert "canary" not in str(error.value)
    assert environ == {}


@posix
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o601])
def test_a_file_that_others_can_touch_is_refused_with_the_cure(here: Home, mode: int) -> None:
    path = keys_file(here, mode=mode)
    with pytest.raises(SecretsError, match="others can read") as error:
        load_keys("live", here, {})
    assert error.value.hint == f"chmod 600 {path}"


@posix
def test_a_foreign_file_is_refused(here: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    keys_file(here)
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.raises(SecretsError, match="belong to someone else"):
        load_keys("live", here, {})


@posix
def test_links_folders_and_pipes_are_refused(here: Home, tmp_path: Path) -> None:
    real = keys_file(here).rename(tmp_path / "real.yaml")
    (here.secrets / "live.yaml").symlink_to(real)
    (here.secrets / "folder.yaml").mkdir(mode=0o700)
    os.mkfifo(here.secrets / "pipe.yaml", 0o600)
    for name in ("live", "folder", "pipe"):
        with pytest.raises(SecretsError):
            load_keys(name, here, {})


def test_a_missing_file_says_what_belongs_there(here: Home) -> None:
    with pytest.raises(SecretsError, match="no API keys") as error:
        load_keys("live", here, {})
    assert error.value.where.endswith("live.yaml")
    assert "api_secret" in error.value.hint


@pytest.mark.parametrize(
    "text",
    [
        f"api_key: {KEY}\n",
        f"api_key: {KEY}\napi_secret:\n",
        f"api_key: {KEY}\napi_secret: 'two {WORD}'\n",
        f"api_key: {KEY}\napi_secret: {WORD}\nmore: x\n",
        f"api_key: {KEY}\napi_secret: [{WORD}]\n",
        f"{KEY}\n{WORD}\n",
        f"api_key: '{KEY}\napi_secret: {WORD}\n",
        f"api_key: !{WORD} x\napi_secret: *{KEY}\n",
        f"api_key: {KEY}\napi_secret: {WORD}ü\n",
        "",
    ],
)
def test_a_broken_file_is_refused_without_showing_it(here: Home, text: str) -> None:
    keys_file(here, text)
    with pytest.raises(SecretsError) as error:
        load_keys("live", here, {})
    seen: BaseException | None = error.value
    while seen is not None:
        assert "canary" not in f"{seen} {seen!r}"
        seen = seen.__cause__


# --- lock ---------------------------------------------------------------------------------------------------------


def test_one_account_has_one_writer(tmp_path: Path) -> None:
    with hold("bitunix", KEY, tmp_path):
        with pytest.raises(LockedError, match=f"process {os.getpid()}, since 2"), hold("bitunix", KEY, tmp_path):
            pass
        with hold("bitunix", "another", tmp_path), hold("simulated", KEY, tmp_path):
            pass
        names = " ".join(path.name for path in tmp_path.iterdir())
        contents = b"".join(path.read_bytes() for path in tmp_path.iterdir())
        assert KEY not in names
        assert KEY.encode() not in contents
    with hold("bitunix", KEY, tmp_path):
        pass


def test_an_error_inside_frees_the_account(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), hold("bitunix", KEY, tmp_path):
        raise ZeroDivisionError
    with hold("bitunix", KEY, tmp_path):
        pass


def test_a_folder_that_cannot_be_used_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LockedError, match="cannot be locked"), hold("bitunix", KEY, tmp_path / "file"):
        pass


@posix
def test_a_killed_holder_leaves_nothing_locked(tmp_path: Path) -> None:
    source = """
        import sys, time
        from pathlib import Path
        from engine.ops.lock import hold
        with hold("bitunix", "a", Path(sys.argv[1])):
            print("held", flush=True)
            time.sleep(60)
    """
    command = [sys.executable, "-c", textwrap.dedent(source), str(tmp_path)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    with pytest.raises(LockedError, match=f"process {child.pid}"), hold("bitunix", "a", tmp_path):
        pass
    child.send_signal(signal.SIGKILL)
    child.communicate()
    with hold("bitunix", "a", tmp_path):
        pass
