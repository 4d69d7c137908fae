/** One chart: a metric's per-batch, training and validation line over the epochs. */

import uPlot from "uplot";

import { element, setText } from "./dom";
import { fill, formatted, type Line, type Part, type Run, type Words } from "./model";

const HEIGHT = 180;
/** In the order in which they are drawn, the most important last and on top. */
const PARTS: readonly Part[] = ["batch", "train", "validation"];
/** Above so many epochs the points on the lines are left out. */
const POINTS_SHOWN = 40;

/** Colours and font, read from the page's styles; a canvas cannot use CSS variables. */
interface Theme {
  font: string;
  muted: string;
  grid: string;
  surface: string;
  broken: string;
  part: Record<Part, string>;
}

interface Entry {
  root: HTMLElement;
  value: HTMLElement;
}

export class Chart {
  readonly root = element("figure", { class: "kerasdoctor-chart" });
  private readonly title = element("figcaption", { class: "kerasdoctor-chart-title" });
  private readonly choice: HTMLSelectElement;
  private readonly logarithmic: HTMLButtonElement;
  private readonly plot = element("div", { class: "kerasdoctor-plot" });
  private readonly legend = element("div", { class: "kerasdoctor-legend" });
  private readonly hovered = element("span", { class: "kerasdoctor-hovered" });
  private readonly entries: Record<Part, Entry>;
  private readonly resizing: ResizeObserver;
  private readonly words: Words;
  private readonly group: string;
  private run: Run;
  private metrics: string[] = [];
  private metric = "";
  private theme: Theme | null = null;
  private chart: uPlot | null = null;
  private width = 0;
  private zoom: [number, number] | null = null;
  private log = false;
  private yRange: [number, number] = [0, 1];

  /** Args: group: charts of one group share their cursor. */
  constructor(run: Run, group: string, words: Words) {
    this.run = run;
    this.group = group;
    this.words = words;
    this.choice = element("select", { class: "kerasdoctor-choice", "aria-label": words["metric"] ?? "" });
    this.choice.addEventListener("change", () => this.choose(this.choice.value));
    this.logarithmic = element(
      "button",
      { class: "kerasdoctor-log", type: "button", "aria-pressed": "false", title: words["log_title"] ?? "" },
      words["log"] ?? "",
    );
    this.logarithmic.addEventListener("click", () => {
      this.log = !this.log;
      this.logarithmic.setAttribute("aria-pressed", String(this.log));
      this.rebuild();
    });
    this.entries = { batch: this.entry("batch"), train: this.entry("train"), validation: this.entry("validation") };
    // read in the order of their importance, drawn in the other
    this.legend.append(...[...PARTS].reverse().map((part) => this.entries[part].root));
    const head = element("div", { class: "kerasdoctor-chart-head" }, this.title, this.choice, this.hovered, this.logarithmic);
    this.root.append(head, this.legend, this.plot);
    this.resizing = new ResizeObserver(() => this.resize());
    this.resizing.observe(this.plot);
  }

  private entry(part: Part): Entry {
    const value = element("span", { class: "kerasdoctor-value" });
    const sample = element("span", { class: `kerasdoctor-sample kerasdoctor-sample-${part}`, "aria-hidden": "true" });
    const root = element("span", { class: "kerasdoctor-entry", hidden: true }, sample, this.words[part] ?? part, " ", value);
    return { root, value };
  }

  /** Draws what the run holds now; the reader chooses where there are several metrics. */
  update(run: Run, metrics: string[]): void {
    this.run = run;
    if (metrics.join("\n") !== this.metrics.join("\n")) {
      this.metrics = metrics;
      this.choice.replaceChildren(...metrics.map((name) => element("option", { value: name }, name)));
      this.choice.hidden = metrics.length < 2;
      this.title.hidden = !this.choice.hidden;
      this.choose(metrics.includes(this.metric) ? this.metric : (metrics[0] ?? ""));
      return;
    }
    this.draw();
  }

  /** Reads the colours again, as the theme of the page may have changed. */
  restyle(): void {
    if (!this.chart) return;
    const theme = readTheme(this.root);
    if (JSON.stringify(theme) === JSON.stringify(this.theme)) return;
    this.theme = theme;
    this.rebuild();
  }

  destroy(): void {
    this.resizing.disconnect();
    this.chart?.destroy();
  }

  private choose(metric: string): void {
    this.metric = metric;
    this.choice.value = metric;
    setText(this.title, metric);
    this.rebuild();
  }

  private rebuild(): void {
    this.chart?.destroy();
    this.chart = null;
    this.zoom = null;
    this.draw();
  }

  private resize(): void {
    const width = Math.floor(this.plot.clientWidth);
    if (width === 0 || width === this.width) return;
    this.width = width;
    if (this.chart) this.chart.setSize({ width, height: HEIGHT });
    else this.draw();
  }

  private draw(): void {
    const data = this.data();
    // under the mouse the legend tells the values there
    if ((this.chart?.cursor.left ?? -1) < 0) this.updateLegend(data, null);
    if (this.width === 0) return;
    if (this.chart) {
      this.chart.setData(data);
    } else {
      this.chart = new uPlot(this.options(), data, this.plot);
      this.chart.ctx.canvas.setAttribute("role", "img");
    }
    this.chart.ctx.canvas.setAttribute("aria-label", this.description());
  }

  private line(part: Part): Line | undefined {
    return this.run.line(this.metric, part);
  }

  /** All lines on one x; uPlot takes `undefined` for no point of this line and `null` for a gap in it. */
  private data(): uPlot.AlignedData {
    const xs: number[] = [];
    const columns: (number | null | undefined)[][] = PARTS.map(() => []);
    const next = PARTS.map(() => 0);
    const lines = PARTS.map((part) => this.line(part));
    for (;;) {
      const heads = lines.map((line, i) =>
        line && next[i]! < line.length ? this.run.position(PARTS[i]!, line.x[next[i]!]!) : Infinity,
      );
      const x = Math.min(...heads);
      if (x === Infinity) break;
      xs.push(x);
      heads.forEach((head, i) => {
        const value = head === x ? lines[i]!.y[next[i]!++]! : undefined;
        const drawable = value === undefined || (Number.isFinite(value) && !(this.log && value <= 0));
        columns[i]!.push(drawable ? value : null);
      });
    }
    this.yRange = this.range(xs, columns);
    return [xs, ...columns] as uPlot.AlignedData;
  }

  /** Room for every epoch, and for the batches but their most extreme hundredth: a spike leaves the chart. */
  private range(xs: number[], columns: (number | null | undefined)[][]): [number, number] {
    const [from, to] = this.zoom ?? [-Infinity, Infinity];
    const seen = columns.map((column) =>
      column.filter((value, i): value is number => value != null && from <= xs[i]! && xs[i]! <= to),
    );
    const batches = seen[0]!.sort((a, b) => a - b);
    const cut = Math.floor(batches.length / 100);
    let [low, high] = [batches[cut] ?? Infinity, batches[batches.length - 1 - cut] ?? -Infinity];
    for (const value of seen.slice(1).flat()) {
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
    if (low > high) return this.log ? [0.1, 1] : [0, 1];
    if (this.log) return low === high ? [low / 2, high * 2] : [low * (low / high) ** 0.05, high * (high / low) ** 0.05];
    const room = high > low ? (high - low) * 0.06 : Math.abs(high) * 0.1 || 0.5;
    // no room below zero for what never is negative
    return [low >= 0 && low < room ? 0 : low - room, high + room];
  }

  /** The axis grows in calm steps while the run goes on, and ends where the run ended. */
  private xRange(): [number, number] {
    const start = this.run.facts.initial_epoch;
    const [batch, train] = [this.line("batch"), this.line("train") ?? this.line("validation")];
    const end = Math.max(
      start,
      batch?.length ? this.run.position("batch", batch.x[batch.length - 1]!) : 0,
      train?.length ? this.run.position("train", train.x[train.length - 1]!) : 0,
    );
    if (this.run.facts.status !== "running" && end > start) return [start, end];
    let room = 2;
    for (const factor of repeated([2.5, 2, 2])) {
      if (start + room > end) break;
      room *= factor;
    }
    const known = this.run.steps !== null && this.run.progress ? this.run.progress.epochs : Infinity;
    return [start, Math.max(end, Math.min(start + room, known))];
  }

  private options(): uPlot.Options {
    const theme = (this.theme ??= readTheme(this.root));
    const axis = {
      stroke: theme.muted,
      font: theme.font,
      grid: { stroke: theme.grid, width: 1 },
      ticks: { show: false },
    };
    const points = (): boolean => (this.line("train")?.length ?? 0) <= POINTS_SHOWN;
    const line = (part: Part, width: number, dash: number[]): uPlot.Series => ({
      stroke: theme.part[part],
      width,
      dash,
      points: {
        show: part === "batch" ? false : points,
        size: 5,
        fill: part === "validation" ? theme.surface : theme.part[part],
        stroke: theme.part[part],
        width: 1.5,
      },
    });
    return {
      width: this.width,
      height: HEIGHT,
      padding: [8, 10, 0, 0],
      legend: { show: false },
      cursor: {
        y: false,
        drag: { x: true, y: false, dist: 6, setScale: false },
        sync: { key: this.group, scales: ["x", null] },
        points: { size: 7, fill: (u, i) => strokeOf(u, i), stroke: () => theme.surface, width: 1.5 },
        dataIdx: (u, series, index) => nearest(u.data[series]!, index),
      },
      scales: {
        x: { time: false, range: () => this.zoom ?? this.xRange() },
        y: { distr: this.log ? 3 : 1, range: () => this.yRange },
      },
      axes: [
        {
          ...axis,
          size: 22,
          gap: 3,
          grid: { show: false },
          space: 50,
          incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6],
        },
        { ...axis, size: 54, gap: 6, space: 32, values: (_u, splits) => splits.map((value) => tick(value, splits)) },
      ],
      series: [
        {},
        line("batch", 1, []),
        line("train", 2, []),
        line("validation", 2, [6, 3]),
      ],
      hooks: {
        setCursor: [(u) => this.updateLegend(u.data, u.cursor.left != null && u.cursor.left >= 0 ? u : null)],
        setSelect: [(u) => this.select(u)],
        ready: [(u) => u.over.addEventListener("dblclick", () => this.zoomTo(null))],
        draw: [(u) => this.drawBroken(u)],
      },
    };
  }

  private select(u: uPlot): void {
    const { left, width } = u.select;
    if (width === 0) return;
    u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    this.zoomTo([u.posToVal(left, "x"), u.posToVal(left + width, "x")]);
  }

  private zoomTo(range: [number, number] | null): void {
    this.zoom = range;
    this.draw();
  }

  /** Where the first value is no number, a line through the chart that says so. */
  private drawBroken(u: uPlot): void {
    const found = PARTS.map((part) => ({ part, broken: this.line(part)?.broken ?? null })).find(({ broken }) => broken);
    if (!found?.broken || !this.theme) return;
    const { part, broken } = found;
    const ratio = uPlot.pxRatio;
    const x = Math.round(u.valToPos(this.run.position(part, broken.x), "x", true));
    const { left, top, width, height } = u.bbox;
    if (x < left || x > left + width) return;
    const text =
      part === "batch"
        ? fill(this.words["not_finite"], { value: formatted(broken.value), step: broken.x })
        : fill(this.words["not_finite_epoch"], { value: formatted(broken.value), epoch: this.run.position(part, broken.x) });
    const { ctx } = u;
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = this.theme.broken;
    ctx.lineWidth = 1.5 * ratio;
    ctx.setLineDash([2 * ratio, 3 * ratio]);
    ctx.beginPath();
    ctx.moveTo(x, top);
    ctx.lineTo(x, top + height);
    ctx.stroke();
    ctx.font = this.theme.font.replace(/[\d.]+px/, (size) => `${parseFloat(size) * ratio}px`);
    const fits = x + 5 * ratio + ctx.measureText(text).width < left + width;
    ctx.textAlign = fits ? "left" : "right";
    ctx.textBaseline = "top";
    ctx.fillText(text, x + (fits ? 5 : -5) * ratio, top + 2 * ratio);
    ctx.restore();
  }

  /** The values under the cursor, else the last ones. */
  private updateLegend(data: uPlot.AlignedData, hovered: uPlot | null): void {
    PARTS.forEach((part, i) => {
      const { root, value } = this.entries[part];
      const line = this.line(part);
      root.hidden = !line?.length;
      const index = hovered?.cursor.idxs?.[i + 1];
      const shown = index == null ? line?.last : (data[i + 1]![index] ?? undefined);
      setText(value, shown === undefined ? "" : formatted(shown));
    });
    const x = hovered?.cursor.idx == null ? null : data[0][hovered.cursor.idx]!;
    const unit = this.run.steps === null ? "step" : "epoch";
    setText(this.hovered, x === null ? "" : `${this.words[unit]} ${unit === "epoch" ? x.toFixed(1) : x}`);
  }

  private description(): string {
    const values = PARTS.filter((part) => this.line(part)?.length).map(
      (part) => `${this.words[part]} ${formatted(this.line(part)!.last!)}`,
    );
    const epoch = this.run.facts.initial_epoch + (this.line("train")?.length ?? 0);
    return fill(this.words["chart"], { metric: this.metric, epoch, values: values.reverse().join(", ") });
  }
}

function* repeated(values: number[]): Generator<number> {
  for (;;) yield* values;
}

function strokeOf(u: uPlot, series: number): string {
  const stroke = u.series[series]!.stroke;
  return String(typeof stroke === "function" ? stroke(u, series) : stroke);
}

/** Index of the point of a line that is nearest to an index of the common x. */
function nearest(column: ArrayLike<number | null | undefined>, index: number): number {
  for (let away = 0; away < column.length; away++) {
    if (column[index - away] != null) return index - away;
    if (column[index + away] != null) return index + away;
  }
  return index;
}

/** The label of a tick, with the digits that tell it from its neighbours. */
function tick(value: number | null, splits: (number | null)[]): string {
  if (value === null) return "";
  const size = Math.max(...splits.map((split) => Math.abs(split ?? 0)));
  if (value !== 0 && (size >= 1e5 || size < 1e-3)) return value.toExponential(1).replace(".0e", "e");
  return String(Number(value.toPrecision(6)));
}

function readTheme(node: HTMLElement): Theme {
  const style = getComputedStyle(node);
  const read = (name: string): string => style.getPropertyValue(`--kerasdoctor-${name}`).trim();
  return {
    font: `11px ${style.fontFamily}`,
    muted: read("muted"),
    grid: read("grid"),
    surface: read("surface"),
    broken: read("error"),
    part: { batch: read("batch"), train: read("train"), validation: read("validation") },
  };
}
