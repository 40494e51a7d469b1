"""``report.html``: one file that loads nothing, says what the run was, and lets no string of others act."""

from __future__ import annotations

import json
import time
from base64 import b64decode
from dataclasses import replace
from gzip import decompress
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from report_kit import T0, D, crossed, empty, flat, of_days, trade

from engine.model import events as ev
from engine.model.market import MINUTE_NS
from engine.model.orders import Trade
from engine.report import charts
from engine.report.page import POLICY, write_report
from engine.report.series import thin
from engine.report.tables import MOST_TRADES, monthly_returns
from engine.runner.backtest import Result

EVIL = "</script><script>document.documentElement.dataset.hacked=1</script><img src=x onerror=alert(1)>\"'&"


class Page(HTMLParser):
    """Elements with their attributes, the text between them, and the text of each script by its id."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: dict[str, str] = {}
        self.text = ""
        self._script: str | None = None
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._script = (dict(attrs).get("id") or "own") if tag in ("script", "style") else None

    def handle_endtag(self, tag: str) -> None:
        self._script = None

    def handle_data(self, data: str) -> None:
        if self._script is not None:
            self.scripts[self._script] = data
        else:
            self.text += data

    @property
    def data(self) -> Any:
        return json.loads(decompress(b64decode(self.scripts["data"])))


def page(tmp_path: Path, result: Result, candles: list[Any], command: str = "") -> Page:
    return Page(write_report(result, candles, tmp_path / "report.html", command))


def test_the_page_loads_nothing_from_anywhere(tmp_path: Path) -> None:
    found = page(tmp_path, *crossed(stop=3.0))
    for tag, attributes in found.elements:
        assert tag not in {"link", "img", "iframe", "object", "embed", "base", "form", "video", "audio", "source"}
        assert not {"src", "href", "action", "data", "poster", "srcset", "background"} & set(attributes)
    policies = [a["content"] for tag, a in found.elements if a.get("http-equiv") == "Content-Security-Policy"]
    assert policies == [POLICY]
    assert POLICY.startswith("default-src 'none';")
    assert "http" not in POLICY
    assert "://" not in found.scripts["own"]
    assert "@import" not in (tmp_path / "report.html").read_text()


def test_the_page_says_what_was_run_and_how_to_run_it_again(tmp_path: Path) -> None:
    result, candles = crossed(stop=3.0)
    found = page(tmp_path, result, candles, command="cockpit backtest --strategy ma_cross --seed 0").text
    for word in (
        "ma_cross",
        result.symbol,
        "2023-11-15 00:00",
        result.run_id,
        result.config_hash,
        result.data_hash,
        *result.assumptions,
    ):
        assert word in found
    assert "cockpit backtest --strategy ma_cross --seed 0" in found
    assert f"{len(result.trades):,} trades" in found
    for value in result.versions.values():
        assert value in found
    for title in ("Equity and drawdown", "Price and trades", "Months", "Distribution of R", "Time in the market", "Costs",
                  "Risk refusals", "Figures", "Assumptions", "Trades", "To reproduce every digit"):  # fmt: skip
        assert title in found


def test_the_same_result_gives_the_same_file(tmp_path: Path) -> None:
    result, candles = crossed()
    one, two = (write_report(result, candles, tmp_path / name).read_bytes() for name in ("a.html", "b.html"))
    assert one == two


def hostile() -> tuple[Result, list[Any]]:
    result, candles = crossed(stop=3.0)
    state = result.state
    refusal = ev.Refused(T0, EVIL, EVIL, EVIL, EVIL, EVIL, EVIL, "BUY", D(1), None, EVIL, "risk")
    config = json.loads(result.config)
    config["strategies"] = [{"name": EVIL, "file": EVIL, "params": {EVIL: EVIL}}]
    trades = [msg_replace(one, why=EVIL, exit_why=EVIL, strategy=EVIL, symbol=EVIL) for one in result.trades[:50]]
    changed = replace(
        result, symbol=EVIL, config=json.dumps(config), config_hash=EVIL, data_hash=EVIL, run_id=EVIL, rule=EVIL,
        assumptions=[EVIL], versions={EVIL: EVIL}, trades=trades, refusals=[refusal], rejections={EVIL: 3},
        recording=Path("/tmp/x" + EVIL.replace("/", "")),
    )  # fmt: skip
    changed.state = type(state)(markets=state.markets, account=type(state.account)(currency=EVIL))
    return changed, candles


def msg_replace(one: Trade, **more: Any) -> Trade:
    import msgspec

    return msgspec.structs.replace(one, **more)


def test_no_string_of_others_becomes_an_element_or_an_attribute(tmp_path: Path) -> None:
    found = page(tmp_path, *hostile(), command=EVIL)
    assert "img" not in {tag for tag, _ in found.elements}
    assert sum(tag == "script" for tag, _ in found.elements) == 3
    assert not any(name.startswith("on") for _, attributes in found.elements for name in attributes)
    assert EVIL in found.text
    assert "<" not in found.data["figures"]["costs"]["layout"]["xaxis"]["title"]["text"]


def test_control_and_bidi_characters_are_not_on_the_page(tmp_path: Path) -> None:
    result, candles = empty()
    odd = replace(result, trades=[trade("1", why="a\u202eb\x1b[31m\x00")])
    text = write_report(odd, candles, tmp_path / "r.html").read_text(encoding="utf-8")
    assert not {"\u202e", "\x1b", "\x00"} & set(text)


def test_empty_and_tiny_runs_have_a_page(tmp_path: Path) -> None:
    found = page(tmp_path, *empty())
    assert "There was no finished trade." in found.text
    assert "No order was refused." in found.text
    assert found.data["price"]["trades"]["t0"] == []
    page(tmp_path, *of_days([100.0], 100.0))
    page(tmp_path, *of_days([50.0, -10.0], 100.0))


def test_refusals_are_counted_by_code_with_their_first_sentences(tmp_path: Path) -> None:
    result, candles = empty()
    told = [
        ev.Refused(T0, "no_stop", "", "", f"sentence {n}.", "", "", "BUY", D(1), None, "", "risk") for n in range(9)
    ]
    found = page(tmp_path, replace(result, refusals=told, rejections={"no_stop": 1_234}), candles).text
    assert "no_stop1,234sentence 0.sentence 1.sentence 2." in found
    assert "sentence 3." not in found


def test_the_trade_list_stops_at_two_thousand_and_says_of_how_many(tmp_path: Path) -> None:
    result, candles = empty()
    trades = [trade("1", entry_t=T0 + n * MINUTE_NS) for n in range(MOST_TRADES + 500)]
    found = page(tmp_path, replace(result, trades=trades), candles)
    assert "The first 2,000 of 2,500 trades" in found.text
    assert len(found.data["price"]["trades"]["t0"]) == 2_500


def test_of_very_many_trades_the_largest_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(charts, "MOST_MARKS", 3)
    trades = [trade(str(pnl), entry_t=n) for n, pnl in enumerate([1, -9, 2, 8, -1, 7])]
    drawn = charts.price([flat(0, 1.0)], trades, "USDT")
    assert drawn["trades"]["pnl"] == [-9.0, 8.0, 7.0]
    assert drawn["total"] == 6


def test_a_thinned_curve_keeps_its_extremes_and_its_ends() -> None:
    values = [float((n * 7919) % 1009) for n in range(20_000)]
    values[12_345], values[777] = 1e6, -1e6
    rows = thin(values, 100)
    assert len(rows) <= 400
    assert rows == sorted(set(rows))
    assert {0, 777, 12_345, 19_999} <= set(rows)


def test_joined_candles_keep_open_high_low_and_close() -> None:
    _, candles = crossed()
    step, (times, opens, highs, lows, closes) = charts.joined(candles, 500)
    assert step in charts.STEPS
    assert len(times) <= 501
    for t, o, h, low, c in zip(times, opens, highs, lows, closes, strict=True):
        part = [one for one in candles if t * 1_000_000 <= one.open_time < t * 1_000_000 + step * MINUTE_NS]
        assert (o, h, low, c) == (part[0].open, max(x.high for x in part), min(x.low for x in part), part[-1].close)


def test_bins_hold_every_value_and_never_profits_with_losses() -> None:
    values = [-3.0, -1.0, -0.0001, 0.0, 0.2, 0.9, 55.0] * 30
    lows, counts, width = charts.histogram(values)
    assert sum(counts) == len(values)
    assert all(low >= 0 or low + width <= 1e-9 for low in lows)
    assert charts.histogram([])[:2] == ([], [])
    assert sum(charts.histogram([2.0])[1]) == 1


def test_months_multiply_to_the_whole_return() -> None:
    values = [100.0 + 3 * (n % 11) + n / 5 for n in range(100)]
    result, candles = of_days(values, 100.0)
    years = monthly_returns(result, candles)
    assert {year: list(months) for year, months in years.items()} == {2023: [11, 12], 2024: [1, 2]}
    whole = 1.0
    for months in years.values():
        for value in months.values():
            assert value is not None
            whole *= 1 + value
    assert whole == pytest.approx(values[-1] / 100)
    assert years[2023][11] == pytest.approx(values[15] / 100 - 1)


def test_twenty_thousand_trades_fit_into_six_megabytes_and_five_seconds(tmp_path: Path) -> None:
    result, candles = crossed(stop=3.0)
    many = (result.trades * (20_000 // len(result.trades) + 1))[:20_000]
    began = time.perf_counter()
    path = write_report(replace(result, trades=many), candles, tmp_path / "r.html")
    assert time.perf_counter() - began < 5
    assert path.stat().st_size < 6_000_000


def test_a_failed_write_leaves_the_old_page(tmp_path: Path) -> None:
    path = tmp_path / "r.html"
    path.write_text("old")
    result, candles = empty()
    with pytest.raises(TypeError):
        write_report(replace(result, assumptions=None), candles, path)  # type: ignore[arg-type]
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["r.html"]


def test_exposure_is_the_share_of_held_bars_span_by_span_long_up_and_short_down() -> None:
    candles = [flat(row, 1.0) for row in range(120)]
    chart = charts.exposure(candles, [(0, 30, 1), (60, 66, -1)])
    long, short = (bar["y"] for bar in chart["data"])
    assert (long, short) == ([0.5, 0.0], [0.0, -0.1])
    assert chart["layout"]["yaxis"]["ticktext"] == ["50 %", "25 %", "0 %", "25 %", "50 %"]
