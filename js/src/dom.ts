/** Elements built from plain values: texts are set as text, never parsed as HTML. */

type Child = Node | string | null | false;

/** An element with attributes and children; an attribute that is null or false is left out. */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Record<string, string | number | boolean | null> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.filter((child) => child !== null && child !== false));
  return node;
}

/** An icon of 16 by 16 units, drawn with the colour of the text around it; the words beside it name it. */
export function icon(path: string, kind: "line" | "filled" | "chevron" = "line"): SVGElement {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("class", `kerasdoctor-icon kerasdoctor-${kind}`);
  svg.setAttribute("aria-hidden", "true");
  const shape = document.createElementNS("http://www.w3.org/2000/svg", "path");
  shape.setAttribute("d", path);
  svg.append(shape);
  return svg;
}

/** The sign of something that opens. */
export function chevron(): SVGElement {
  return icon("M6 4l4 4-4 4", "chevron");
}

/** Sets the text of a node only when it differs, so that nothing is announced or laid out twice. */
export function setText(node: Element, text: string): void {
  if (node.textContent !== text) node.textContent = text;
}
