"use strict";
(() => {
  const NAMESPACE = document.querySelector("svg")?.namespaceURI;

  // ---- tables: a click on a head sorts, a second one turns the order round
  const key = (row, column) => {
    const cell = row.cells[column];
    const value = cell.dataset.v;
    return value === undefined ? cell.textContent : Number(value);
  };
  const compare = (a, b) => {
    if (typeof a === "number" && typeof b === "number") return a - b;
    if (typeof a === typeof b) return a.localeCompare(b);
    return typeof a === "number" ? 1 : -1;
  };
  const sort = (table, head) => {
    const heads = [...table.tHead.rows[0].cells];
    const column = heads.indexOf(head);
    const first = head.classList.contains("number") ? "descending" : "ascending";
    const other = first === "ascending" ? "descending" : "ascending";
    const order = head.getAttribute("aria-sort") === first ? other : first;
    heads.forEach((one) => one.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", order);
    const sign = order === "ascending" ? 1 : -1;
    const rows = [...table.tBodies[0].rows];
    rows.sort((a, b) => sign * compare(key(a, column), key(b, column)));
    table.tBodies[0].append(...rows);
  };
  for (const table of document.querySelectorAll("table.sort")) {
    for (const head of table.tHead.rows[0].cells) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      head.replaceChildren(button);
      button.addEventListener("click", () => sort(table, head));
    }
  }

  // ---- charts: values under the cursor, in all of them at once
  const numbers = document.getElementById("numbers");
  if (!numbers) return;
  const { step, charts } = JSON.parse(numbers.textContent);
  const box = document.querySelector(".charts");
  const told = box.querySelector(".at");
  const asked = told.textContent;
  const count = Math.max(0, ...charts.map((chart) => chart.lines[0].length));
  const views = charts.map((chart) => {
    const figure = box.querySelector(`[data-chart="${chart.key}"]`);
    const plot = figure.querySelector(".plot");
    const cursor = document.createElementNS(NAMESPACE, "line");
    cursor.setAttribute("class", "cursor");
    cursor.setAttribute("y1", 0);
    cursor.setAttribute("y2", plot.viewBox.baseVal.height);
    cursor.setAttribute("visibility", "hidden");
    plot.append(cursor);
    return { chart, plot, cursor, values: [...figure.querySelectorAll(".key b")] };
  });

  const digits = (value) => {
    const size = Math.abs(value);
    if (size === 0 || (size < 100 && Number.isInteger(value))) return String(value);
    if (size >= 100) return Math.round(value).toLocaleString("en");
    return value.toPrecision(3);
  };
  const text = (value, unit) => {
    if (value === null || value === undefined) return "–";
    if (unit === "ms" && value >= 999.5) return `${digits(value / 1000)} s`;
    if (unit === "ms" && value < 0.9995) return `${digits(value * 1000)} µs`;
    return unit ? `${digits(value)} ${unit}` : digits(value);
  };
  const clock = (seconds) => {
    const two = (number) => String(number).padStart(2, "0");
    const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
    return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
  };

  let at = null;
  const show = (index) => {
    at = index;
    told.textContent = index === null ? asked : `At ${clock(index * step)}`;
    for (const { chart, cursor, values } of views) {
      cursor.setAttribute("visibility", index === null ? "hidden" : "visible");
      if (index !== null) {
        const x = ((index + 0.5) / count) * 1000;
        cursor.setAttribute("x1", x);
        cursor.setAttribute("x2", x);
      }
      chart.lines.forEach((line, i) => {
        values[i].textContent = index === null ? "" : text(line[index], chart.unit);
      });
    }
  };
  const within = (index) => Math.min(count - 1, Math.max(0, index));
  for (const { plot } of views) {
    const point = (event) => {
      const { left, width } = plot.getBoundingClientRect();
      show(within(Math.floor(((event.clientX - left) / width) * count)));
    };
    plot.addEventListener("pointermove", point);
    plot.addEventListener("pointerdown", point);
  }
  box.addEventListener("pointerleave", () => show(null));
  box.addEventListener("keydown", (event) => {
    const far = event.shiftKey ? 10 : 1;
    const from = at ?? (event.key === "ArrowLeft" ? count : -1);
    const to = {
      ArrowLeft: from - far, ArrowRight: from + far, Home: 0, End: count - 1, Escape: null,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    show(to === null ? null : within(to));
  });
})();
