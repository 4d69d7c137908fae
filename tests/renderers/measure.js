// Contrast and width of every frame of the page; the formulas are those of WCAG 2.2.
const channels = (color) => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  canvas.clearRect(0, 0, 1, 1);
  canvas.fillStyle = color;
  canvas.fillRect(0, 0, 1, 1);
  const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
  return [r, g, b, a / 255];
};
const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3]));
const background = (node, view) => {
  if (!node) return [255, 255, 255];
  const own = channels(view.getComputedStyle(node).backgroundColor);
  return own[3] === 1 ? own.slice(0, 3) : over(own, background(node.parentElement, view));
};
const luminance = (color) => {
  const linear = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  const [r, g, b] = color.map((value) => linear(value / 255));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const measure = (frame) => {
  const { contentDocument: page, contentWindow: view } = frame;
  for (const details of page.querySelectorAll("details")) details.open = true;
  const overflow = page.documentElement.scrollWidth - page.documentElement.clientWidth;
  const dark = luminance(background(page.body, view)) < 0.2;
  const found = { name: frame.name, dark, overflow, texts: 0, worst: 99, where: "" };
  const walker = page.createTreeWalker(page.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const parent = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || parent.tagName === "STYLE") continue;
    const below = background(parent, view);
    const text = over(channels(view.getComputedStyle(parent).color), below);
    const [darker, lighter] = [luminance(text), luminance(below)].sort((a, b) => a - b);
    const contrast = (lighter + 0.05) / (darker + 0.05);
    found.texts += 1;
    if (contrast < found.worst) Object.assign(found, { worst: contrast, where: walker.currentNode.data.trim() });
  }
  return found;
};
addEventListener("load", () => {
  const found = [...document.querySelectorAll("iframe")].map(measure);
  document.body.textContent = "FOUND" + JSON.stringify(found) + "END";
});
