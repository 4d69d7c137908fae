"""`learning-rate-too-low`."""
# ruff: noqa: A002 - parts of the record are injected by their names, `compile` too

from __future__ import annotations

import numpy as np

from kerasdoctor.diagnosis import Evidence, Severity, Status
from kerasdoctor.examinations import falls_below_zero, path_length
from kerasdoctor.examples import digits_that_creep, digits_with_steps
from kerasdoctor.locale import _
from kerasdoctor.quantities.batch_loss import BatchLoss
from kerasdoctor.quantities.global_gradient_norm import GlobalGradientNorm
from kerasdoctor.quantities.learning_rate import LearningRate
from kerasdoctor.quantities.split_labels import SplitLabels
from kerasdoctor.quantities.update_norm import UpdateNorm
from kerasdoctor.quantities.weight_norm import WeightNorm
from kerasdoctor.record import Compile, Fit, Metric, Model
from kerasdoctor.remedies.another_optimizer import AnotherOptimizer
from kerasdoctor.remedies.batch_normalization import BatchNormalization
from kerasdoctor.remedies.default_initialization import DefaultInitialization
from kerasdoctor.remedies.larger_learning_rate import LargerLearningRate, default_rate
from kerasdoctor.remedies.slower_decay import SlowerDecay
from kerasdoctor.rule import Cause, Healthy, Rule, Unhealthy

#: The most that all updates together can have moved a kernel, as a share of its norm, over the run as planned.
#: 69 healthy runs: at least 0.12, with SGD at 0.001 (tests/accuracy/simulations/OPTIMIZATION.md).
LEAST_PATH = 0.05


def short_steps(evidence: Evidence, compile: Compile) -> tuple[Status, Evidence]:
    """Whether Keras's default rate would have moved the weights."""
    rate, usual = compile.learning_rate, default_rate(compile.optimizer)
    if rate is None or evidence.value is None:
        return Status.POSSIBLE, Evidence(_("not measured: the learning rate follows a schedule"), quantity="compile")
    statement = _("{name} has a learning rate of {rate:g}, by default {usual:g}").format(
        name=compile.optimizer, rate=rate, usual=usual
    )
    found = Evidence(statement, quantity="compile", value=rate, threshold=usual)
    return (Status.CONFIRMED if rate <= usual / 10 else Status.RULED_OUT), found


def early_decay(learning_rate: LearningRate) -> tuple[Status, Evidence]:
    """Whether the rate was larger at first."""
    rates = learning_rate.values[np.isfinite(learning_rate.values)]
    if not len(rates) or rates.max() <= 0:
        return Status.RULED_OUT, Evidence(_("the learning rate was 0 all along"), quantity="learning_rate")
    statement = _("the learning rate went from {highest:.3g} to {last:.3g}").format(highest=rates.max(), last=rates[-1])
    if rates.max() == rates[-1]:
        statement = _("the learning rate never fell below {last:.3g}").format(last=rates.min())
    share = float(rates[-1] / rates.max())
    found = Evidence(statement, quantity="learning_rate", value=share, threshold=0.1)
    return (Status.CONFIRMED if share < 0.1 else Status.RULED_OUT), found


def tiny_gradients(compile: Compile, global_gradient_norm: GlobalGradientNorm) -> tuple[Status, Evidence]:
    """Whether the gradients leave a rate that is large enough nothing to work with."""
    norms = global_gradient_norm.values
    norms = norms[np.isfinite(norms)]
    if not len(norms):
        return Status.POSSIBLE, Evidence(_("not measured: no finite gradient"), quantity="global_gradient_norm")
    typical = float(np.median(norms))
    found = _("the gradient has a norm of {norm:.2g} at its median").format(norm=typical)
    if "SGD" not in compile.optimizer:
        statement = _("{found}, and {name} makes its steps alike whatever it is").format(
            found=found, name=compile.optimizer or _("the optimizer")
        )
        return Status.RULED_OUT, Evidence(statement, quantity="global_gradient_norm", value=typical)
    # with a norm of 1e-2 SGD at its default moves by 1e-4 a step; networks of a few thousand weights begin near 1
    small = typical < 1e-2
    return (Status.CONFIRMED if small else Status.RULED_OUT), Evidence(
        found, quantity="global_gradient_norm", value=typical, threshold=1e-2
    )


class LearningRateTooLow(Rule):
    """The steps are so short that the weights stay where they were initialized.

    ## What it sees
    The lengths of all updates of a kernel, added up, against its norm: the most that the weights can have moved. The
    rule fires when, at this pace, the whole run as planned cannot move any kernel by 5 %, the loss has fallen by less
    than a tenth, the rate is a tenth of Keras's default or less, and at least three epochs and 60 steps were made from
    fresh weights. A rate that still rises (warm-up) is waited for.

    ## How it is told apart
    Short steps: the learning rate is a tenth of Keras's default for this optimizer, or less. Early decay: it was
    larger at first. Tiny gradients: with SGD, gradients below 0.01 at a rate that is usual; other optimizers divide
    by their size.

    ## Remedies
    A learning rate ten times larger, or Keras's default; a decay over the whole run.

    ## References
    Bengio (2012), Practical recommendations for gradient-based training; keras-team/keras#2711.
    """

    family = "optimization"
    severity = Severity.WARNING
    explains = ("majority-predictor", "stopped-too-early", "underfitting")
    message = _("The learning rate is too low: {statement}.")

    causes = (
        Cause(
            "short-steps",
            _("the learning rate itself is too low"),
            examine=short_steps,
            remedies=(LargerLearningRate(),),
            probe="overfit_batch",
        ),
        Cause("early-decay", _("the learning rate fell too early"), examine=early_decay, remedies=(SlowerDecay(),)),
        Cause(
            "tiny-gradients",
            _("the gradients are tiny"),
            examine=tiny_gradients,
            remedies=(AnotherOptimizer(), DefaultInitialization(), BatchNormalization()),
        ),
    )

    examples = (Unhealthy(digits_that_creep, confirms=("short-steps",)), Healthy(digits_with_steps))

    def check(
        self,
        loss: Metric,
        batch_loss: BatchLoss,
        update_norm: UpdateNorm,
        weight_norm: WeightNorm,
        fit: Fit,
        model: Model,
        compile: Compile,
        learning_rate: LearningRate | None = None,
        split_labels: SplitLabels | None = None,
    ) -> Evidence | None:
        epochs = loss.train[np.isfinite(loss.train)]
        steps = int(batch_loss.step[-1]) if len(batch_loss) else 0
        planned = max(fit.epochs - fit.initial_epoch, len(epochs))
        if model.iterations or len(epochs) < 3 or steps < 60 or _rises(learning_rate):
            return None
        if epochs[0] <= 0 or falls_below_zero(epochs) or falls_below_zero(batch_loss.values):
            # a fall has no share then
            return None
        if not _is_low(compile, learning_rate):
            return None
        path = path_length(update_norm, weight_norm)
        fall = float((epochs[0] - epochs[-1]) / epochs[0])
        if (
            path is None
            or path * planned / len(epochs) >= LEAST_PATH
            or not -0.02 < fall < 0.1
            or _knows(epochs[0], split_labels)
        ):
            return None
        statement = _(
            "all {steps:,} updates together can have changed the weights of a layer by {path:.2%} of their size at "
            "most, "
            "and the loss went from {first:.4g} to {last:.4g}"
        ).format(steps=steps, path=path, first=epochs[0], last=epochs[-1])
        return Evidence(statement, quantity="update_norm", value=path, threshold=LEAST_PATH)


def _is_low(compile: Compile, rates: LearningRate | None) -> bool:
    """Whether the rate is a tenth of Keras's default or less, now at least: else something else holds the weights."""
    rate = compile.learning_rate if rates is None or not len(rates) else float(rates.value[-1])
    return rate is not None and rate <= default_rate(compile.optimizer) / 10


def _rises(rates: LearningRate | None) -> bool:
    return rates is not None and len(rates) > 1 and rates.value[-1] > rates.value[0]


def _knows(loss: float, labels: SplitLabels | None) -> bool:
    """Whether the loss is far below that of the class shares: weights that were loaded, not initialized."""
    if labels is None or labels.kind != "classes":
        return False
    counts = np.array([count for count in labels.train.values() if count], dtype=float)
    if len(counts) < 2:
        return False
    shares = counts / counts.sum()
    return loss < 0.7 * float(-(shares * np.log(shares)).sum())
