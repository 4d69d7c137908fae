"""The conditions that are planted, and the answers "diagnosis: cause" that name each of them rightly.

Several answers are right where one cause shows in several ways: a learning rate that is too high makes the loss jump,
the validation oscillate or the loss NaN, and each of these diagnoses lists it as a cause.
"""

from __future__ import annotations

_DATA: dict[str, tuple[str, ...]] = {
    "ordered labels": ("unshuffled-split: ordered-labels",),
    "time order": ("unshuffled-split: time-order",),
    "large values": (
        "unscaled-inputs: large-values",
        "unscaled-inputs: far-from-zero",
        "learning-rate-too-high: unscaled-inputs",
        "exploding-gradients: unscaled-inputs",
        "saturated-units: unscaled-inputs",
        "nan-loss: unscaled-inputs",
    ),
    "mixed scales": (
        "unscaled-inputs: mixed-scales",
        "unscaled-inputs: large-values",
        "learning-rate-too-high: unscaled-inputs",
        "exploding-gradients: unscaled-inputs",
        "saturated-units: unscaled-inputs",
        "nan-loss: unscaled-inputs",
    ),
    "unadapted normalization": ("unscaled-inputs: unadapted-normalization",),
    "unscaled targets": (
        "unscaled-targets: large-targets",
        "unscaled-targets: far-from-zero-targets",
        "learning-rate-too-high: unscaled-targets",
        "nan-loss: unscaled-targets",
    ),
    "missing values": ("nan-loss: nan-in-data", "nonfinite-data: missing-values"),
    "infinite values": ("nan-loss: nan-in-data", "nonfinite-data: infinite-values"),
    "missing values in validation": (
        "nan-loss: nan-in-validation-data",
        "nonfinite-data: missing-values-in-validation",
    ),
    "imbalanced classes": ("majority-predictor: imbalanced-classes",),
    "no signal": ("majority-predictor: no-signal", "label-errors: random-labels"),
    "different range": ("mismatched-preprocessing: different-range",),
    "shifted mean": ("mismatched-preprocessing: shifted-mean",),
    "different columns": ("mismatched-preprocessing: different-columns",),
    "copies across the split": ("duplicated-rows: copies-across-the-split",),
    "oversampled before the split": (
        "duplicated-rows: oversampled-before-the-split",
        "duplicated-rows: copies-across-the-split",
    ),
    "overlapping windows": ("duplicated-rows: overlapping-windows",),
    "reshuffled before take": ("leaking-split: reshuffled-before-take",),
    "wrong labels": ("label-errors: confident-disagreements",),
    "random labels": ("label-errors: random-labels", "majority-predictor: no-signal"),
    "shuffle false": ("unshuffled-training: shuffle-false",),
    "pipeline without shuffle": ("unshuffled-training: pipeline-without-shuffle",),
    "buffer below data": ("small-shuffle-buffer: buffer-below-data",),
    "batch before shuffle": ("small-shuffle-buffer: batch-before-shuffle",),
    "small validation set": (
        "small-validation-set: too-few-rows",
        "small-validation-set: too-few-of-a-class",
        "oscillating-validation: sampling-noise",
    ),
    "validation from an infinite generator": (
        "changing-validation-set: infinite-generator",
        "changing-validation-set: shuffled-partial-validation",
    ),
    "augmented validation": ("changing-validation-set: augmented-validation",),
    "partial validation": (
        "changing-validation-set: shuffled-partial-validation",
        "changing-validation-set: infinite-generator",
    ),
    "default value range": ("augmentation-value-range: default-value-range",),
    "rescaled before augmentation": (
        "augmentation-value-range: rescaled-before",
        "augmentation-value-range: default-value-range",
    ),
    "rescaled twice": ("pretrained-input-range: rescaled-twice",),
    "not rescaled": ("pretrained-input-range: not-rescaled", "unscaled-inputs: large-values"),
}

_MODEL: dict[str, tuple[str, ...]] = {
    "labels from one": ("labels-out-of-range: labels-from-one", "fit-raised: label-out-of-range"),
    "masked labels": ("labels-out-of-range: masked-labels", "fit-raised: label-out-of-range"),
    "too few outputs": ("labels-out-of-range: too-few-outputs", "fit-raised: label-out-of-range"),
    "labels one and two": ("targets-out-of-range: labels-one-two", "negative-loss: targets-out-of-range"),
    "labels plus and minus one": ("targets-out-of-range: labels-plus-minus-one", "negative-loss: targets-out-of-range"),
    "targets of 0 to 255": ("targets-out-of-range: unscaled-targets", "negative-loss: targets-out-of-range"),
    "unnormalized autoencoder": (
        "targets-out-of-range: unscaled-targets",
        "negative-loss: targets-out-of-range",
        "negative-loss: unnormalized-inputs",
    ),
    "several classes on one unit": ("targets-out-of-range: several-classes", "negative-loss: targets-out-of-range"),
    "no distributions": ("negative-loss: no-distributions", "rows-not-distributions: unnormalized-rows"),
    "negative weights": ("negative-loss: negative-weights",),
    "no output activation": ("logits-as-probabilities: no-output-activation",),
    "wrong output activation": ("logits-as-probabilities: wrong-output-activation",),
    "softmax over one unit": ("single-unit-output: softmax-over-one-unit",),
    "categorical loss on one unit": ("single-unit-output: categorical-loss-on-one-unit",),
    "activation and from_logits": ("softmax-twice: activation-and-from-logits",),
    "two softmax layers": ("softmax-twice: two-softmax-layers",),
    "sigmoid for exclusive classes": ("sigmoid-for-exclusive-classes: exclusive-classes",),
    "softmax for several labels": (
        "softmax-for-several-labels: several-labels-per-row",
        "rows-not-distributions: several-ones",
    ),
    "relu output": ("bounded-output: relu-output",),
    "sigmoid output": ("bounded-output: sigmoid-output",),
    "tanh output": ("bounded-output: tanh-output",),
    "accuracy on regression": ("accuracy-on-regression: continuous-target",),
    "classes as numbers": ("accuracy-on-regression: classes-as-numbers",),
    "accuracy on several labels": (
        "accuracy-on-several-labels: rare-labels",
        "accuracy-on-several-labels: exact-match-expected",
    ),
    "threshold on logits": ("metric-threshold-on-logits: threshold-of-one-half",),
    "several ones": ("rows-not-distributions: several-ones", "softmax-for-several-labels: several-labels-per-row"),
    "empty rows": ("rows-not-distributions: empty-rows",),
    "unnormalized rows": ("rows-not-distributions: unnormalized-rows",),
    "broadcast targets": ("broadcast-targets: missing-axis",),
}

_OPTIMIZATION: dict[str, tuple[str, ...]] = {
    "learning rate too high": (
        "learning-rate-too-high: long-steps",
        "nan-loss: learning-rate-too-high",
        "oscillating-validation: learning-rate-too-large",
        "exploding-gradients: long-steps",
        "loss-spike: long-steps",
        "dead-units: long-steps",
    ),
    "learning rate too low": ("learning-rate-too-low: short-steps", "underfitting: learning-rate"),
    "batch too small": (
        "oscillating-validation: batch-too-small",
        "oscillating-validation: learning-rate-too-large",
        "learning-rate-too-high: long-steps",
    ),
    "outlier batch": ("loss-spike: outlier-batch",),
    "exploding recurrence": (
        "exploding-gradients: unclipped-recurrence",
        "exploding-gradients: large-initialization",
        "nan-loss: learning-rate-too-high",
        "learning-rate-too-high: long-steps",
        "exploding-gradients: long-steps",
    ),
    "large initialization": (
        "exploding-gradients: large-initialization",
        "saturated-units: large-weights",
        "vanishing-gradients: saturating-activations",
    ),
    "saturating activations": (
        "vanishing-gradients: saturating-activations",
        "vanishing-gradients: deep-without-normalization",
    ),
    "small initialization": ("vanishing-gradients: small-initialization",),
    "dead at initialization": (
        "dead-units: dead-at-initialization",
        "dead-units: negative-bias",
        "vanishing-gradients: dead-units",
        "majority-predictor: dead-network",
    ),
    "units killed by long steps": (
        "dead-units: long-steps",
        "vanishing-gradients: dead-units",
        "majority-predictor: dead-network",
        "learning-rate-too-high: long-steps",
    ),
    "zero kernels": ("constant-initialization: zero-kernels",),
    "constant kernels": ("constant-initialization: constant-kernels",),
    "weight penalty": ("dominant-penalty: large-weight-penalty", "underfitting: strong-regularization"),
    "activity penalty": ("dominant-penalty: large-activity-penalty", "underfitting: strong-regularization"),
    "schedule too short": ("early-decay: schedule-too-short", "learning-rate-too-low: early-decay"),
    "plateau reducer at minimum": ("early-decay: plateau-reducer-at-minimum", "learning-rate-too-low: early-decay"),
    "warm-up longer than run": (
        "early-decay: warmup-longer-than-run",
        "learning-rate-too-low: short-steps",
        "learning-rate-too-low: early-decay",
    ),
    "large batch": ("too-few-updates: large-batch", "underfitting: too-few-epochs"),
    "few epochs": ("too-few-updates: few-epochs", "stopped-too-early: epochs-ran-out", "underfitting: too-few-epochs"),
    "frozen layers": ("nothing-trainable: frozen-layers",),
    "disconnected output": ("nothing-trainable: disconnected-output",),
    "changed after compile": ("trainable-changed: changed-after-compile",),
    "custom loss": ("nan-loss: custom-loss",),
    "unstable layer": ("nan-loss: unstable-layer",),
    "mixed precision": ("nan-loss: mixed-precision", "nan-loss: unscaled-inputs", "unscaled-inputs: large-values"),
}

_GENERALIZATION: dict[str, tuple[str, ...]] = {
    "overfitting": ("overfitting: no-regularization", "overfitting: trained-too-long", "overfitting: small-dataset"),
    "over-confidence": (
        "loss-accuracy-disagreement: over-confidence",
        "loss-accuracy-disagreement: few-heavy-rows",
        "loss-accuracy-disagreement: monitored-loss",
    ),
    "too small network": ("underfitting: too-small-network",),
    "strong regularization": ("underfitting: strong-regularization", "dominant-penalty: large-weight-penalty"),
    "stopped while improving": ("stopped-too-early: epochs-ran-out", "underfitting: too-few-epochs"),
    "impatient early stopping": ("stopped-too-early: impatient-early-stopping",),
    "monitor not logged": ("idle-early-stopping: monitor-not-logged",),
    "patience too long": ("idle-early-stopping: patience-too-long",),
    "weights not restored": ("idle-early-stopping: weights-not-restored", "trained-too-long: best-epoch-not-kept"),
    "wrong direction": ("idle-early-stopping: wrong-direction", "stopped-too-early: impatient-early-stopping"),
    "batch norm lags": ("lagging-batch-norm: too-few-updates", "lagging-batch-norm: small-momentum-window"),
    "tiny batches": ("tiny-batch-norm: batches-of-few-rows",),
    "batch norm fine-tuned": (
        "fine-tuned-batch-norm: trainable-batch-norm-in-pretrained",
        "fine-tuned-batch-norm: training-true-call",
    ),
    "high dropout": ("strong-dropout: high-rate", "underfitting: strong-regularization"),
    "dropout at the output": ("strong-dropout: dropout-at-the-output",),
    "class weights": ("weighted-training-loss: class-weights",),
    "sample weights": ("weighted-training-loss: sample-weights",),
    "penalty ignored": (
        "ignored-activity-regularizer: inside-time-distributed",
        "ignored-activity-regularizer: set-after-build",
    ),
}

_RAISED: dict[str, tuple[str, ...]] = {
    "integer labels raise": ("fit-raised: integer-labels-for-categorical",),
    "one-hot labels raise": ("fit-raised: one-hot-for-sparse",),
    "different lengths": ("fit-raised: different-lengths",),
    "object dtype": ("fit-raised: object-dtype", "fit-raised: text-input"),
    "ragged input": ("fit-raised: ragged-input",),
    "text input": ("fit-raised: text-input", "fit-raised: object-dtype"),
    "embedding index": ("fit-raised: embedding-index",),
    "output shape": ("fit-raised: output-shape",),
    "input shape": ("fit-raised: input-shape",),
    "out of memory": ("fit-raised: out-of-memory",),
    "no data": ("fit-raised: no-data",),
}

_LOOP: dict[str, tuple[str, ...]] = {
    "generator ended": ("exhausted-data: generator-ended", "exhausted-data: steps-beyond-data"),
    "steps beyond data": ("exhausted-data: steps-beyond-data", "exhausted-data: generator-ended"),
    "cell run again": ("continued-training: cell-run-again",),
    "resplit rows": ("continued-training: resplit-rows", "continued-training: cell-run-again"),
    "compiled again": ("lost-optimizer-state: compiled-again",),
    "weights-only file": ("lost-optimizer-state: weights-only-file",),
    "repeated shuffle": ("repeated-shuffle: global-seed",),
}

#: Family of the fault -> condition -> right answers.
FAMILIES: dict[str, dict[str, tuple[str, ...]]] = {
    "data": _DATA,
    "labels, last layer, loss, metric": _MODEL,
    "optimization": _OPTIMIZATION,
    "generalization and stopping": _GENERALIZATION,
    "fit raises": _RAISED,
    "training loop": _LOOP,
}
TRUTHS = {condition: right for family in FAMILIES.values() for condition, right in family.items()}


def family(condition: str) -> str:
    """The family of a condition."""
    return next(name for name, conditions in FAMILIES.items() if condition in conditions)


_OVERFITS = ("overfitting: no-regularization", "overfitting: trained-too-long", "overfitting: small-dataset")
_SLOW = (
    "learning-rate-too-low: short-steps",
    "learning-rate-too-low: early-decay",
    "underfitting: learning-rate",
    "underfitting: too-few-epochs",
    "stopped-too-early: epochs-ran-out",
)
_DEAD = ("majority-predictor: dead-network", "vanishing-gradients: dead-units", "dead-units: long-steps")
#: For values of that size the steps are too long, and they kill relu units.
_SCALE = (
    *_DEAD,
    "learning-rate-too-high: long-steps",
    "exploding-gradients: long-steps",
    "loss-spike: long-steps",
    "nan-loss: learning-rate-too-high",
)
_SHORT = (*_SLOW[2:], "too-few-updates: large-batch", "too-few-updates: few-epochs")

#: Statements that are true of every program with the condition, and not what it was made for: neither right nor false.
ALSO: dict[str, tuple[str, ...]] = {
    "large values": _SCALE,
    "mixed scales": _SCALE,
    "unadapted normalization": (*_SCALE, "unscaled-inputs: large-values", "unscaled-inputs: mixed-scales"),
    "unscaled targets": _SCALE,
    # a kernel that became NaN leaves relu units at 0
    "missing values": _DEAD,
    "infinite values": _DEAD,
    "learning rate too high": _DEAD,
    "overfitting": ("small-dataset: few-rows", "trained-too-long: best-epoch-not-kept"),
    "over-confidence": _OVERFITS,
    "wrong labels": _OVERFITS,
    "random labels": _OVERFITS,
    "weights not restored": _OVERFITS,
    "patience too long": _OVERFITS,
    "learning rate too low": _SLOW,
    "schedule too short": _SLOW,
    "plateau reducer at minimum": _SLOW,
    "warm-up longer than run": _SLOW,
    "large batch": _SHORT,
    "few epochs": _SHORT,
    "stopped while improving": _SHORT,
    "impatient early stopping": _SHORT,
    "batch norm lags": ("too-few-updates: large-batch", "too-few-updates: few-epochs"),
    "zero kernels": ("majority-predictor: dead-network", "vanishing-gradients: small-initialization"),
    "saturating activations": ("majority-predictor: dead-network",),
    "small initialization": ("majority-predictor: dead-network", "vanishing-gradients: deep-without-normalization"),
    "frozen layers": ("majority-predictor: dead-network",),
    "disconnected output": ("majority-predictor: dead-network",),
    "mixed precision": ("unscaled-inputs: large-values",),
    "high dropout": ("better-validation: dropout-in-training",),
}
