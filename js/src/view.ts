/** The live view: a row for every run of the cell, with its progress, curves, findings and fixes. */

import { Chart } from "./chart";
import { chevron, element, icon, setText } from "./dom";
import { panel } from "./fixes";
import {
  duration,
  fill,
  formatted,
  Session,
  type Diagnosis,
  type Run,
  type Severity,
  type WidgetModel,
  type Words,
} from "./model";

/** Rows that show their curves by themselves; later ones, as of a k-fold loop, are compact until opened. */
const OPEN_ROWS = 3;

/** Colour, shape and word tell the severity; the shapes are those of the report. */
const SEVERITY_ICONS: Record<Severity, string> = {
  error: "M2 2h12v12H2z",
  warning: "M8 1.5L15.5 14.5H.5z",
  info: "M8 1.5a6.5 6.5 0 1 0 0 13a6.5 6.5 0 1 0 0-13z",
};

let views = 0;

/** anywidget calls this once per model; its views share the session. */
export default function widget(): {
  initialize: (context: { model: WidgetModel }) => void;
  render: (context: { model: WidgetModel; el: HTMLElement }) => () => void;
} {
  const session = new Session();
  return {
    initialize: ({ model }) => {
      session.follow(model);
      void session.catchUp(model);
    },
    render: ({ model, el }) => show(session, model.get("words"), el),
  };
}

function show(session: Session, words: Words, el: HTMLElement): () => void {
  const root = element("div", { class: "kerasdoctor kerasdoctor-live" });
  el.append(root);
  const view = views++;
  const rows = new Map<string, Row>();
  let frame = 0;

  const draw = (): void => {
    frame = 0;
    for (const [name, run] of session.runs) {
      let row = rows.get(name);
      if (!row) {
        row = new Row(run, `kerasdoctor-${view}-${rows.size}`, rows.size < OPEN_ROWS, words);
        rows.set(name, row);
        root.append(row.root);
      }
      row.update(run);
    }
  };
  const schedule = (): void => {
    frame ||= requestAnimationFrame(draw);
  };

  const unsubscribe = session.subscribe(schedule);
  const theme = new MutationObserver(() => rows.forEach((row) => row.restyle()));
  theme.observe(document.body, { attributes: true });
  schedule();
  return () => {
    unsubscribe();
    theme.disconnect();
    cancelAnimationFrame(frame);
    rows.forEach((row) => row.destroy());
    root.remove();
  };
}

/** One run. */
class Row {
  readonly root = element("section", { class: "kerasdoctor-row" });
  private readonly status = element("span", { class: "kerasdoctor-state" });
  private readonly statusText = element("span");
  private readonly values = element("p", { class: "kerasdoctor-values" });
  private readonly toggle: HTMLButtonElement;
  private readonly bar = element("div", { class: "kerasdoctor-bar", role: "progressbar", "aria-valuemin": 0, "aria-valuemax": 100 });
  private readonly fill = element("div", { class: "kerasdoctor-bar-fill" });
  private readonly progress = element("div", { class: "kerasdoctor-progress" });
  private readonly where = element("span", { class: "kerasdoctor-where" });
  private readonly verdict = element("p", { class: "kerasdoctor-verdict" });
  private readonly charts = element("div", { class: "kerasdoctor-charts" });
  private readonly findings: Findings;
  /** For the plugin: what several fixes become as one cell. */
  private combinations = element("pre", { class: "kerasdoctor-combinations", hidden: true });
  private readonly id: string;
  private readonly words: Words;
  private readonly compact: boolean;
  private open: boolean;
  private run: Run;
  private drawn = -1;
  private loss: Chart | null = null;
  private other: Chart | null = null;

  constructor(run: Run, id: string, open: boolean, words: Words) {
    this.run = run;
    this.id = id;
    this.open = open;
    this.compact = !open;
    this.words = words;
    this.findings = new Findings(id, words);
    this.toggle = element("button", { class: "kerasdoctor-button", type: "button", hidden: open });
    this.toggle.addEventListener("click", () => {
      this.open = !this.open;
      this.draw();
    });
    this.status.append(element("span", { class: "kerasdoctor-dot", "aria-hidden": "true" }), this.statusText);
    this.bar.setAttribute("aria-label", words["training"] ?? "");
    this.bar.append(this.fill);
    this.progress.append(this.bar, this.where);
    const { call, cell, run: name } = run.facts;
    this.root.dataset["kerasdoctorCell"] = cell;
    this.root.setAttribute("aria-label", fill(words["view"], { run: name }));
    this.root.append(
      element(
        "header",
        { class: "kerasdoctor-head" },
        element("strong", { class: "kerasdoctor-brand" }, "Keras Doctor"),
        element("span", { class: "kerasdoctor-run-name" }, fill(words["run"], { run: name })),
        element("code", { class: "kerasdoctor-call", title: call }, oneLine(call)),
        this.status,
        this.toggle,
      ),
      this.progress,
      this.verdict,
      this.values,
      this.charts,
      this.findings.root,
      this.combinations,
    );
  }

  update(run: Run): void {
    if (run === this.run && run.version === this.drawn) return;
    this.run = run;
    this.draw();
  }

  private draw(): void {
    const { run } = this;
    this.drawn = run.version;
    const { status, ending, exception, report } = run.facts;
    this.root.dataset["status"] = status;
    setText(this.statusText, ending || (this.words["training"] ?? ""));
    this.updateProgress();
    setText(this.verdict, [exception, report?.verdict].filter(Boolean).join("\n"));
    this.findings.update(report?.diagnoses ?? null, status === "running");
    const combinations = report?.combinations ?? "";
    if (this.combinations.textContent !== combinations) {
      // a new element: the plugin looks at what is added
      const now = element("pre", { class: "kerasdoctor-combinations", hidden: true }, combinations);
      this.combinations.replaceWith(now);
      this.combinations = now;
    }
    if (this.compact) {
      setText(this.toggle, this.words[this.open ? "hide_curves" : "show_curves"] ?? "");
      this.toggle.setAttribute("aria-expanded", String(this.open));
      setText(this.values, this.open ? "" : lastValues(run));
    }
    this.charts.hidden = !this.open;
    if (this.open) this.updateCharts();
  }

  private updateProgress(): void {
    const { run, words } = this;
    const { progress } = run;
    this.progress.hidden = run.facts.status !== "running";
    if (!progress) return;
    const done = doneShare(progress, run.facts.initial_epoch);
    const percent = Math.round(100 * done);
    this.fill.style.transform = `scaleX(${done})`;
    this.bar.setAttribute("aria-valuenow", String(percent));
    const { epoch, epochs, step, steps } = progress;
    const parts = [
      // a loop of the user's own has none
      ...(epochs > 0 ? [fill(words["progress_epoch"], { epoch, epochs })] : []),
      steps === null ? fill(words["progress_step_open"], { step }) : fill(words["progress_step"], { step, steps }),
    ];
    const first = run.firstProgress;
    const before = first ? doneShare(first, run.facts.initial_epoch) : 0;
    if (first && done > before && progress.seconds - first.seconds > 0.5) {
      const left = ((progress.seconds - first.seconds) / (done - before)) * (1 - done);
      parts.push(fill(words["time_left"], { time: duration(left) }));
    }
    setText(this.where, parts.join(" · "));
    this.bar.setAttribute("aria-valuetext", parts.join(", "));
  }

  private updateCharts(): void {
    const { run } = this;
    const losses = run.metrics.filter(isLoss);
    const others = run.metrics.filter((metric) => !isLoss(metric));
    if (!this.loss) this.charts.append((this.loss = new Chart(run, this.id, this.words)).root);
    this.loss.update(run, losses.length > 0 ? losses : ["loss"]);
    if (others.length > 0) {
      if (!this.other) this.charts.append((this.other = new Chart(run, this.id, this.words)).root);
      this.other.update(run, others);
    }
    // Keras names its metrics after the first epoch: their place is kept free until then
    const expected = run.metrics.length === 0 || run.facts.metrics.length === 0;
    this.charts.classList.toggle("kerasdoctor-single", others.length === 0 && !expected);
  }

  restyle(): void {
    this.loss?.restyle();
    this.other?.restyle();
  }

  destroy(): void {
    this.loss?.destroy();
    this.other?.destroy();
  }
}

/** The badges, each with the panel that it opens. */
class Findings {
  readonly root = element("div", { class: "kerasdoctor-findings", "aria-live": "polite" });
  private readonly items = new Map<string, Finding>();
  private readonly quiet = element("p", { class: "kerasdoctor-quiet" });
  private readonly id: string;
  private readonly words: Words;

  constructor(id: string, words: Words) {
    this.id = id;
    this.words = words;
  }

  /** Args: diagnoses: null as long as the run was not examined. */
  update(diagnoses: Diagnosis[] | null, running: boolean): void {
    const names = new Set(diagnoses?.map(({ name }) => name));
    for (const [name, item] of this.items) {
      if (!names.has(name)) {
        item.root.remove();
        this.items.delete(name);
      }
    }
    diagnoses?.forEach((diagnosis, i) => {
      let item = this.items.get(diagnosis.name);
      if (!item) this.items.set(diagnosis.name, (item = new Finding(`${this.id}-${diagnosis.name}`, this.words)));
      item.update(diagnosis);
      // moved only when out of place: a moved element loses the focus
      if (this.root.children[i] !== item.root) this.root.insertBefore(item.root, this.root.children[i] ?? null);
    });
    setText(this.quiet, this.words[running ? "healthy_yet" : "healthy"] ?? "");
    if (diagnoses?.length !== 0) this.quiet.remove();
    else if (!this.quiet.isConnected) this.root.append(this.quiet);
  }
}

/** One badge and its panel. */
class Finding {
  readonly root = element("div", { class: "kerasdoctor-finding" });
  private readonly badge: HTMLButtonElement;
  private readonly panel: HTMLElement;
  private readonly words: Words;
  private shown = "";

  constructor(id: string, words: Words) {
    this.words = words;
    this.badge = element("button", { type: "button", "aria-expanded": "false", "aria-controls": id });
    // what is inside is read when it is opened, not when it appears
    this.panel = element("div", { id, hidden: true, "aria-live": "off" });
    this.badge.addEventListener("click", () => {
      this.panel.hidden = !this.panel.hidden;
      this.badge.setAttribute("aria-expanded", String(!this.panel.hidden));
    });
    this.root.append(this.badge, this.panel);
  }

  update(diagnosis: Diagnosis): void {
    const now = JSON.stringify(diagnosis);
    if (now === this.shown) return;
    this.shown = now;
    const { severity, name, message } = diagnosis;
    this.badge.className = `kerasdoctor-badge kerasdoctor-${severity}`;
    this.badge.replaceChildren(
      element(
        "span",
        { class: "kerasdoctor-tag" },
        element(
          "span",
          { class: "kerasdoctor-severity" },
          icon(SEVERITY_ICONS[severity], "filled"),
          this.words[severity] ?? severity,
        ),
        element("span", { class: "kerasdoctor-name" }, name),
      ),
      element("span", { class: "kerasdoctor-message" }, message),
      chevron(),
    );
    this.panel.replaceChildren(panel(diagnosis, this.words));
  }
}

/** A call over several lines as it would stand on one. */
function oneLine(call: string): string {
  return call.replace(/\s+/g, " ").replace(/([([{]) /g, "$1").replace(/,? ([)\]}])/g, "$1");
}

function isLoss(metric: string): boolean {
  return metric === "loss" || metric.endsWith("_loss");
}

/** Between 0 and 1. */
function doneShare({ epoch, epochs, step, steps }: NonNullable<Run["progress"]>, initialEpoch: number): number {
  const done = epoch - 1 - initialEpoch + (steps === null ? 0 : step / steps);
  return Math.min(1, Math.max(0, done / Math.max(1, epochs - initialEpoch)));
}

function lastValues(run: Run): string {
  const texts = [];
  for (const metric of run.metrics) {
    const train = run.line(metric, "train")?.last;
    const validation = run.line(metric, "validation")?.last;
    if (train !== undefined) texts.push(`${metric} ${formatted(train)}`);
    if (validation !== undefined) texts.push(`val_${metric} ${formatted(validation)}`);
  }
  return texts.slice(0, 4).join(" · ");
}
