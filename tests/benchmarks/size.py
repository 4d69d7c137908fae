"""What watching costs for models and runs of any size.

    python -m tests.benchmarks.size           the series of simulated runs: time per step and memory
    python -m tests.benchmarks.size --fit     real fits: of deeper and deeper models, watched over plain; then of more
                                              and more steps, what recording takes of each and holds at the end

A simulated run hands every growing quantity what the taps would deliver for a model of so many layers, with two
variables each; the memory is that of all of them at the end, as pickled.
"""

from __future__ import annotations

import argparse
import json
import pickle
import time
from typing import Any

import numpy as np

from kerasdoctor import quantities
from kerasdoctor.instrumentation.steps import STRETCH
from kerasdoctor.quantities import EpochTap, EvaluationTap, Quantity, StepTap

LAYERS = (4, 20, 50, 200)
STEPS = (10**3, 10**4, 10**5, 10**6)
#: Of real fits, which take half a minute for the last.
FIT_STEPS = (10**3, 10**4, 4 * 10**4)
STEPS_PER_EPOCH = 1000
CLASSES, ROWS = 10, 1000
#: Layers up to which a fit of 400 steps takes no longer than some seconds.
EPOCHS_UP_TO = 20


def simulated(layers: int, steps: int) -> tuple[float, int]:
    """Seconds per step and bytes of a run whose series hold `steps` steps at the end."""
    generator = np.random.default_rng(0)
    variables = tuple(f"layer_{index // 2}/{('kernel', 'bias')[index % 2]}" for index in range(2 * layers))
    names = tuple(f"layer_{index}" for index in range(layers))
    norms = generator.random((STRETCH, len(variables)))
    per_layer = generator.random(layers)
    classes = generator.integers(0, CLASSES, ROWS)
    grown: list[Quantity] = [kind() for kind in quantities.types().values() if kind.grows]
    spent = 0.0
    for begin in range(0, steps, STRETCH):
        n = min(STRETCH, steps - begin)
        told = StepTap(
            step=np.arange(begin + 1, begin + n + 1),
            loss=generator.random(n),
            learning_rate=generator.random(n),
            loss_scale=generator.random(n),
            variables=variables,
            gradient_norm=norms[:n],
            update_norm=norms[:n],
            weight_norm=norms[:n],
            gradient_cosine=norms[:n],
            nonfinite_gradients=norms[:n],
        )
        began = time.perf_counter()
        for quantity in grown:
            quantity.on_steps(told)
        spent += time.perf_counter() - began
        if begin // STEPS_PER_EPOCH == (begin + n) // STEPS_PER_EPOCH:
            continue
        validation = EvaluationTap(
            step=begin + n,
            part="validation",
            rows=ROWS,
            layers=names,
            units=np.full(layers, 64),
            dead_units=per_layer,
            zero_share=per_layer,
            saturated_share=per_layer,
            nonfinite=per_layer,
            normalizations=names,
            mean_shift=per_layer,
            variance_ratio=per_layer,
            task="sparse",
            predicted=classes,
            true=classes,
            predicted_before=classes,
        )
        looked = EvaluationTap(step=begin + n, part="train", rows=ROWS, metrics={"loss": 1.0, "accuracy": 0.5})
        began = time.perf_counter()
        for quantity in grown:
            quantity.on_evaluation(validation)
            quantity.on_evaluation(looked)
            quantity.on_epoch(EpochTap(step=begin + n))
        spent += time.perf_counter() - began
    return spent / steps, len(pickle.dumps(grown))


def fitted(layers: int, rounds: int) -> tuple[float, float, float]:
    """CPU of a watched fit over a plain one of the same traced model: quartiles over the rounds."""
    import keras

    import kerasdoctor

    keras.utils.set_random_seed(1)
    deep = [keras.layers.Dense(64, "relu") for _ in range(layers - 1)]
    model = keras.Sequential([keras.Input((64,)), *deep, keras.layers.Dense(CLASSES, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    generator = np.random.default_rng(0)
    x, y = generator.standard_normal((3200, 64)).astype("float32"), generator.integers(0, CLASSES, 3200)

    def cpu(*, watched: bool) -> float:
        began = time.process_time()
        if watched:
            with kerasdoctor.watch(quiet=True):
                model.fit(x, y, epochs=epochs, verbose=0)
        else:
            model.fit(x, y, epochs=epochs, verbose=0)
        return time.process_time() - began

    # 100 steps an epoch
    epochs = 4 if layers <= EPOCHS_UP_TO else 1
    cpu(watched=False)
    cpu(watched=True)
    found = []
    for _ in range(rounds):
        order = generator.permutation([True, False])
        times = {bool(way): cpu(watched=bool(way)) for way in order}
        found.append(times[True] / times[False])
    low, middle, high = np.quantile(found, [0.25, 0.5, 0.75])
    return float(low), float(middle), float(high)


def lasting(steps: int) -> tuple[float, float, float]:
    """A watched fit of `steps` steps of 4 layers: seconds of a step, those that recording took of it, bytes held."""
    import keras

    import kerasdoctor
    from kerasdoctor.instrumentation.patching import replaced
    from kerasdoctor.instrumentation.time_budget import TimeBudget

    spent = 0.0

    def counting(original: Any) -> Any:
        def spend(budget: Any, seconds: float) -> None:
            nonlocal spent
            spent += seconds
            original(budget, seconds)

        return spend

    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((64,)), *(keras.layers.Dense(64, "relu") for _ in range(3))])
    model.add(keras.layers.Dense(CLASSES, "softmax"))
    model.compile("adam", "sparse_categorical_crossentropy")
    generator = np.random.default_rng(0)
    x = generator.standard_normal((32 * STEPS_PER_EPOCH, 64)).astype("float32")
    y = generator.integers(0, CLASSES, len(x))
    model.fit(x[:3200], y[:3200], verbose=0)
    with replaced(TimeBudget, "spend", counting), kerasdoctor.watch(quiet=True, level="full") as watch:
        began = time.perf_counter()
        model.fit(x, y, epochs=steps // STEPS_PER_EPOCH, verbose=0)
        seconds = time.perf_counter() - began
    grown = [quantity for quantity in watch.report.record.quantities.values() if quantity.grows]
    return seconds / steps, spent / steps, len(pickle.dumps(grown))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fit", action="store_true", help="real fits instead of simulated runs")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    for layers in LAYERS:
        if options.fit:
            low, middle, high = fitted(layers, options.rounds)
            found = {"layers": layers, "cpu": round(middle, 3), "quartiles": [round(low, 3), round(high, 3)]}
            print(json.dumps(found), flush=True)
            continue
        for steps in STEPS:
            seconds, held = simulated(layers, steps)
            line = {
                "layers": layers,
                "steps": steps,
                "us_per_step": round(seconds * 1e6, 1),
                "MB": round(held / 2**20, 1),
            }
            print(json.dumps(line), flush=True)
    for steps in FIT_STEPS if options.fit else ():
        step, share, held = lasting(steps)
        line = {
            "layers": 4,
            "fit_steps": steps,
            "us_per_step": round(step * 1e6, 1),
            "us_recording": round(share * 1e6, 1),
            "MB": round(held / 2**20, 1),
        }
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
