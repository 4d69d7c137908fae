/** "Apply to cell": makes the edit that a diff shows in the cell that it is of.
 *
 * The diff holds every line of the cell, so both texts are read from what is shown, and nothing else can be written.
 * The cell must still hold the old text; it is changed through the shared model, which Ctrl Z takes back, and not run.
 */

import { element } from "./dom";

const TEXTS = {
  apply: "Apply to cell",
  applyTitle: (id: string, cell: string) => `Apply fix ${id} to the cell: ${cell}`,
  applied: "Applied; Ctrl+Z in the cell takes it back",
  changed: "The cell has been changed since it ran: nothing was written",
  several: "Several cells hold this text: nothing was written",
  nowhere: "The notebook of this output is not open here",
  refused: "This notebook cannot be changed",
};

/** As of a fix that is inserted. */
const MOST_CHARACTERS = 20_000;

interface Cell {
  model: {
    type: string;
    sharedModel: { getSource(): string; updateSource(start: number, end: number, text?: string): void };
  };
}

/** The parts of a notebook that are used here. */
export interface EditedNotebook {
  widgets: readonly Cell[];
  activeCellIndex: number;
  mode: "command" | "edit";
  model: { readOnly: boolean } | null;
  deselectAll(): void;
  activate(): void;
  scrollToItem(index: number, align?: string): Promise<void>;
}

/** Adds the button to a diff; `locate` finds the notebook that shows it. */
export function offerEdit(diff: Element, locate: (node: Element) => EditedNotebook | null): void {
  const id = diff.closest(".kerasdoctor-prescription")?.querySelector(".kerasdoctor-id")?.textContent?.trim() ?? "";
  const shown = diff.textContent ?? "";
  if (!/^[\w-]{1,40}(\.\d{1,4})?$/.test(id) || shown.length === 0 || shown.length > 2 * MOST_CHARACTERS) return;
  const lines = shown.replace(/\n$/, "").split("\n");
  if (!lines.every((line) => /^[-+ ]/.test(line))) return;
  // what a page may have hidden between the lines is shown
  diff.removeAttribute("style");
  diff.replaceChildren(element("code", {}, ...lines.map(drawn)));
  const edit = diff.closest(".kerasdoctor-edit");
  const cell = edit?.querySelector("summary")?.textContent?.trim() ?? "";
  const button = element(
    "button",
    { class: "kerasdoctor-insert kerasdoctor-apply", type: "button", "aria-label": TEXTS.applyTitle(id, cell) },
    TEXTS.apply,
  );
  const said = element("span", { class: "kerasdoctor-insert-said", role: "status" });
  button.addEventListener("click", (event) => {
    // a script in a notebook must not write cells
    if (!event.isTrusted) return;
    event.preventDefault();
    said.textContent = apply(locate(diff), diff.textContent ?? "");
  });
  diff.after(element("div", { class: "kerasdoctor-insert-actions" }, button, said));
}

const KINDS: Record<string, string> = { "+": "added", "-": "removed", " ": "unchanged" };

function drawn(line: string): HTMLElement {
  return element("span", { class: `kerasdoctor-${KINDS[line[0]!]}` }, `${line}\n`);
}

/** Changes the cell that holds the old text of the diff; returns what came of it. */
function apply(notebook: EditedNotebook | null, diff: string): string {
  if (!notebook) return TEXTS.nowhere;
  const lines = diff.replace(/\n$/, "").split("\n");
  const text = (left: string): string =>
    lines.filter((line) => line[0] !== left).map((line) => line.slice(1)).join("\n");
  const [before, after] = [text("+"), text("-")];
  // a front end may leave away the last line feeds of what it runs
  const same = (a: string, b: string): boolean => a.replace(/\n+$/, "") === b.replace(/\n+$/, "");
  const holding = (source: string): number[] =>
    notebook.widgets.flatMap((cell, index) =>
      cell.model.type === "code" && same(cell.model.sharedModel.getSource(), source) ? [index] : [],
    );
  const [target, another] = holding(before);
  if (another !== undefined) return TEXTS.several;
  if (target === undefined) {
    const done = holding(after);
    if (done.length !== 1) return TEXTS.changed;
    show(notebook, done[0]!);
    return TEXTS.applied;
  }
  if (notebook.model!.readOnly) return TEXTS.refused;
  show(notebook, target);
  const shared = notebook.widgets[target]!.model.sharedModel;
  const now = shared.getSource();
  // only what differs: another person's cursor, in a shared notebook, stays where it is
  let start = 0;
  while (start < now.length && now[start] === after[start]) start++;
  let end = 0;
  while (end < Math.min(now.length, after.length) - start && now[now.length - 1 - end] === after[after.length - 1 - end]) end++;
  shared.updateSource(start, now.length - end, after.slice(start, after.length - end));
  return TEXTS.applied;
}

function show(notebook: EditedNotebook, index: number): void {
  notebook.deselectAll();
  notebook.activeCellIndex = index;
  // edit mode, so that Ctrl Z takes the edit back
  notebook.mode = "edit";
  notebook.activate();
  void notebook.scrollToItem(index, "smart");
}
