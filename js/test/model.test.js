import assert from "node:assert/strict";
import { test } from "node:test";

import { duration, fill, formatted, Line, Run, Session } from "../src/model.ts";

const facts = (run, more = {}) => ({ run, initial_epoch: 0, metrics: [], status: "running", ...more });

/** Points as the kernel packs them: for each series its x, then its y. */
function packed(...blocks) {
  const values = new Float32Array(blocks.flat(2));
  // at an odd offset, as in a message that holds other buffers too
  const bytes = new Uint8Array(values.byteLength + 3);
  bytes.set(new Uint8Array(values.buffer), 3);
  return new DataView(bytes.buffer, 3);
}

/** A widget model without a browser. */
function widgetModel(state = {}) {
  const listeners = {};
  return {
    get: () => state,
    on: (name, listener) => (listeners[name] = listener),
    send: (message, ...buffers) => listeners["msg:custom"](message, buffers),
    restore: (now) => {
      state = now;
      listeners["change:state"]();
    },
  };
}

test("a line keeps its points in order", () => {
  const line = new Line();
  line.append(new Float32Array([1, 2]), new Float32Array([5, 6]));
  line.append(new Float32Array([3]), new Float32Array([7]));
  assert.deepEqual([...line.x], [1, 2, 3]);
  assert.deepEqual([...line.y], [5, 6, 7]);
  assert.equal(line.last, 7);
});

test("a long line is thinned and keeps its extremes, its order and its first fault", () => {
  const line = new Line();
  const n = 100_000;
  for (let i = 0; i < n; i += 100) {
    const x = Float32Array.from({ length: 100 }, (_, j) => i + j);
    line.append(x, x.map((at) => (at === 5_000 ? 9 : at === 6_000 ? -9 : at === 7_000 ? NaN : Math.sin(at))));
  }
  assert.ok(line.length <= 4096);
  assert.ok(line.x.every((x, i) => i === 0 || x > line.x[i - 1]));
  assert.equal(Math.max(...line.y.filter(Number.isFinite)), 9);
  assert.equal(Math.min(...line.y.filter(Number.isFinite)), -9);
  assert.deepEqual(line.broken, { x: 7_000, value: NaN });
});

test("a session takes in runs and points as they come", () => {
  const [session, model] = [new Session(), widgetModel()];
  let changes = 0;
  session.follow(model);
  session.subscribe(() => changes++);
  model.send({ kind: "run", run: facts("1") });
  const series = [["loss", "batch", 2], ["loss", "train", 1]];
  const progress = { epoch: 1, epochs: 2, step: 2, steps: 2, seconds: 1 };
  model.send({ kind: "points", run: "1", series, steps: 2, progress }, packed([1, 2], [8, 9], [1], [8.5]));
  const run = session.runs.get("1");
  assert.deepEqual([...run.line("loss", "batch").x], [1, 2]);
  assert.deepEqual([...run.line("loss", "batch").y], [8, 9]);
  assert.equal(run.line("loss", "train").last, 8.5);
  assert.deepEqual(run.metrics, ["loss"]);
  assert.equal(run.position("batch", 3), 1.5);
  // a message without progress keeps the last one
  model.send({ kind: "points", run: "1", series: [], steps: 2, progress: null }, packed());
  assert.equal(run.progress, progress);
  model.send({ kind: "run", run: facts("1", { status: "finished" }) });
  assert.equal(session.runs.get("1"), run);
  assert.equal(run.facts.status, "finished");
  assert.equal(changes, 4);
});

test("a session is restored from the state of its model", () => {
  const [session, model] = [new Session(), widgetModel()];
  session.follow(model);
  const row = (run) => ({ ...facts(run), series: [["loss", "train", 1]], steps: 3, progress: null, points: packed([1], [4]) });
  model.restore({ runs: [row("1"), row("2")] });
  assert.deepEqual([...session.runs.keys()], ["1", "2"]);
  assert.equal(session.runs.get("2").line("loss", "train").last, 4);
});

test("epochs count from where the run began; steps stand for themselves while no epoch has ended", () => {
  const run = new Run(facts("1", { initial_epoch: 5 }));
  assert.equal(run.position("batch", 7), 7);
  run.steps = 10;
  assert.equal(run.position("batch", 5), 5.5);
  assert.equal(run.position("train", 1), 6);
});

test("metric names may hold blanks", () => {
  const run = new Run(facts("1"));
  run.append({ series: [["my metric", "train", 1]], steps: 1, progress: null }, packed([1], [2]));
  assert.deepEqual(run.metrics, ["my metric"]);
});

test("numbers and durations are short", () => {
  assert.deepEqual([0, 0.12345, 1.23456, 12.3456, 1234.5, 1e7, 1e-6, NaN, Infinity, -Infinity].map(formatted), [
    "0", "0.1235", "1.235", "12.35", "1235", "1.00e+7", "1.00e-6", "NaN", "inf", "-inf",
  ]);
  assert.deepEqual([-1, 4.4, 75, 3700].map(duration), ["0 s", "4 s", "1 min 15 s", "1 h 01 min"]);
  assert.equal(fill("{a} of {b}, {c}", { a: 1, b: "x" }), "1 of x, {c}");
});
