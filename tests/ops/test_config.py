"""A profile is complete and consistent or it is refused, with the place and the nearest name."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.model.settings import Profile
from engine.ops.config import ConfigError, Loaded, LoadedStrategy, as_json, available, load, shipped
from engine.ops.paths import Home, home
from engine.strategies import registry

SHIPPED = ("backtest", "demo", "live", "paper")


@pytest.fixture
def here(tmp_path: Path) -> Home:
    return home(tmp_path / "home", {})


@pytest.fixture
def write(here: Home) -> Callable[[str, str], Path]:
    """Put a profile into the user's folder."""

    def put(name: str, text: str) -> Path:
        path = here.config / f"{name}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    return put


def demo(flags: dict[str, Any] | None = None, **environ: str) -> Loaded:
    return load("demo", None, flags, environ)


def refused(flags: dict[str, Any] | None = None, **environ: str) -> str:
    with pytest.raises(ConfigError) as error:
        demo(flags, **environ)
    return str(error.value)


# --- what is shipped ----------------------------------------------------------------------------------------------


def test_the_shipped_profiles_are_these() -> None:
    assert available(None, {}) == list(SHIPPED)


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_profile_is_valid_and_its_strategies_can_be_built(name: str) -> None:
    loaded = load(name, None, None, {})
    assert loaded.profile.name == name
    assert loaded.profile.mode == name.upper()
    for strategy in loaded.strategies:
        built = registry.build(strategy.name, strategy.params)
        assert msgspec.to_builtins(built.params) == strategy.params


def test_the_base_alone_is_no_profile() -> None:
    with pytest.raises(ConfigError, match="missing: mode"):
        load("base", None, None, {})


def test_live_asks_a_person_and_is_the_only_one_that_reaches_a_real_venue() -> None:
    live = load("live", None, None, {}).profile
    assert (live.venue.kind, live.trading.approval, live.trading.on_quit) == ("bitunix", "required", "ask")
    assert {load(name, None, None, {}).profile.venue.kind for name in SHIPPED if name != "live"} == {"simulated"}


def test_every_setting_of_every_shipped_profile_says_where_it_is_from() -> None:
    loaded = demo()
    assert loaded.sources["exchange.speed"].startswith(str(shipped() / "demo.yaml") + ":")
    assert loaded.sources["risk.require_stop"].startswith(str(shipped() / "base.yaml") + ":")
    assert loaded.sources["name"] == "file name"
    tree = json.loads(as_json(loaded))["profile"]
    for path in loaded.sources:
        value = tree
        for part in path.split("."):
            value = value[part]


def test_the_json_gives_the_profile_and_its_strategies_back() -> None:
    loaded = demo()
    written = msgspec.json.decode(as_json(loaded))
    assert msgspec.convert(written["profile"], Profile) == loaded.profile
    assert msgspec.convert(written["strategies"], list[LoadedStrategy]) == loaded.strategies


# --- precedence ---------------------------------------------------------------------------------------------------


def test_a_flag_wins_over_the_environment_and_that_over_the_file() -> None:
    assert demo().profile.risk.max_leverage == 5
    by_environment = demo(COCKPIT_RISK__MAX_LEVERAGE="3")
    assert by_environment.profile.risk.max_leverage == 3
    assert by_environment.sources["risk.max_leverage"] == "environment COCKPIT_RISK__MAX_LEVERAGE"
    by_flag = demo({"risk.max_leverage": "2"}, COCKPIT_RISK__MAX_LEVERAGE="3")
    assert by_flag.profile.risk.max_leverage == 2
    assert by_flag.sources["risk.max_leverage"] == "flag risk.max_leverage"


@pytest.mark.parametrize(
    ("path", "text", "value"),
    [
        ("risk.symbols.BTCUSDT.max_quantity", "0.1234567890123456789", Decimal("0.1234567890123456789")),
        ("risk.require_stop", "false", False),
        ("risk.orders_per_minute", "7", 7),
        ("exchange.seed", "42", 42),
        ("exchange.seed", "null", None),
        ("exchange.candles", "42", "42"),
        ("strategies", "ribbon, sweep", ["ribbon", "sweep"]),
        ("strategies", "", []),
        ("screen.keymap", '{"pause": "f5"}', {"pause": "f5"}),
    ],
)
def test_text_from_the_shell_has_the_type_of_its_setting(path: str, text: str, value: object) -> None:
    variable = "COCKPIT_" + path.replace(".", "__").upper()
    for loaded in (demo({path: text}), demo(None, **{variable: text})):
        found: Any = loaded.profile
        for part in path.split("."):
            found = found[part] if isinstance(found, dict) else getattr(found, part)
        assert found == value
        assert type(found) is type(value)


def test_a_flag_may_be_a_value_too() -> None:
    loaded = demo({"exchange.speed": 60.0, "exchange.seed": 7, "strategies": []})
    assert (loaded.profile.exchange.speed, loaded.profile.exchange.seed, loaded.strategies) == (60.0, 7, [])


def test_variables_that_only_begin_like_ours_are_left_alone() -> None:
    demo(COCKPIT_HOME="/x", COCKPIT_API_KEY="k", COCKPIT_API_SECRET="s", COCKPIT_WS_PROXY="x", COCKPITS="1")


def test_the_environment_and_flags_cannot_change_the_mode() -> None:
    assert "decided by the profile's file alone" in refused(COCKPIT_MODE="LIVE")
    assert "decided by the profile's file alone" in refused({"mode": "LIVE"})
    assert "decided by the profile's file alone" in refused({"name": "x"})


# --- messages -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("COCKPIT_RISK__MAX_LEVRAGE", "3", "risk.max_levrage: unknown setting (did you mean risk.max_leverage?)"),
        ("COCKPIT_RSK__MAX_LEVERAGE", "3", "unknown setting (did you mean risk?)"),
        ("COCKPIT_RISK_MAX_LEVERAGE", "3", "sections end in two underscores"),
        ("COCKPIT_RISK__MAX_LEVERAGE__X", "3", "risk.max_leverage is one value, not a section"),
        ("COCKPIT_RISK", "3", "risk: is a section, not one value"),
        ("COCKPIT_RISK__MAX_LEVERAGE", "much", "risk.max_leverage: expected a number (got 'much')"),
        ("COCKPIT_RISK__MAX_LEVERAGE", "0", "risk.max_leverage: expected a number > 0.0 (got '0')"),
        ("COCKPIT_RISK__MAX_LEVERAGE", "inf", "risk.max_leverage: a finite number is expected"),
        ("COCKPIT_RISK__MAX_LEVERAGE", "nan", "risk.max_leverage"),
        ("COCKPIT_RISK__ORDERS_PER_MINUTE", "1_000", "without separators"),
        ("COCKPIT_RISK__ORDERS_PER_MINUTE", "1.5", "expected a whole number"),
        ("COCKPIT_RISK__REQUIRE_STOP", "yes", "write true or false"),
        ("COCKPIT_TRADING__APPROVAL", "maybe", "one of required, auto is expected (got 'maybe')"),
        ("COCKPIT_SYMBOLS", "", "symbols"),
        ("COCKPIT_SCREEN__KEYMAP", "{", "screen.keymap"),
        ("COCKPIT_STRATEGIES", "swep", "no parameters for 'swep' (did you mean sweep?)"),
        ("COCKPIT_STRATEGIES", "../sweep", "no parameters for"),
    ],
)
def test_a_wrong_variable_is_named_with_what_was_expected(variable: str, value: str, says: str) -> None:
    message = refused(None, **{variable: value})
    assert says in message
    assert message.startswith(f"environment {variable}: ")


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        ({"risk.symbols.BTCUSDT.max_quantity": "0"}, "risk.symbols.BTCUSDT.max_quantity: more than 0"),
        ({"risk.symbols.BTCUSDT.max_quantity": "-1"}, "risk.symbols.BTCUSDT.max_quantity: more than 0"),
        ({"risk.symbols.BTCUSDT.max_quantity": "NaN"}, "a finite number is expected"),
        ({"risk.symbols.BTCUSDT.max_position": "0.4"}, "0.4 is less than one order's max_quantity, 0.5"),
        ({"symbols": "BTCUSDT,ETHUSDT"}, "risk.symbols.ETHUSDT: a symbol without limits is not traded"),
        ({"symbols": "BTCUSDT,BTCUSDT"}, "symbols: BTCUSDT is given twice"),
        ({"symbols": "\x1b[31m"}, "is no symbol"),
        ({"strategies": "sweep,sweep"}, "strategies: sweep is given twice"),
        ({"risk.min_notional_quote": 30000}, "risk.min_notional_quote: 30000 is more than risk.max_notional_quote"),
        ({"risk.max_notional_quote": 60000}, "is more than risk.max_exposure_quote, 50000"),
        ({"risk.daily_loss_pct": 11}, "risk.daily_loss_pct: 11 is more than risk.weekly_loss_pct, 10"),
        ({"trading.risk_pct": 3.5}, "trading.risk_pct: 3.5 is more than risk.total_at_risk_pct"),
        ({"risk.max_drawdown_pct": 101}, "risk.max_drawdown_pct: 101 is more than 100 percent"),
        ({"venue.cancel_reserve_per_s": 9}, "venue.cancel_reserve_per_s: 9 is more than venue.requests_per_s"),
        ({"venue.reconnect_first_s": 61}, "venue.reconnect_first_s"),
        ({"exchange.balance_quote": "0"}, "exchange.balance_quote"),
        ({"exchange.speed": "1e12"}, "exchange.speed: 1e+12 is more than 10,000"),
        ({"venue.kind": "bitunix"}, "DEMO may not reach a real venue"),
        ({"venue.rest": "http://example.com"}, "is not encrypted"),
        ({"venue.rest": "https://me:pw@example.com"}, "may not carry a user or a password"),
        ({"venue.public": "https://example.com"}, "an address like wss://host"),
        ({"venue.public": "wss://exa\x1bmple.com"}, "an address like wss://host"),
        ({"venue.rest": "http://[::1"}, "venue.rest"),
        ({"risk": {}}, "missing: risk.symbols, risk.max_notional_quote"),
        ({"risk": {"max_leverage": 1}}, "risk: is a section"),
        ({"risk.symbols": {"BTCUSDT": 5}}, "risk.symbols"),
        ({"risk.symbols": '{"BTCUSDT": {"max_quantity": 1}}'}, "missing required field"),
        ({"nothing": 1}, "nothing: unknown setting"),
        ({"": 1}, "unknown setting"),
    ],
)
def test_a_contradiction_is_named_by_its_path(flags: dict[str, Any], says: str) -> None:
    message = refused(flags)
    assert says in message
    assert message.isprintable()


def test_plain_connections_and_the_real_adapter_are_fine_on_this_machine() -> None:
    flags = {
        "venue.kind": "bitunix",
        "venue.rest": "http://127.0.0.1:1234",
        "venue.public": "ws://localhost:1",
        "venue.private": "ws://[::1]:1",
    }
    assert demo(flags).profile.venue.kind == "bitunix"


def test_paper_may_read_the_real_market() -> None:
    assert load("paper", None, {"venue.kind": "bitunix"}, {}).profile.venue.kind == "bitunix"


def test_live_refuses_the_simulated_venue() -> None:
    with pytest.raises(ConfigError, match="LIVE needs a real venue"):
        load("live", None, {"venue.kind": "simulated"}, {})


def test_live_without_approval_must_be_written_down_not_typed(here: Home, write: Callable[[str, str], Path]) -> None:
    for flags, environ in (({"trading.approval": "auto"}, {}), ({}, {"COCKPIT_TRADING__APPROVAL": "auto"})):
        with pytest.raises(ConfigError, match="only a profile's file may say auto"):
            load("live", None, flags, environ)
    write("robot", "_extends: live\ntrading:\n  approval: auto\n")
    assert load("robot", here, None, {}).profile.trading.approval == "auto"


# --- files --------------------------------------------------------------------------------------------------------


def test_a_users_profile_extends_a_shipped_one(here: Home, write: Callable[[str, str], Path]) -> None:
    path = write("mine", "# my own\n_extends: demo\nrisk:\n  max_leverage: 1.5\n")
    loaded = load("mine", here, None, {})
    assert loaded.profile.name == "mine"
    assert loaded.profile.risk.max_leverage == 1.5
    assert loaded.profile.risk.max_notional_quote == 25000
    assert loaded.sources["risk.max_leverage"] == f"{path}:4"
    assert "mine" in available(here, {})


def test_a_users_file_hides_the_shipped_one_and_may_extend_it(here: Home, write: Callable[[str, str], Path]) -> None:
    write("demo", "_extends: demo\nexchange: {speed: 99}\n")
    profile = load("demo", here, None, {}).profile
    assert (profile.exchange.speed, profile.mode) == (99, "DEMO")


def test_symbols_are_added_and_lists_replaced(here: Home, write: Callable[[str, str], Path]) -> None:
    write(
        "two",
        "_extends: demo\nsymbols: [ETHUSDT, BTCUSDT]\nrisk:\n  symbols:\n"
        "    ETHUSDT: {max_quantity: 5, max_position: '10'}\n",
    )
    profile = load("two", here, None, {}).profile
    assert profile.symbols == ["ETHUSDT", "BTCUSDT"]
    assert profile.risk.symbols["ETHUSDT"].max_position == Decimal(10)
    assert profile.risk.symbols["BTCUSDT"].max_position == Decimal("0.5")


def test_a_circle_of_extensions_is_an_error(here: Home, write: Callable[[str, str], Path]) -> None:
    write("one", "_extends: two\n")
    write("two", "_extends: three\n")
    write("three", "_extends: one\n")
    with pytest.raises(ConfigError, match="in a circle: one → two → three → one"):
        load("one", here, None, {})


def test_the_config_folder_can_be_another(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such folder"):
        load("demo", None, None, {"COCKPIT_CONFIG_DIR": str(tmp_path / "none")})
    with pytest.raises(ConfigError, match="there is no profile 'demo'"):
        load("demo", None, None, {"COCKPIT_CONFIG_DIR": str(tmp_path)})


@pytest.mark.parametrize("name", ["dmo", "../demo", "", "a/b", "demo.yaml", "-x", "x\x1b"])
def test_a_name_that_is_no_profile_is_refused(name: str, here: Home) -> None:
    with pytest.raises(ConfigError) as error:
        load(name, here, None, {})
    assert str(error.value).isprintable()


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("_extends: demo\nrisk:\n  max_levrage: 3\n", 3, "risk.max_levrage: unknown setting (did you mean"),
        ("_extends: demo\nrisk:\n  max_leverage: 3\n  max_leverage: 4\n", 4, "risk.max_leverage is given twice"),
        ("_extends: demo\nrisk:\n  max_leverage: 1_000\n", 3, "without separators"),
        ("_extends: demo\nrisk:\n  max_leverage: '3'\n", 3, "expected a number (got '3')"),
        ("_extends: demo\nrisk:\n  max_leverage: .inf\n", 3, "expected a number"),
        ("_extends: demo\nrisk:\n  max_leverage: 12:30\n", 3, "expected a number"),
        ("_extends: demo\nrisk:\n  max_leverage:\n", 3, "expected a number (got None)"),
        ("_extends: demo\nrisk:\n  require_stop: no\n", 3, "write true or false"),
        ("_extends: demo\nrisk: 5\n", 2, "risk: is a section"),
        ("_extends: demo\nvenue:\n  api_key: abc\n", 3, "api_key looks like a secret"),
        ("_extends: demo\nvenue:\n  Password: abc\n", 3, "looks like a secret"),
        ("_extends: demo\nname: other\n", 2, "named by its file"),
        ("_extends: [demo]\n", 1, "one profile's name is expected"),
        ("_extends: dmo\n", 1, "there is no profile 'dmo' (did you mean demo?)"),
        ("_extends: demo\nrisk: &a {max_leverage: 2}\nscreen: *a\n", 2, "anchors and aliases"),
        ("_extends: demo\nrisk:\n  <<: {max_leverage: 2}\n", 3, "merge keys"),
        ("_extends: demo\nscreen: !!python/object:os.system {}\n", 2, "tags are not supported"),
        ("_extends: demo\nrisk: {\n", 3, "this is not YAML"),
        ("_extends: demo\n\trisk: 5\n", 2, "this is not YAML"),
        ("_extends: demo\n? [a]\n: 5\n", 2, "a key must be a word"),
        ("_extends: demo\nsymbols: [{a: b}]\n", 2, "a list may not hold sections"),
    ],
)
def test_an_error_in_a_file_is_named_with_its_line(
    here: Home, write: Callable[[str, str], Path], text: str, line: int, says: str
) -> None:
    path = write("mine", text)
    with pytest.raises(ConfigError) as error:
        load("mine", here, None, {})
    assert says in str(error.value)
    assert error.value.where == f"{path}:{line}"


@pytest.mark.parametrize(
    "contents",
    [b"", b"# nothing\n", b"- a\n", b"\xff\xfe", b"x" * (1 << 21), b"{" * 5000, b"\0"],
    ids=["empty", "comment", "list", "utf-16", "huge", "deep", "nul"],
)
def test_a_file_that_is_no_profile_is_a_clear_error(here: Home, contents: bytes) -> None:
    (here.config / "mine.yaml").write_bytes(contents)
    with pytest.raises(ConfigError, match=r"mine\.yaml"):
        load("mine", here, None, {})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("strategy: swep\n", "unknown strategy 'swep' (did you mean 'sweep'?)"),
        ("params: {lookback: 5}\n", "strategy: the name of a strategy is expected"),
        ("strategy: sweep\nparams:\n  lookbak: 5\n", "params.lookbak: unknown parameter (did you mean 'lookback'?)"),
        ("strategy: sweep\nparams:\n  lookback: many\n", "params.lookback"),
        ("strategy: sweep\nlookback: 5\n", "lookback: unknown setting"),
        ("strategy: sweep\nparams: 5\n", "params: unknown setting"),
    ],
)
def test_a_parameter_file_is_checked_against_its_strategy(here: Home, text: str, says: str) -> None:
    (here.config / "strategies").mkdir()
    path = here.config / "strategies" / "sweep_keen.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as error:
        load("demo", here, None, {})
    assert says in str(error.value)
    assert error.value.where.startswith(str(path))


def test_a_users_parameter_file_hides_the_shipped_one(here: Home) -> None:
    (here.config / "strategies").mkdir()
    (here.config / "strategies" / "sweep_keen.yaml").write_text("strategy: sweep\nparams: {lookback: 21}\n")
    first = load("demo", here, None, {}).strategies[0]
    assert (first.name, first.params["lookback"]) == ("sweep", 21)
    assert first.file == str(here.config / "strategies" / "sweep_keen.yaml")
