// Coronal and sagittal views, made of the axial slices that the page holds.
cuts = (() => {
  const views = { coronal: viewer.querySelector(".coronal"), sagittal: viewer.querySelector(".sagittal") };
  let volume = null; // grey values and map levels of all slices of one patient, plane and window

  const values = (image, width, height) => {
    if (!image) return null;
    const layer = document.createElement("canvas");
    [layer.width, layer.height] = [width, height];
    const context = layer.getContext("2d", { willReadFrequently: true });
    context.imageSmoothingEnabled = false; // 0 of a map is "not observed", and mixes with nothing
    context.drawImage(image, 0, 0, width, height);
    return context.getImageData(0, 0, width, height).data.filter((_, i) => i % 4 === 0);
  };

  const read = async () => {
    const key = `${current}/${chosen("plane") ?? 0}/${chosen("window") ?? ""}`;
    if (volume?.key === key) return volume;
    const load = (source) => Promise.all(patient.slices.map((slice) => decoded(source(slice))));
    const [below, heat] = await Promise.all([load(image), load((slice) => slice.heat)]);
    const { naturalWidth: width, naturalHeight: height } = below.find(Boolean) ?? heat[0];
    const all = (images) => images.map((each) => values(each, width, height));
    return { key, width, height, below: all(below), heat: all(heat) };
  };

  const ends = () => [patient.volume.z[0], patient.volume.z[patient.volume.z.length - 1]];
  const shares = () => {
    const [tall, wide] = patient.volume.mm;
    const [low, high] = ends();
    return {
      down: Math.min(control("row").value / tall, 0.9999),
      across: Math.min(control("column").value / wide, 0.9999),
      up: (high - patient.volume.z[+control("slice").value]) / (high - low), // from the top
    };
  };

  const cross = (target, x, y) => {
    if (!control("cross").checked) return;
    const context = target.getContext("2d");
    context.fillStyle = "rgba(0, 229, 255, 0.6)";
    context.fillRect(Math.floor(x * target.width), 0, 1, target.height);
    context.fillRect(0, Math.min(Math.floor(y * target.height), target.height - 1), target.width, 1);
  };

  // one view: `count` pixels of `size` mm side by side; `place` is where each lies in a slice
  const cut = (target, count, size, place) => {
    const z = patient.volume.z;
    const [low, high] = ends();
    [target.width, target.height] = [count, Math.max(2, Math.round((high - low) / size))];
    const context = target.getContext("2d");
    const picture = context.createImageData(target.width, target.height);
    const strength = control("opacity").value / 100;
    const hidden = +control("least").value ? 1 + (254 * control("least").value) / control("least").max : 1;
    let k = z.length - 2;
    for (let y = 0; y < target.height; y++) {
      const level = high - ((high - low) * y) / (target.height - 1);
      while (k > 0 && z[k] > level) k--;
      const share = (level - z[k]) / (z[k + 1] - z[k]);
      const mix = (lower, upper) => (1 - share) * lower + share * upper;
      for (let x = 0; x < count; x++) {
        const at = place(x);
        const grey = mix(volume.below[k]?.[at] ?? 0, volume.below[k + 1]?.[at] ?? 0);
        const [lower, upper] = [volume.heat[k][at], volume.heat[k + 1][at]];
        const seen = lower && upper ? mix(lower, upper) : share < 0.5 ? lower : upper;
        const [red, green, blue, alpha] = colours[Math.round(seen)];
        const over = seen && seen >= hidden ? (strength * alpha) / 255 : 0;
        const mixed = [red, green, blue].map((colour) => over * colour + (1 - over) * grey);
        picture.data.set([...mixed, 255], 4 * (y * count + x));
      }
    }
    context.putImageData(picture, 0, 0);
  };

  const draw = async (turn) => {
    if (!patient.volume) return;
    const found = await read();
    if (turn !== drawing) return; // a later choice overtook this one
    volume = found;
    const { width, height } = volume;
    const [tall, wide] = patient.volume.mm;
    const { down, across, up } = shares();
    const [row, column] = [Math.floor(down * height), Math.floor(across * width)];
    cut(views.coronal, width, wide / width, (x) => row * width + x);
    cut(views.sagittal, height, tall / height, (y) => y * width + column);
    cross(views.coronal, across, up);
    cross(views.sagittal, down, up);
    const place = `${control("row").value}/${control("column").value}/${control("cross").checked}`;
    for (const view of Object.values(views)) view.dataset.drawn = `${canvas.dataset.drawn}/${place}`;
  };

  const click = (target, choose) =>
    target.addEventListener("click", (event) => {
      if (!patient.volume) return;
      const box = target.getBoundingClientRect();
      choose((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
      refresh();
    });
  const raise = (y) => {
    const [low, high] = ends();
    const far = patient.volume.z.map((each) => Math.abs(high - y * (high - low) - each));
    control("slice").value = far.indexOf(Math.min(...far));
  };
  click(canvas, (x, y) => move([y, x]));
  click(views.coronal, (x, y) => (raise(y), move([shares().down, x])));
  click(views.sagittal, (x, y) => (raise(y), move([x, shares().across])));

  const show = () => {
    for (const part of viewer.querySelectorAll(".cuts")) part.hidden = !patient.volume;
    if (!patient.volume) return;
    const [tall, wide] = patient.volume.mm;
    [control("row").max, control("column").max] = [tall, wide];
    views.coronal.closest("figure").style.flexGrow = wide; // both views on one scale
    views.sagittal.closest("figure").style.flexGrow = tall;
  };
  const mark = () => patient.volume && cross(canvas, shares().across, shares().down);
  const tell = () => {
    if (!patient.volume) return;
    for (const name of ["row", "column"]) say(name, `${Math.round(control(name).value)} mm`);
  };
  return { draw, mark, show, tell };
})();
