/** The JupyterLab plugin, for JupyterLab 4 and Notebook 7: a button "Insert below" at every fix of Keras Doctor.
 *
 * It finds the fixes in the live view and in the static report, also after a reload and without a kernel. A real click
 * inserts a cell with exactly the text that is shown; nothing is ever run or overwritten. Built as a container by hand,
 * so that it needs no part of JupyterLab to build and shares none with it.
 */

import { element } from "./dom";
import { offerEdit } from "./edits";
import styles from "./plugin.css";
import { offerTicks } from "./ticks";

const TEXTS = {
  insert: "Insert below",
  insertTitle: (id: string, title: string) => `Insert fix ${id} as a new cell below: ${title}`,
  copy: "Copy",
  copied: "Copied",
  nowhere: "The notebook of this output is not open here",
  refused: "This notebook cannot be changed",
  unseen: "Nothing was inserted: this code cannot be seen here as it is",
};

/** No fix comes near it; what is longer is none. */
const MOST_CHARACTERS = 20_000;

interface Cell {
  node: HTMLElement;
  model: {
    id: string;
    type: string;
    executionCount: number | null;
    getMetadata(key: string): unknown;
    sharedModel: { getSource(): string; updateSource(start: number, end: number, text?: string): void };
  };
}

/** The parts of JupyterLab's notebook that are used here; public and unchanged since JupyterLab 4.0. */
interface Notebook {
  node: HTMLElement;
  widgets: readonly Cell[];
  activeCellIndex: number;
  mode: "command" | "edit";
  model: {
    readOnly: boolean;
    sharedModel: {
      insertCell(
        index: number,
        cell: { cell_type: "code"; source: string; metadata: Record<string, unknown> },
      ): unknown;
      undo(): void;
      changed: { connect(slot: Changed): unknown; disconnect(slot: Changed): unknown };
    };
  } | null;
  deselectAll(): void;
  activate(): void;
  scrollToItem(index: number, align?: string): Promise<void>;
}

type Changed = (sender: unknown, change: { cellsChange?: unknown }) => void;

interface JupyterFrontEnd {
  shell: { widgets(area: "main"): Iterable<{ node: HTMLElement; content?: Partial<Notebook> }> };
}

function activate(app: JupyterFrontEnd): void {
  document.head.append(element("style", {}, styles));
  // the live view leaves its hint at `%kdoctor fix` away where this is set
  document.documentElement.dataset["kerasdoctorPlugin"] = "";
  const known = new WeakSet<Element>();
  const equip = (root: Element): void => {
    const marked = ".kerasdoctor-code, .kerasdoctor-combinations, .kerasdoctor-diff";
    for (const block of root.matches(marked) ? [root] : root.querySelectorAll(marked)) {
      if (known.has(block)) continue;
      known.add(block);
      if (block.matches(".kerasdoctor-diff")) {
        offerEdit(block, (node) => locate(app, node)?.notebook ?? null);
        continue;
      }
      if (block.matches(".kerasdoctor-code")) addButton(app, block);
      offerTicks(block, (code, id) => insert(app, code, id));
    }
  };
  equip(document.body);
  new MutationObserver((records) => {
    for (const { addedNodes } of records) {
      for (const node of addedNodes) if (node instanceof Element) equip(node);
    }
  }).observe(document.body, { childList: true, subtree: true });
  // before JupyterLab's own shortcuts
  addEventListener("keydown", takeBack, true);
}

function addButton(app: JupyterFrontEnd, code: Element): void {
  const fix = code.closest(".kerasdoctor-prescription");
  const id = fix?.querySelector(".kerasdoctor-id")?.textContent?.trim() ?? "";
  const length = code.textContent?.length ?? 0;
  if (!fix || !/^[\w-]{1,40}(\.\d{1,4})?$/.test(id) || length === 0 || length > MOST_CHARACTERS) return;
  // what a page may have hidden between the lines is shown
  code.removeAttribute("style");
  code.replaceChildren(element("code", {}, code.textContent ?? ""));
  const title = fix.querySelector("strong.kerasdoctor-title, .kerasdoctor-title strong")?.textContent?.trim() ?? "";
  const button = element(
    "button",
    { class: "kerasdoctor-insert", type: "button", "aria-label": TEXTS.insertTitle(id, title) },
    TEXTS.insert,
  );
  const said = element("span", { class: "kerasdoctor-insert-said", role: "status" });
  button.addEventListener("click", (event) => {
    // a script in a notebook must not write cells
    if (!event.isTrusted) return;
    event.preventDefault();
    said.textContent = insert(app, code, id) ?? "";
    if (said.textContent === TEXTS.nowhere) offerCopy(button, said, code);
  });
  // beside the live view's copy button; the static report has no buttons
  const actions = fix.querySelector(".kerasdoctor-actions");
  if (actions) {
    actions.prepend(button);
    actions.append(said);
  } else {
    code.after(element("div", { class: "kerasdoctor-insert-actions" }, button, said));
  }
}

/** Inserts the shown code, or goes to the cell that holds it already; returns what went wrong. */
function insert(app: JupyterFrontEnd, code: Element, id: string): string | null {
  if (!isSeen(code)) return TEXTS.unseen;
  const place = locate(app, code);
  if (!place) return TEXTS.nowhere;
  const { notebook, index } = place;
  const source = code.textContent ?? "";
  let target = index + 1;
  const isOurs = (cell: Cell | undefined): boolean => cell?.model.getMetadata("kerasdoctor") !== undefined;
  const holds = (cell: Cell | undefined): boolean =>
    (cell?.model.getMetadata("kerasdoctor") as { prescription?: string } | undefined)?.prescription === id &&
    cell?.model.sharedModel.getSource() === source;
  while (isOurs(notebook.widgets[target]) && !holds(notebook.widgets[target])) target++;
  if (!holds(notebook.widgets[target])) {
    if (notebook.model!.readOnly) return TEXTS.refused;
    target = index + 1;
    notebook.model!.sharedModel.insertCell(target, {
      cell_type: "code",
      source,
      // trusted as every cell that a person inserts: one that is not takes the trust from the whole notebook
      metadata: { kerasdoctor: { prescription: id }, trusted: true },
    });
    remember(notebook, notebook.widgets[target]?.model.id ?? "", source);
  }
  notebook.deselectAll();
  notebook.activeCellIndex = target;
  // command mode, so that z takes the insertion back and Shift Enter runs it
  notebook.mode = "command";
  notebook.activate();
  void notebook.scrollToItem(target, "smart");
  return null;
}

/** The last insertion, as long as no other cell has come, gone or moved. */
let last: { notebook: Notebook; id: string; source: string } | null = null;

function remember(notebook: Notebook, id: string, source: string): void {
  const insertion = (last = { notebook, id, source });
  const { changed } = notebook.model!.sharedModel;
  const forget: Changed = (_sender, { cellsChange }) => {
    if (!cellsChange) return;
    changed.disconnect(forget);
    if (last === insertion) last = null;
  };
  changed.connect(forget);
}

/** Ctrl Z right after an insertion takes it back, as z does; for JupyterLab it undoes only what is typed in a cell. */
function takeBack(event: KeyboardEvent): void {
  const pressed = event.key.toLowerCase() === "z" && (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey;
  if (!last || !pressed || !event.isTrusted) return;
  const { notebook, id, source } = last;
  const { model } = notebook.widgets[notebook.activeCellIndex] ?? {};
  const untouched = model?.id === id && model.sharedModel.getSource() === source && model.executionCount === null;
  if (!untouched || notebook.mode !== "command" || !notebook.node.contains(document.activeElement)) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  notebook.model!.sharedModel.undo();
}

/** Whether the element shows all of its text, as one text in letters that can be read. */
function isSeen(code: Element): boolean {
  const text = code.querySelector("code") ?? code;
  const { width, height } = code.getBoundingClientRect();
  const { fontSize } = getComputedStyle(text);
  return (
    text.childElementCount === 0 &&
    code.textContent === text.textContent &&
    (text.textContent?.length ?? 0) <= MOST_CHARACTERS &&
    text.checkVisibility({ opacityProperty: true, visibilityProperty: true }) &&
    Math.min(width, height) >= 10 &&
    parseFloat(fontSize) >= 6
  );
}

/** The notebook and the cell whose output holds `node`; for an output shown elsewhere, by the id of the cell. */
function locate(app: JupyterFrontEnd, node: Element): { notebook: Notebook; index: number } | null {
  const notebooks: Notebook[] = [];
  for (const { node: panel, content } of app.shell.widgets("main")) {
    if (!content?.widgets || !content.model?.sharedModel) continue;
    const notebook = content as Notebook;
    notebooks.push(notebook);
    if (!panel.contains(node)) continue;
    const index = notebook.widgets.findIndex((cell) => cell.node.contains(node));
    if (index >= 0) return { notebook, index };
  }
  const id = node.closest<HTMLElement>("[data-kerasdoctor-cell]")?.dataset["kerasdoctorCell"];
  for (const notebook of id ? notebooks : []) {
    const index = notebook.widgets.findIndex((cell) => cell.model.id === id);
    if (index >= 0) return { notebook, index };
  }
  return null;
}

function offerCopy(button: HTMLButtonElement, said: HTMLElement, code: Element): void {
  const copy = element("button", { class: "kerasdoctor-insert", type: "button" }, TEXTS.copy);
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(code.textContent ?? "");
    said.textContent = TEXTS.copied;
  });
  button.replaceWith(copy);
  copy.focus();
}

const plugin = {
  id: "kerasdoctor:fixes",
  description: "Inserts the fixes that Keras Doctor prescribes as cells.",
  autoStart: true,
  activate,
};

declare global {
  interface Window {
    /** Where JupyterLab looks for the containers of prebuilt extensions. */
    _JUPYTERLAB?: Record<string, { init(): void; get(module: string): Promise<() => unknown> }>;
  }
}

(window._JUPYTERLAB ??= {})["kerasdoctor"] = {
  init: () => {},
  get: async () => () => ({ __esModule: true, default: plugin }),
};
