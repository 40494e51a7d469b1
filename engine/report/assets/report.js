"use strict";
(() => {
  const MOST_CANDLES = 420; // in view: more are joined
  const MOST_MARKS = 160; // trades in view: of more, the largest profit or loss of each stretch
  const root = document.documentElement;
  const escape = (text) => String(text).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
  const amount = (value, digits = 2) =>
    value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  const clock = (ms) => new Date(ms).toISOString().slice(0, 16).replace("T", " ");

  async function unpack(id) {
    const text = document.getElementById(id).textContent;
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
  }

  // --- colours ----------------------------------------------------------------------------------------------------

  function dyed(value, colour) {
    if (typeof value === "string") {
      const name = /^var\((--[a-z-]+)\)$/.exec(value);
      return name ? colour(name[1]) : value;
    }
    if (Array.isArray(value)) return typeof value[0] === "number" ? value : value.map((one) => dyed(one, colour));
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, dyed(one, colour)]));
  }

  const palette = () => {
    const style = getComputedStyle(root);
    return (name) => style.getPropertyValue(name).trim();
  };

  const AXIS = { gridcolor: "var(--grid)", linecolor: "var(--line)", zerolinecolor: "var(--line)", tickcolor: "var(--line)", automargin: true };

  function layout(given) {
    const whole = {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", margin: { l: 56, r: 14, t: 10, b: 34 },
      font: { family: "system-ui, sans-serif", size: 12, color: "var(--soft)" }, dragmode: "zoom",
      hoverlabel: { bgcolor: "var(--card)", bordercolor: "var(--line)", font: { color: "var(--text)", size: 12 }, align: "left" },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: "var(--faint)", activecolor: "var(--accent)" },
      ...given,
    };
    for (const name of ["xaxis", "yaxis", ...(given.yaxis2 ? ["yaxis2"] : [])]) {
      const axis = { ...AXIS, ...given[name] };
      whole[name] = axis.title ? { ...axis, title: { ...axis.title, standoff: 12 } } : axis;
    }
    return whole;
  }

  const SETTINGS = {
    responsive: true, displaylogo: false, doubleClick: "reset", showSendToCloud: false,
    modeBarButtons: [["zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d", "toImage"]],
  };
  const STILL = { displayModeBar: false };

  function draw(place, data, given, more) {
    const colour = palette();
    return Plotly.react(place, dyed(data, colour), dyed(layout(given), colour), { ...SETTINGS, ...more });
  }

  // --- price and trades -------------------------------------------------------------------------------------------

  const below = (times, t) => { // how many times are before t
    let low = 0, high = times.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (times[middle] < t) low = middle + 1; else high = middle;
    }
    return low;
  };

  function joined(candles, from, to, step) {
    const first = Math.max(0, below(candles.t, from) - 1), last = Math.min(candles.t.length, below(candles.t, to) + 1);
    const size = Math.max(1, Math.ceil((last - first) / MOST_CANDLES)), length = size * step * 60000;
    const out = { x: [], open: [], high: [], low: [], close: [] };
    for (let row = first, slot = null; row < last; row++) {
      const at = Math.floor(candles.t[row] / length) * length, n = out.x.length - 1;
      if (at !== slot) {
        slot = at;
        out.x.push(at + length / 2); out.open.push(candles.o[row]); out.high.push(candles.h[row]);
        out.low.push(candles.l[row]); out.close.push(candles.c[row]);
      } else {
        out.high[n] = Math.max(out.high[n], candles.h[row]);
        out.low[n] = Math.min(out.low[n], candles.l[row]);
        out.close[n] = candles.c[row];
      }
    }
    return { out, minutes: size * step };
  }

  function inView(trades, from, to) {
    const seen = [];
    for (let n = 0; n < trades.t0.length; n++) if (trades.t1[n] >= from && trades.t0[n] <= to) seen.push(n);
    if (seen.length <= MOST_MARKS) return { seen, shown: seen };
    const best = new Map(), width = (to - from) / MOST_MARKS;
    for (const n of seen) {
      const slot = Math.floor((trades.t0[n] - from) / width), other = best.get(slot);
      if (other === undefined || Math.abs(trades.pnl[n]) > Math.abs(trades.pnl[other])) best.set(slot, n);
    }
    return { seen, shown: [...best.values()].sort((a, b) => a - b) };
  }

  function told(trades, n, currency, leaving) {
    const side = trades.long[n] ? "long" : "short", r = trades.r[n] === null ? "" : ` · ${amount(trades.r[n])} R`;
    const why = String(leaving ? trades.out[n] : trades.why[n]);
    const lines = [
      `<b>${leaving ? "out of" : "into"} ${side} ${escape(trades.qty[n])}</b> at ${amount(leaving ? trades.p1[n] : trades.p0[n])}`,
      `${clock(trades.t0[n])} to ${clock(trades.t1[n])}`,
      `${trades.pnl[n] > 0 ? "+" : ""}${amount(trades.pnl[n])} ${escape(currency)}${r}`,
      escape(why.length > 90 ? why.slice(0, 89) + "…" : why),
    ];
    return lines.filter((line) => line).join("<br>");
  }

  function marks(trades, shown, currency) {
    const line = { won: { x: [], y: [] }, lost: { x: [], y: [] } };
    const into = { x: [], y: [], text: [], symbol: [], color: [] }, out = { x: [], y: [], text: [], symbol: [], color: [] };
    for (const n of shown) {
      const to = trades.pnl[n] > 0 ? line.won : line.lost, long = trades.long[n];
      to.x.push(trades.t0[n], trades.t1[n], null); to.y.push(trades.p0[n], trades.p1[n], null);
      into.x.push(trades.t0[n]); into.y.push(trades.p0[n]); into.text.push(told(trades, n, currency, false));
      into.symbol.push(long ? "triangle-up" : "triangle-down"); into.color.push(long ? "var(--up)" : "var(--down)");
      out.x.push(trades.t1[n]); out.y.push(trades.p1[n]); out.text.push(told(trades, n, currency, true));
      out.symbol.push(long ? "triangle-down-open" : "triangle-up-open");
      out.color.push(trades.pnl[n] > 0 ? "var(--up)" : "var(--down)");
    }
    const size = shown.length > 120 ? 7 : 10;
    const lines = [["won", "var(--up)"], ["lost", "var(--down)"]].map(([name, color]) => (
      { type: "scatter", mode: "lines", ...line[name], line: { color, width: 1.4, dash: "dot" }, hoverinfo: "skip" }));
    const points = [into, out].map((of, n) => ({
      type: "scatter", mode: "markers", x: of.x, y: of.y, text: of.text, hoverinfo: "text",
      marker: { symbol: of.symbol, color: of.color, size, line: { width: n ? 1.5 : 0.8, color: n ? of.color : "var(--card)" } },
    }));
    return [...lines, ...points];
  }

  const words = (minutes) => (minutes % 1440 === 0 ? `${minutes / 1440} d` : minutes % 60 === 0 ? `${minutes / 60} h` : `${minutes} min`);

  function priceChart(place, price) {
    const { candles, trades, step, currency, total } = price;
    const start = candles.t[0], end = candles.t[candles.t.length - 1] + step * 60000;
    let view = [start, end], busy = false;

    async function show() {
      busy = true;
      const { out, minutes } = joined(candles, view[0], view[1], step), { seen, shown } = inView(trades, view[0], view[1]);
      const body = {
        type: "candlestick", ...out, hoverinfo: "x+y", name: "", whiskerwidth: 0,
        increasing: { line: { color: "var(--up)", width: 1 } }, decreasing: { line: { color: "var(--down)", width: 1 } },
        opacity: shown.length ? 0.55 : 1,
      };
      const low = out.low.reduce((a, b) => Math.min(a, b), Infinity), high = out.high.reduce((a, b) => Math.max(a, b), -Infinity);
      const room = (high - low) * 0.04 || 1;
      await draw(place, [body, ...marks(trades, shown, currency)], {
        height: 520, showlegend: false, hovermode: "closest",
        xaxis: { type: "date", range: view, rangeslider: { visible: false } },
        yaxis: { range: [low - room, high + room], tickformat: ",~r", title: { text: `Price, ${words(minutes)} candles` } },
      }, { scrollZoom: true });
      document.getElementById("marks").textContent = !total ? "There was no finished trade."
        : (shown.length < seen.length || trades.t0.length < total
          ? `${amount(shown.length, 0)} of ${amount(view[0] <= start && view[1] >= end ? total : seen.length, 0)} trades in view: the largest profit or loss of each stretch. Zoom in for the others. `
          : `${amount(shown.length, 0)} trades in view. `)
          + "Filled arrows are entries (up: long), open arrows exits; lines are green where the trade won. Drag or scroll to zoom, double-click for all.";
      busy = false;
    }

    return show().then(() => {
      let waiting = 0;
      place.on("plotly_relayout", (change) => {
        if (busy) return;
        const range = change["xaxis.range"] || [change["xaxis.range[0]"], change["xaxis.range[1]"]];
        if (change["xaxis.autorange"]) view = [start, end];
        else if (range[0] !== undefined) {
          view = range.map((t) => (typeof t === "number" ? t : Date.parse(`${t.replace(" ", "T")}${t.length > 10 ? "Z" : ""}`)));
        } else return;
        clearTimeout(waiting);
        waiting = setTimeout(show, 60);
      });
      return show;
    });
  }

  // --- the trade list ---------------------------------------------------------------------------------------------

  function sortable(table) {
    const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0];
    const plain = (text) => text.replace(/[,+]/g, "").replace("–", "");
    heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") !== "ascending", numeric = head.classList.contains("n");
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const keyed = [...body.rows].map((row) => {
        const text = row.cells[column].textContent;
        return [numeric ? (plain(text) === "" ? -Infinity : Number(plain(text))) : text, row];
      });
      keyed.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0) * (up ? 1 : -1));
      body.append(...keyed.map(([, row]) => row));
    }));
  }

  // --- all of it --------------------------------------------------------------------------------------------------

  async function begin() {
    document.querySelectorAll("table.sortable").forEach(sortable);
    const [library, data] = await Promise.all([unpack("library"), unpack("data").then(JSON.parse)]);
    const script = document.createElement("script");
    script.textContent = library;
    document.head.append(script);
    const redraw = [];
    for (const [name, figure] of Object.entries(data.figures)) {
      const place = document.getElementById(`chart-${name}`);
      const again = () => draw(place, figure.data, figure.layout, name === "equity" ? {} : STILL);
      await again();
      redraw.push(again);
    }
    redraw.push(await priceChart(document.getElementById("chart-price"), data.price));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => redraw.forEach((again) => again()));
    root.dataset.charts = "drawn";
  }

  begin().catch((error) => {
    root.dataset.charts = "failed";
    console.error(error);
    document.querySelectorAll(".chart").forEach((place) => {
      if (place.childElementCount) return;
      place.classList.add("failed");
      place.textContent = "This chart could not be drawn: it needs a browser of 2023 or later.";
    });
  });
})();
