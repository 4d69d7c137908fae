/** Several fixes as one cell: a tick box at each, and what the ticked ones become, shown before it can be inserted. */

import { element, setText } from "./dom";

const TEXTS = {
  tick: (id: string) => `Take fix ${id} together with others`,
  tickTitle: "Tick several fixes to insert them as one cell",
  head: (count: number) => `${count} fixes as one cell`,
  apart: "Nothing to insert",
  jump: (count: number) => `${count} as one cell ↓`,
  jumpApart: "not together ↓",
  command: "Run this command: it writes the cell",
  insert: (count: number) => `Insert the ${count} ticked fixes as one cell`,
  insertCommand: (count: number) => `Insert the command for the ${count} ticked fixes`,
  untick: "Untick all",
};

/** Of `kerasdoctor/renderers/combinations.py`, which says what the fields hold. */
interface Combinations {
  ids: string[];
  lines: string[];
  cells: [ids: string[], does: string, lines: number[]][];
  conflicts: [id: string, other: string, why: string][];
}

/** Inserts the code that an element shows; returns what went wrong. */
type Insert = (code: Element, id: string) => string | null;

const selections = new WeakMap<Element, Selection>();

/** Puts a tick box at every fix of the run that `node` belongs to, where it is known what its fixes become together. */
export function offerTicks(node: Element, insert: Insert): void {
  const run = node.closest(".kerasdoctor-row, .kerasdoctor-report");
  if (!run) return;
  const data = run.querySelector(".kerasdoctor-combinations");
  const combinations = data && parsed(data.textContent ?? "");
  if (!data || !combinations) return;
  let selection = selections.get(run);
  if (!selection) selections.set(run, (selection = new Selection(run, insert)));
  selection.offer(combinations, data);
}

/** The fixes of one run that are ticked. */
class Selection {
  private readonly ticked = new Set<string>();
  private readonly head = element("strong");
  private readonly does = element("span", { class: "kerasdoctor-ticked-does" });
  private readonly why = element("p", { class: "kerasdoctor-ticked-why", role: "status" });
  private readonly code = element("pre", { class: "kerasdoctor-ticked-code", tabindex: 0 });
  private readonly button = element("button", { class: "kerasdoctor-insert", type: "button" });
  private readonly said = element("span", { class: "kerasdoctor-insert-said", role: "status" });
  private readonly root: HTMLElement;
  private readonly run: Element;
  private combinations: Combinations = { ids: [], lines: [], cells: [], conflicts: [] };

  constructor(run: Element, insert: Insert) {
    this.run = run;
    const untick = element("button", { class: "kerasdoctor-untick", type: "button" }, TEXTS.untick);
    this.root = element(
      "section",
      { class: "kerasdoctor-ticked", hidden: true },
      element("p", { class: "kerasdoctor-ticked-head" }, this.head, this.does),
      this.why,
      this.code,
      element("div", { class: "kerasdoctor-insert-actions" }, this.button, untick, this.said),
    );
    this.button.addEventListener("click", (event) => {
      // a script in a notebook must not write cells
      if (event.isTrusted) setText(this.said, insert(this.code, this.ids.join(" ")) ?? "");
    });
    untick.addEventListener("click", () => {
      this.ticked.clear();
      this.draw();
    });
  }

  offer(combinations: Combinations, data: Element): void {
    this.combinations = combinations;
    if (!this.root.isConnected) data.after(this.root);
    for (const fix of this.run.querySelectorAll(".kerasdoctor-prescription")) {
      const id = fix.querySelector(".kerasdoctor-id")?.textContent?.trim() ?? "";
      const summary = fix.querySelector("summary");
      if (!summary || !combinations.ids.includes(id) || summary.querySelector(".kerasdoctor-tick")) continue;
      const tick = element("input", {
        class: "kerasdoctor-tick",
        type: "checkbox",
        value: id,
        title: TEXTS.tickTitle,
        "aria-label": TEXTS.tick(id),
      });
      tick.addEventListener("change", () => {
        if (tick.checked) this.ticked.add(id);
        else this.ticked.delete(id);
        this.draw();
      });
      const jump = element("button", { class: "kerasdoctor-jump", type: "button", hidden: true });
      jump.addEventListener("click", (event) => {
        event.preventDefault();
        this.root.scrollIntoView({ block: "nearest", behavior: "smooth" });
      });
      summary.prepend(tick);
      summary.insertBefore(jump, summary.querySelector(".kerasdoctor-chevron"));
    }
    this.draw();
  }

  /** The ticked ones in the order of their numbers, whatever was ticked first. */
  private get ids(): string[] {
    return [...this.ticked].sort((a, b) => Number(a.split(".").at(-1)) - Number(b.split(".").at(-1)));
  }

  private draw(): void {
    const { ids } = this;
    const { lines, cells, conflicts } = this.combinations;
    const against = conflicts.filter(([one, other]) => this.ticked.has(one) && this.ticked.has(other));
    for (const tick of this.run.querySelectorAll<HTMLInputElement>(".kerasdoctor-tick")) {
      tick.checked = this.ticked.has(tick.value);
      const jump = tick.closest("summary")!.querySelector<HTMLElement>(".kerasdoctor-jump")!;
      jump.hidden = !tick.checked || ids.length < 2;
      const apart = against.some(([one, other]) => tick.value === one || tick.value === other);
      setText(jump, apart ? TEXTS.jumpApart : TEXTS.jump(ids.length));
    }
    this.root.hidden = ids.length < 2;
    if (this.root.hidden) return;
    const cell = cells.find(([of]) => of.length === ids.length && of.every((id, i) => id === ids[i]));
    const source = cell ? cell[2].map((line) => lines[line] ?? "").join("\n") : `%kdoctor fix ${ids.join(" ")}`;
    setText(this.head, against.length > 0 ? TEXTS.apart : TEXTS.head(ids.length));
    setText(this.does, against.length > 0 ? "" : (cell?.[1] ?? TEXTS.command));
    setText(this.why, against.map(([, , why]) => why).join("\n"));
    setText(this.said, "");
    this.code.replaceChildren(element("code", {}, source));
    this.code.hidden = this.button.hidden = against.length > 0;
    setText(this.button, (cell ? TEXTS.insert : TEXTS.insertCommand)(ids.length));
  }
}

/** What a report says of its combinations; null where it is no such thing, as in a page that only looks like one. */
function parsed(text: string): Combinations | null {
  const isText = (value: unknown): value is string => typeof value === "string";
  try {
    const { ids, lines, cells, conflicts } = JSON.parse(text) as Combinations;
    const valid =
      ids.every(isText) &&
      lines.every(isText) &&
      cells.every(([of, does, places]) => of.every(isText) && isText(does) && places.every(Number.isInteger)) &&
      conflicts.every((conflict) => conflict.length === 3 && conflict.every(isText));
    return valid ? { ids, lines, cells, conflicts } : null;
  } catch {
    return null;
  }
}
