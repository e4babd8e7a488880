// Reads a chart by pointer or arrow keys: a cursor in the drawing, and the day and its value in words.
(() => {
  let reading = null; // {id of the plot, number of the day}
  let kept = null; // the same, over the swap of a live region, which takes the focus away

  const rows = (plot) => [...document.querySelectorAll(`#${CSS.escape(plot.dataset.chart)} tbody tr`)].reverse();

  const read = (plot, index) => {
    const days = rows(plot);
    if (!days.length) return;
    const at = Math.min(Math.max(index, 0), days.length - 1);
    const row = days[at];
    const cursor = plot.querySelector(".chart-cursor");
    cursor.setAttribute("x1", row.dataset.x);
    cursor.setAttribute("x2", row.dataset.x);
    plot.dataset.reading = String(at);
    reading = { id: plot.id, at };
    const output = document.getElementById(`${plot.dataset.chart}-reading`);
    output.textContent = `${row.cells[0].textContent.trim()}: ${row.cells[1].textContent.trim()}`;
  };

  const leave = (plot) => {
    reading = null;
    delete plot.dataset.reading;
    document.getElementById(`${plot.dataset.chart}-reading`).textContent = "";
  };

  document.addEventListener("pointermove", (event) => {
    const drawing = event.target.closest?.("[data-chart] .chart-drawing");
    if (!drawing) return;
    const plot = drawing.closest("[data-chart]");
    const box = drawing.getBoundingClientRect();
    read(plot, Math.round(((event.clientX - box.left) / box.width) * (rows(plot).length - 1)));
  });

  document.addEventListener("pointerout", (event) => {
    const plot = event.target.closest?.("[data-chart]");
    if (plot && !plot.contains(event.relatedTarget)) leave(plot);
  });

  document.addEventListener("focusout", (event) => {
    if (event.target.matches?.("[data-chart]")) leave(event.target);
  });

  document.addEventListener("htmx:beforeSwap", () => {
    kept = reading;
  });

  document.addEventListener("htmx:afterSettle", () => {
    const plot = kept && document.getElementById(kept.id);
    if (plot) read(plot, kept.at);
    kept = null;
  });

  document.addEventListener("keydown", (event) => {
    const plot = event.target.closest?.("[data-chart]");
    if (!plot) return;
    const last = rows(plot).length - 1;
    const at = "reading" in plot.dataset ? Number(plot.dataset.reading) : last + 1;
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: last }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    read(plot, to);
  });
})();
