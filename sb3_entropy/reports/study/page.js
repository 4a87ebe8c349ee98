"use strict";
// Every run's curve on demand. No library, no network.
(() => {
  const holder = document.getElementById("run-data");
  if (!holder) return;
  const data = JSON.parse(holder.textContent);
  const panel = document.getElementById("curves");
  const controls = Object.fromEntries(
    ["environment", "curve", "arm", "other"].map((name) => [name, document.getElementById(`choose-${name}`)]));
  const chart = document.getElementById("chart"), key = document.getElementById("key");
  const readout = document.getElementById("readout"), body = document.getElementById("runs-body");
  const W = 760, H = 340, LEFT = 62, RIGHT = 14, TOP = 12, BOTTOM = 40;
  let shown = [], scales = null, chosen = null;

  const svg = (name, attributes, text) => {
    const element = document.createElementNS(chart.namespaceURI, name);
    for (const [attribute, value] of Object.entries(attributes)) element.setAttribute(attribute, value);
    if (text !== undefined) element.textContent = text;
    return element;
  };
  const format = (value) => {
    if (value === null || value === undefined) return "–";
    const size = Math.abs(value);
    const text = size !== 0 && (size >= 1e6 || size < 1e-3) ? value.toExponential(2) : String(Number(value.toPrecision(4)));
    return text.replace("-", "−");
  };
  const ticks = (low, high, count) => {
    const raw = (high - low) / count, power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= raw);
    const found = [];
    for (let k = Math.ceil(low / step); k * step <= high + step * 1e-9; k += 1) found.push(k * step);
    return found;
  };
  const fill = (select, names, kept) => {
    select.replaceChildren(...names.map(([value, text]) => new Option(text, value)));
    if (names.some(([value]) => String(value) === String(kept))) select.value = kept;
  };
  const cellOf = (arm) => data.cells.find(
    (cell) => cell.arm === Number(arm) && cell.environment === Number(controls.environment.value));

  const offerArms = () => {
    const here = data.cells.filter((cell) => cell.environment === Number(controls.environment.value));
    const names = here.map((cell) => [cell.arm, data.arms[cell.arm]]);
    fill(controls.arm, names, controls.arm.value);
    fill(controls.other, [["", "nothing"], ...names], controls.other.value);
  };

  const runsOf = (cell, side) => {
    const curve = cell.curves[Number(controls.curve.value)];
    return cell.seeds.map((seed, index) => ({
      side, seed, cell, index, steps: data.steps[cell.steps],
      values: curve && index % cell.every === 0 ? curve[index / cell.every] : null,
    }));
  };

  const path = (steps, values) => {
    let d = "", pen = "M";
    values.forEach((value, k) => {
      if (value === null) { pen = "M"; return; }
      d += `${pen}${scales.x(steps[k]).toFixed(1)},${scales.y(value).toFixed(1)}`;
      pen = "L";
    });
    return d;
  };

  const draw = () => {
    const cells = [cellOf(controls.arm.value), controls.other.value === "" ? null : cellOf(controls.other.value)];
    shown = cells.flatMap((cell, k) => (cell ? runsOf(cell, k ? "second" : "first") : []));
    chosen = null;
    const withCurve = shown.filter((run) => run.values && run.values.some((value) => value !== null));
    const all = withCurve.flatMap((run) => run.values.filter((value) => value !== null));
    chart.replaceChildren();
    readout.textContent = "";
    const title = `${data.curves[Number(controls.curve.value)]} of ${cells.filter(Boolean).map((cell) => data.arms[cell.arm]).join(" and ")}`;
    chart.setAttribute("aria-label", `${title}: ${withCurve.length} runs against environment steps. The table below has their scores.`);
    key.replaceChildren(...cells.filter(Boolean).map((cell, k) => {
      const item = document.createElement("li");
      item.style.setProperty("--hue", k ? "var(--two)" : "var(--one)");
      item.textContent = `${data.arms[cell.arm]} (n = ${cell.seeds.length}; thick: the mean)`;
      return item;
    }));
    if (all.length) drawLines(withCurve, all); else readout.textContent = "Nothing was recorded under this name.";
    listRuns();
  };

  const drawLines = (runs, all) => {
    let low = all.reduce((a, b) => Math.min(a, b)), high = all.reduce((a, b) => Math.max(a, b));
    if (low === high) { low -= Math.abs(low) * 0.05 || 0.5; high += Math.abs(high) * 0.05 || 0.5; }
    const pad = (high - low) * 0.04, last = Math.max(...runs.map((run) => run.steps[run.steps.length - 1]));
    low -= pad; high += pad;
    scales = {
      last, x: (step) => LEFT + (step / last) * (W - LEFT - RIGHT),
      y: (value) => H - BOTTOM - ((value - low) / (high - low)) * (H - TOP - BOTTOM),
    };
    for (const tick of ticks(low, high, 6)) {
      const y = scales.y(tick);
      chart.append(svg("line", { class: "grid", x1: LEFT, x2: W - RIGHT, y1: y, y2: y }),
        svg("text", { x: LEFT - 8, y: y + 4, "text-anchor": "end" }, format(Number(tick.toPrecision(10)))));
    }
    for (const tick of ticks(0, last, 6)) {
      const text = tick >= 1e6 ? `${tick / 1e6}M` : tick >= 1e4 ? `${tick / 1e3}k` : String(tick);
      chart.append(svg("text", { x: scales.x(tick), y: H - BOTTOM + 18, "text-anchor": "middle" }, text));
    }
    chart.append(svg("path", { class: "axis", d: `M${LEFT},${TOP}V${H - BOTTOM}H${W - RIGHT}` }),
      svg("text", { x: (LEFT + W - RIGHT) / 2, y: H - 4, "text-anchor": "middle" }, "environment steps"));
    for (const run of runs) {
      run.line = svg("path", { class: `run ${run.side}`, d: path(run.steps, run.values) });
      chart.append(run.line);
    }
    for (const side of ["first", "second"]) {
      const group = runs.filter((run) => run.side === side);
      if (group.length < 2) continue;
      const mean = group[0].steps.map((_, k) => {
        const values = group.map((run) => run.values[k]).filter((value) => value !== null);
        return values.length ? values.reduce((a, b) => a + b, 0) / values.length : null;
      });
      chart.append(svg("path", { class: `mean ${side}`, d: path(group[0].steps, mean) }));
    }
  };

  const choose = (run, point) => {
    if (chosen && chosen.line) chosen.line.classList.remove("chosen");
    chosen = run;
    chart.classList.toggle("dimmed", Boolean(run && run.line));
    if (run && run.line) { run.line.classList.add("chosen"); chart.append(run.line); }
    for (const row of body.rows) {
      const isIt = Boolean(run) && row.run === run;
      row.classList.toggle("chosen", isIt);
      const button = row.querySelector("button");
      if (button) button.setAttribute("aria-pressed", String(isIt));
    }
    if (!run) { readout.textContent = ""; return; }
    const at = run.values ? point ?? run.values.length - 1 : null;
    readout.textContent = `${data.arms[run.cell.arm]}, seed ${run.seed}`
      + (at === null ? ": its curve is not on this page" : `: ${format(run.values[at])} at step ${run.steps[at].toLocaleString("en")}`);
  };

  const listRuns = () => {
    body.replaceChildren(...shown.map((run) => {
      const row = document.createElement("tr");
      row.run = run;
      const head = document.createElement("th");
      head.scope = "row";
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = `seed ${run.seed}`;
      button.setAttribute("aria-pressed", "false");
      button.setAttribute("aria-label", `Show seed ${run.seed} of ${data.arms[run.cell.arm]}`);
      button.addEventListener("click", () => choose(chosen === run ? null : run));
      head.append(button);
      row.append(head);
      const cells = [data.arms[run.cell.arm], ...data.measures.map((_, m) => format(run.cell.scores[m][run.index])), run.cell.ids[run.index]];
      cells.forEach((text, k) => {
        const cell = document.createElement("td");
        if (k > 0 && k <= data.measures.length) cell.className = "n";
        cell.textContent = text;
        row.append(cell);
      });
      return row;
    }));
  };

  chart.addEventListener("pointermove", (event) => {
    if (!scales) return;
    const box = chart.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * W, y = ((event.clientY - box.top) / box.height) * H;
    let best = null, nearest = 28;
    for (const run of shown) {
      if (!run.line) continue;
      const share = (x - LEFT) / (W - LEFT - RIGHT) * scales.last;
      let k = 0;
      run.steps.forEach((step, i) => { if (Math.abs(step - share) < Math.abs(run.steps[k] - share)) k = i; });
      if (run.values[k] === null) continue;
      const distance = Math.hypot(scales.x(run.steps[k]) - x, scales.y(run.values[k]) - y);
      if (distance < nearest) { nearest = distance; best = [run, k]; }
    }
    if (best) choose(...best);
  });

  fill(controls.environment, data.environments.map((name, k) => [k, name]));
  fill(controls.curve, data.curves.map((name, k) => [k, name]));
  offerArms();
  controls.environment.addEventListener("change", () => { offerArms(); draw(); });
  for (const name of ["curve", "arm", "other"]) controls[name].addEventListener("change", draw);
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-arm]");
    if (!button) return;
    controls.environment.value = button.dataset.environment;
    offerArms();
    controls.arm.value = button.dataset.arm;
    controls.other.value = button.dataset.other || "";
    draw();
    document.getElementById("runs").scrollIntoView();
    controls.arm.focus({ preventScroll: true });
  });
  panel.hidden = false;
  draw();
})();
