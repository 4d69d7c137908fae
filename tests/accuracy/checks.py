"""Whether a planted fault bites, and a healthy program learns: judged by Keras's own curves alone."""

from __future__ import annotations

import math
from collections.abc import Callable

from tests.accuracy.programs.program import Program

#: Key of the logs -> first, late (three quarters through), last, min, max, epochs.
Curves = dict[str, dict[str, float]]


def lost(key: str = "loss") -> Callable[[Curves], bool]:
    return lambda curves: not math.isfinite(curves[key]["last"])


def negative(curves: Curves) -> bool:
    return curves["loss"]["last"] < 0


def rises(curves: Curves) -> bool:
    """The validation loss ends a tenth above its best, and the training loss has fallen."""
    validation, train = curves["val_loss"], curves["loss"]
    return validation["last"] > 1.1 * validation["min"] and train["last"] < train["first"]


def rises_alone(curves: Curves) -> bool:
    """The same while the accuracy holds."""
    accuracy = curves["val_accuracy"]
    return rises(curves) and accuracy["last"] > accuracy["max"] - 0.05


def creeps(curves: Curves) -> bool:
    """The training loss keeps most of what it began with."""
    loss = curves["loss"]
    return not math.isfinite(loss["last"]) or loss["last"] > 0.75 * loss["first"]


def falling(curves: Curves) -> bool:
    """The validation loss has fallen by a twentieth in the last quarter of the run."""
    loss = curves["val_loss"]
    return loss["last"] < 0.95 * loss["late"]


def fixed(key: str) -> Callable[[Curves], bool]:
    return lambda curves: curves[key]["max"] - curves[key]["min"] < 1e-6


def below(key: str, value: float) -> Callable[[Curves], bool]:
    return lambda curves: not curves[key]["max"] >= value


def validation_apart(curves: Curves) -> bool:
    """The validation loss is at least half as large again as the training loss."""
    return not curves["val_loss"]["last"] < 1.5 * curves["loss"]["last"]


#: Conditions that show in the curves -> how; of the others the program itself is the proof.
BITES: dict[str, Callable[[Curves], bool]] = {
    # TensorFlow on a CPU takes relu of NaN as 0: the loss stays finite, and where it was
    "missing values": creeps,
    "infinite values": creeps,
    "custom loss": lost(),
    "unstable layer": lost(),
    "mixed precision": lost(),
    "labels one and two": negative,
    "labels plus and minus one": negative,
    "targets of 0 to 255": negative,
    "unnormalized autoencoder": negative,
    "several classes on one unit": negative,
    "no distributions": negative,
    "negative weights": negative,
    "different range": validation_apart,
    "shifted mean": validation_apart,
    "different columns": validation_apart,
    "no signal": creeps,
    "softmax over one unit": fixed("accuracy"),
    "categorical loss on one unit": fixed("loss"),
    "frozen layers": creeps,
    "disconnected output": creeps,
    "zero kernels": creeps,
    "saturating activations": creeps,
    "small initialization": creeps,
    "dead at initialization": creeps,
    "learning rate too low": creeps,
    "warm-up longer than run": creeps,
    "overfitting": rises,
    "weights not restored": rises,
    "patience too long": rises,
    "batch norm fine-tuned": validation_apart,
    "tiny batches": validation_apart,
    "over-confidence": rises_alone,
    "stopped while improving": falling,
    "accuracy on regression": below("accuracy", 0.05),
    "batch norm lags": validation_apart,
}


def falls_short(program: Program, curves: Curves) -> str:
    """What is wrong with the program by its curves; empty when it is as it should be."""
    if program.reaches is not None:
        key, value = program.reaches
        falls = key.endswith(("loss", "mae"))
        best = curves[key]["min" if falls else "max"]
        short = best > value if falls else best < value
        if short:
            return f"{key} {best:.3f}, should reach {value}"
        loss = curves.get("val_loss", curves["loss"])
        if loss["last"] - loss["min"] > max(0.35 * abs(loss["min"]), 0.08 * abs(loss["first"])):
            return f"val_loss ends at {loss['last']:.3f}, far above its best {loss['min']:.3f}"
    quiet = [condition for condition in program.conditions if condition in BITES and not BITES[condition](curves)]
    return f"does not bite: {', '.join(quiet)}" if quiet else ""
