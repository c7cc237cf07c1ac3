"use strict";
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  const body = table.tBodies[0];
  const value = (row, column) => {
    const cell = row.cells[column];
    return column === 0 ? cell.dataset.name : cell.dataset.number === "" ? NaN : +cell.dataset.number;
  };
  const sort = (column, order) => {
    const sign = order === "ascending" ? 1 : -1;
    const rows = [...body.rows].sort((a, b) => {
      const x = value(a, column), y = value(b, column);
      if (column === 0) return sign * x.localeCompare(y);
      if (isNaN(x) || isNaN(y)) return isNaN(x) - isNaN(y); // what is not known stands last
      return sign * (x - y);
    });
    body.append(...rows);
    heads.forEach((head) => head.removeAttribute("aria-sort"));
    heads[column].setAttribute("aria-sort", order);
  };
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const now = head.getAttribute("aria-sort");
      const turned = now === "ascending" ? "descending" : "ascending";
      sort(column, now ? turned : head.dataset.first);
    });
  });
}

for (const box of document.querySelectorAll(".scroll")) {
  const tell = () => {
    box.classList.toggle("wider", box.scrollWidth > box.clientWidth + 1);
    box.classList.toggle("ended", box.scrollLeft + box.clientWidth > box.scrollWidth - 2);
  };
  box.addEventListener("scroll", tell, { passive: true });
  new ResizeObserver(tell).observe(box);
}

const examples = document.querySelector(".examples");
if (examples) {
  const controls = examples.querySelector(".controls");
  controls.hidden = false;
  const heat = controls.querySelector("[name=heat]");
  const fade = () => {
    examples.style.setProperty("--heat", heat.value / 100);
    heat.setAttribute("aria-valuetext", `${heat.value} percent`);
    controls.querySelector("output").value = `${heat.value} %`;
  };
  heat.addEventListener("input", fade);
  fade();
  const windows = controls.querySelectorAll("[name=window]");
  for (const radio of windows) {
    const show = () => {
      if (!radio.checked) return;
      for (const example of examples.querySelectorAll(".example")) {
        for (const ct of example.querySelectorAll(".ct")) {
          const source = ct.classList.contains("again") ? example.querySelector(".under") : ct;
          source.dataset[windows[0].value] ??= source.src;
          ct.src = source.dataset[radio.value];
        }
      }
    };
    radio.addEventListener("change", show);
    show(); // a browser may have kept the choice of an earlier visit
  }
  const truth = controls.querySelector("[name=truth]");
  if (truth) {
    const outline = () => examples.classList.toggle("plain", !truth.checked);
    truth.addEventListener("change", outline);
    outline();
  }
}
