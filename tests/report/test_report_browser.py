"""The page in a real browser: charts are drawn, nothing is complained about, nothing of others runs. Skips without one."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from report_kit import crossed
from test_report_page import hostile

from engine.report.page import write_report

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
CHARTS = ("equity", "price", "distribution", "exposure", "costs")
LONGEST_S = 90

PROBE = """<script>
const waiting = setInterval(() => {
  const root = document.documentElement, place = document.getElementById("chart-price");
  if (root.dataset.charts !== "drawn") return;
  clearInterval(waiting);
  root.dataset.loaded = performance.getEntriesByType("resource").length;
  root.dataset.all = document.getElementById("marks").textContent;
  const [from, to] = place.layout.xaxis.range;
  Plotly.relayout(place, { "xaxis.range": [from, from + (to - from) / 40] }).then(() => setTimeout(() => {
    root.dataset.zoomed = document.getElementById("marks").textContent;
    Plotly.Fx.hover(place, [{ curveNumber: 3, pointNumber: 1 }]);
    root.dataset.hover = place.querySelector(".hoverlayer").textContent;
    document.querySelector("table.sortable th:nth-child(8) button").click();
    const cells = [...document.querySelectorAll("table.sortable td:nth-child(8)")];
    root.dataset.sorted = cells.map((one) => one.textContent).join(" ");
  }, 300));
}, 20);
</script></body>"""


def browse(path: Path, folder: Path, *more: str) -> tuple[str, str]:
    """What the browser printed, and the complaints of the page."""
    assert BROWSER is not None
    done = subprocess.run(
        [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=8000", "--enable-logging=stderr",
         "--disable-background-networking", "--window-size=1400,3000", f"--user-data-dir={folder / 'profile'}", *more,
         path.as_uri()],
        capture_output=True, text=True, timeout=LONGEST_S, check=True,
    )  # fmt: skip
    return done.stdout, "\n".join(line for line in done.stderr.splitlines() if "CONSOLE" in line)


def told(dom: str, name: str) -> str:
    found = re.search(rf'<html[^>]* data-{name}="([^"]*)"', dom)
    assert found is not None, f"the page says nothing of {name}"
    return found[1]


@pytest.fixture(scope="module")
def dom(tmp_path_factory: pytest.TempPathFactory) -> str:
    if BROWSER is None:
        pytest.skip("there is no browser")
    folder = tmp_path_factory.mktemp("browser")
    path = write_report(*crossed(stop=3.0), folder / "report.html")
    path.write_text(path.read_text(encoding="utf-8").replace("</body>", PROBE), encoding="utf-8")
    text, complaints = browse(path, folder, "--dump-dom")
    assert not complaints
    return text


def test_every_chart_is_drawn(dom: str) -> None:
    assert told(dom, "charts") == "drawn"
    parts = re.split(r'(?=<div class="chart[^"]*" id="chart-)', dom)[1:]
    drawn = {re.search(r'id="chart-(\w+)"', part)[1]: part for part in parts}  # type: ignore[index]
    assert set(drawn) == set(CHARTS)
    for name in CHARTS:
        assert "<svg" in drawn[name], name
        assert drawn[name].count("<path") > 5, name
    assert "candlestick" in drawn["price"] or 'class="trace boxes"' in drawn["price"]


def test_nothing_is_loaded(dom: str) -> None:
    assert told(dom, "loaded") == "0"


def test_zooming_shows_the_trades_that_were_left_out(dom: str) -> None:
    count = len(crossed(stop=3.0)[0].trades)
    assert re.match(rf"\d+ of {count:,} trades in view", told(dom, "all"))
    assert re.match(r"\d+ trades in view", told(dom, "zoomed"))


def test_hovering_tells_quantity_price_reason_and_r(dom: str) -> None:
    words = told(dom, "hover")
    assert re.search(r"into (long|short) 0\.0100", words)
    assert re.search(r"at 4\d,\d{3}\.\d{2}", words)
    assert re.search(r"USDT · -?\d+\.\d\d R", words)
    assert "SMA(10)" in words


def test_a_click_on_a_column_sorts_the_trades(dom: str) -> None:
    values = [float(word.replace(",", "")) for word in told(dom, "sorted").split()]
    assert len(values) > 100
    assert values == sorted(values)


def test_hostile_strings_do_nothing_and_the_picture_is_taken(tmp_path: Path) -> None:
    if BROWSER is None:
        pytest.skip("there is no browser")
    path = write_report(*hostile(), tmp_path / "report.html")
    path.write_text(path.read_text(encoding="utf-8").replace("</body>", PROBE), encoding="utf-8")
    picture = tmp_path / "page.png"
    text, complaints = browse(path, tmp_path, "--dump-dom", f"--screenshot={picture}")
    assert not complaints
    assert told(text, "charts") == "drawn"
    assert "onerror" in told(text, "hover")
    assert " data-hacked" not in text.split(">", 2)[1]
    assert "<img" not in text
    assert picture.stat().st_size > 50_000
