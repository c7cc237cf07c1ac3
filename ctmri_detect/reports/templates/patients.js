"use strict";
const viewer = document.querySelector(".viewer");
const stored = [...document.querySelectorAll("script.patient")];
const colours = JSON.parse(document.getElementById("colours").textContent);
const canvas = viewer.querySelector("canvas");
const control = (name) => viewer.querySelector(`[name=${name}]`);
const chosen = (name) => viewer.querySelector(`[name=${name}]:checked`)?.value;
const say = (name, text) => {
  control(name).parentElement.querySelector("output").value = text;
  control(name).setAttribute("aria-valuetext", text);
};
let patient = null;
let current = 0;
let drawing = 0;

const decoded = (source) =>
  new Promise((done) => {
    if (!source) return done(null);
    const image = new Image();
    image.onload = () => done(image);
    image.src = source;
  });

const coloured = (image, least) => {
  const layer = document.createElement("canvas");
  layer.width = image.naturalWidth;
  layer.height = image.naturalHeight;
  const context = layer.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  const pixels = context.getImageData(0, 0, layer.width, layer.height);
  for (let i = 0; i < pixels.data.length; i += 4) {
    const level = pixels.data[i]; // 0 is "not observed"
    const [red, green, blue, alpha] = colours[level];
    pixels.data.set([red, green, blue, level && level >= least ? alpha : 0], i);
  }
  context.putImageData(pixels, 0, 0);
  return layer;
};

const image = (slice) => {
  const images = slice.planes[chosen("plane") ?? 0];
  return images[chosen("window")] ?? images[""] ?? images.brain;
};
// Where the views of a volume meet: shares of the height and of the width of a slice.
const move = (place) => {
  if (!patient.volume) return;
  control("row").value = place[0] * patient.volume.mm[0];
  control("column").value = place[1] * patient.volume.mm[1];
};
let cuts = null; // the other views, where there are volumes: volume.js

const draw = async () => {
  const turn = ++drawing;
  const slice = patient.slices[+control("slice").value];
  const [below, heat] = await Promise.all([decoded(image(slice)), decoded(slice.heat)]);
  if (turn !== drawing) return; // a later choice overtook this one
  const size = below ?? heat;
  canvas.width = size.naturalWidth;
  canvas.height = size.naturalHeight;
  const context = canvas.getContext("2d");
  if (below) context.drawImage(below, 0, 0);
  context.globalAlpha = control("opacity").value / 100;
  const least = 1 + (254 * control("least").value) / control("least").max;
  context.drawImage(coloured(heat, +control("least").value ? least : 1), 0, 0, canvas.width, canvas.height);
  cuts?.mark();
  viewer.querySelector(".gone").hidden = Boolean(below);
  canvas.dataset.drawn = `${current}/${control("slice").value}/${chosen("plane") ?? 0}/${chosen("window") ?? ""}/${control("opacity").value}/${control("least").value}`;
  await cuts?.draw(turn);
};

const refresh = () => {
  const number = +control("slice").value;
  const slice = patient.slices[number];
  const words = [slice.label, slice.score].filter(Boolean).join(", ");
  say("slice", `${number + 1} of ${patient.slices.length}`);
  say("opacity", `${control("opacity").value} %`);
  say("least", +control("least").value ? `${control("least").value} SD` : "nothing");
  cuts?.tell();
  viewer.querySelector(".place").textContent = words;
  canvas.setAttribute("aria-label", `${patient.name}, slice ${number + 1}: ${words}`);
  draw();
};

const show = (number) => {
  current = number;
  patient = JSON.parse(stored[number].textContent);
  document.getElementById("patient").textContent = `${number + 1}. ${patient.name}`;
  control("slice").max = patient.slices.length - 1;
  control("slice").value = patient.first;
  cuts?.show();
  move(patient.slices[patient.first].peak);
  const list = viewer.querySelector(".regions");
  list.replaceChildren(
    ...patient.regions.map((region) => {
      const item = document.createElement("li");
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = region.words;
      button.addEventListener("click", () => {
        control("slice").value = region.slice;
        move(region.place ?? patient.slices[region.slice].peak);
        refresh();
      });
      item.append(button);
      return item;
    }),
  );
  const notes = [];
  if (!patient.regions.length) notes.push("No region stands out.");
  if (patient.more_regions) notes.push(`${patient.more_regions} weaker regions are not listed.`);
  if (patient.left_out) notes.push(`${patient.left_out} slices of this patient are left out: the page shows evenly spaced ones and those with the highest scores.`);
  viewer.querySelector(".more").textContent = notes.join(" ");
  for (const button of document.querySelectorAll("[data-patient]"))
    button.setAttribute("aria-pressed", +button.dataset.patient === number);
  refresh();
};

const step = (name, by) => {
  control(name).value = +control(name).value + by;
  refresh();
};
canvas.addEventListener("keydown", (event) => {
  const keys = {
    ArrowLeft: () => step("slice", -1),
    ArrowRight: () => step("slice", 1),
    PageUp: () => show(Math.max(current - 1, 0)),
    PageDown: () => show(Math.min(current + 1, stored.length - 1)),
  };
  if (!keys[event.key]) return;
  event.preventDefault();
  keys[event.key]();
});
viewer.addEventListener("input", refresh);
for (const button of document.querySelectorAll("[data-patient]"))
  button.addEventListener("click", () => {
    show(+button.dataset.patient);
    viewer.scrollIntoView();
  });
