/** What the kernel tells of the runs of one cell, and the points as they come. The twins of the types stand in
 * `kerasdoctor/notebook/view.py`. */

/** Severity.label */
export type Severity = "error" | "warning" | "info";
/** Status.value */
export type CauseStatus = "confirmed" | "possible" | "ruled_out";
/** Applicability.label */
export type Applicability = "safe" | "unsafe" | "has_placeholders";
/** Part */
export type Part = "batch" | "train" | "validation";
/** words(): name -> text, with names in braces to fill in. */
export type Words = Readonly<Record<string, string>>;

/** _diagnosis(), one of its prescriptions */
export interface Prescription {
  id: string;
  title: string;
  source: string;
  applicability: Applicability;
}

/** _evidence() */
export interface Evidence {
  statement: string;
  /** The number behind it, where and when; may be empty. */
  measured: string;
}

/** _diagnosis(), one of its causes */
export interface Cause {
  name: string;
  explanation: string;
  status: CauseStatus;
  evidence: Evidence;
  /** Ids of the prescriptions that treat it. */
  prescriptions: string[];
}

/** _diagnosis() */
export interface Diagnosis {
  name: string;
  severity: Severity;
  message: string;
  evidence: Evidence[];
  causes: Cause[];
  prescriptions: Prescription[];
}

/** _facts() */
export interface Facts {
  run: string;
  call: string;
  cell: string;
  epochs: number;
  initial_epoch: number;
  metrics: string[];
  /** record.Status */
  status: "running" | "finished" | "stopped_early" | "interrupted" | "raised";
  /** How it ended, in words; empty while it runs. */
  ending: string;
  exception: string;
  report: { verdict: string; diagnoses: Diagnosis[]; combinations: string } | null;
}

/** Progress */
export interface Progress {
  epoch: number;
  epochs: number;
  step: number;
  steps: number | null;
  seconds: number;
}

/** _headings(): metric, part and number of points of each series in a buffer. */
type Headings = [metric: string, part: Part, n: number][];

interface Points {
  series: Headings;
  /** Steps of one epoch. */
  steps: number | null;
  progress: Progress | null;
}

/** LiveView._everything() */
interface State {
  runs: (Facts & Points & { points: DataView })[];
}

/** LiveView.refresh() and LiveView._tell() */
type Message = ({ kind: "points"; run: string } & Points) | { kind: "run"; run: Facts };

/** The part of anywidget's model that is used here. */
export interface WidgetModel {
  get(name: "state"): Partial<State>;
  get(name: "words"): Words;
  on(name: "msg:custom", listener: (message: Message, buffers: DataView[]) => void): void;
  on(name: "change:state", listener: () => void): void;
  get(name: "ident"): string;
  send(message: { kind: "everything" }): void;
  widget_manager?: { get_model?(id: string): Promise<OwnModel> };
}

/** The model behind anywidget's, as ipywidgets knows it. */
interface OwnModel {
  comm?: { on_msg(listener: (message: unknown) => unknown): void };
  _handle_comm_msg(message: unknown): Promise<void>;
}

/** Points that a line keeps: a chart has no more than about 1,000 pixels, a minimum and a maximum for each. */
const POINTS_KEPT = 4096;

/** One line: points in the order of time, in arrays that grow by doubling and never beyond POINTS_KEPT.
 *
 * A point that is not later than the last one is known already.
 */
export class Line {
  length = 0;
  /** The first point that is no number, by its x; it is kept when the line is thinned. */
  broken: { x: number; value: number } | null = null;
  private xs = new Float32Array(64);
  private ys = new Float32Array(64);

  get x(): Float32Array {
    return this.xs.subarray(0, this.length);
  }

  get y(): Float32Array {
    return this.ys.subarray(0, this.length);
  }

  get last(): number | undefined {
    return this.ys[this.length - 1];
  }

  append(x: Float32Array, y: Float32Array): void {
    for (let i = 0; i < y.length; i++) {
      if (this.length > 0 && x[i]! <= this.xs[this.length - 1]!) continue;
      if (this.length === POINTS_KEPT) this.thin();
      if (this.length === this.ys.length) this.grow();
      const value = y[i]!;
      if (!Number.isFinite(value)) this.broken ??= { x: x[i]!, value };
      this.xs[this.length] = x[i]!;
      this.ys[this.length++] = value;
    }
  }

  private grow(): void {
    const [xs, ys] = [this.xs, this.ys];
    this.xs = new Float32Array(2 * xs.length);
    this.ys = new Float32Array(2 * ys.length);
    this.xs.set(xs);
    this.ys.set(ys);
  }

  /** Halves the points: the lowest and the highest of every four. */
  private thin(): void {
    let kept = 0;
    for (let i = 0; i + 4 <= this.length; i += 4) {
      let [low, high] = [i, i];
      for (let j = i + 1; j < i + 4; j++) {
        if (this.ys[j]! < this.ys[low]!) low = j;
        // a comparison with NaN is false: written so that NaN counts as high
        if (!(this.ys[j]! <= this.ys[high]!)) high = j;
      }
      if (low === high) high = low === i ? i + 1 : i;
      for (const j of low < high ? [low, high] : [high, low]) {
        this.xs[kept] = this.xs[j]!;
        this.ys[kept++] = this.ys[j]!;
      }
    }
    this.length = kept;
  }
}

/** One run: what was told of it last, and its lines. */
export class Run {
  progress: Progress | null = null;
  /** The first progress that was told: the time before it went into building the graph, not into steps. */
  firstProgress: Progress | null = null;
  steps: number | null = null;
  /** Counts the changes, so that a view can tell whether it has drawn them. */
  version = 0;
  facts: Facts;
  private readonly lines = new Map<string, Line>();

  constructor(facts: Facts) {
    this.facts = facts;
  }

  line(metric: string, part: Part): Line | undefined {
    return this.lines.get(`${part} ${metric}`);
  }

  /** Metrics in the order in which Keras names them. */
  get metrics(): string[] {
    const drawn = [...this.lines.keys()].map((key) => key.slice(key.indexOf(" ") + 1));
    return [...new Set([...this.facts.metrics, ...drawn])];
  }

  /** Position of a line's x on an axis of epochs; of steps as long as nobody knows how many make an epoch. */
  position(part: Part, x: number): number {
    if (part === "batch") return this.steps === null ? x : this.facts.initial_epoch + x / this.steps;
    return this.facts.initial_epoch + x;
  }

  /** Takes in points: for each series its x, then its y, as float32. */
  append(points: Points, buffer: DataView): void {
    // a copy, as the offset of a buffer in its message need not be a multiple of four
    const start = buffer.byteOffset;
    const values = new Float32Array(buffer.buffer.slice(start, start + buffer.byteLength) as ArrayBuffer);
    let offset = 0;
    for (const [metric, part, n] of points.series) {
      const key = `${part} ${metric}`;
      let line = this.lines.get(key);
      if (!line) this.lines.set(key, (line = new Line()));
      line.append(values.subarray(offset, offset + n), values.subarray(offset + n, offset + 2 * n));
      offset += 2 * n;
    }
    this.steps = points.steps;
    this.progress = points.progress ?? this.progress;
    this.firstProgress ??= this.progress;
    this.version++;
  }

  tell(facts: Facts): void {
    this.facts = facts;
    this.version++;
  }
}

/** The runs of one widget model, shared by all its views. */
export class Session {
  readonly runs = new Map<string, Run>();
  private readonly listeners = new Set<() => void>();

  /** Calls `listener` after every change until the returned function is called. */
  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  follow(model: WidgetModel): void {
    const restore = (): void => {
      this.runs.clear();
      for (const { points, series, steps, progress, ...facts } of model.get("state").runs ?? []) {
        const run = new Run(facts);
        run.append({ series, steps, progress }, points);
        this.runs.set(facts.run, run);
      }
      this.changed();
    };
    restore();
    model.on("change:state", restore);
    model.on("msg:custom", (message, buffers) => {
      if (message.kind === "run") {
        const known = this.runs.get(message.run.run);
        if (known) known.tell(message.run);
        else this.runs.set(message.run.run, new Run(message.run));
      } else {
        const points = buffers[0];
        if (points) this.runs.get(message.run)?.append(message, points);
      }
      this.changed();
    });
  }

  /** Makes up for messages that were lost while this module was loading.
   *
   * anywidget 0.11 lets a module load for two seconds; then it drops every message, those to come included. That
   * happens where the training takes all processors. It is noticed by a message to ourselves that means nothing; then
   * messages are taken in past anywidget, and the kernel is asked for everything, which it answers when it is free.
   */
  async catchUp(model: WidgetModel): Promise<void> {
    const own = await model.widget_manager?.get_model?.(model.get("ident"));
    if (!own) return;
    try {
      await own._handle_comm_msg({ content: { data: { method: "nothing" } } });
    } catch {
      const base = Object.getPrototypeOf(Object.getPrototypeOf(own)) as OwnModel;
      own.comm?.on_msg((message) => base._handle_comm_msg.call(own, message));
      model.send({ kind: "everything" });
    }
  }

  private changed(): void {
    for (const listener of this.listeners) listener();
  }
}

/** `template` with the names in braces filled in. */
export function fill(template: string | undefined, values: Record<string, string | number>): string {
  return (template ?? "").replace(/\{(\w+)\}/g, (match, name: string) => String(values[name] ?? match));
}

/** A value as a reader wants it: four digits, an exponent only where it is shorter. */
export function formatted(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size < 1e-4 || size >= 1e6) return value.toExponential(2);
  return size >= 1000 ? value.toFixed(0) : value.toFixed(size >= 100 ? 1 : size >= 10 ? 2 : size >= 1 ? 3 : 4);
}

/** A duration in seconds as a reader wants it. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
  return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, "0")} min`;
}
