"""`unexpected-initial-loss`."""

from __future__ import annotations

import math
from dataclasses import replace

from kerasdoctor.diagnosis import Evidence, Severity, Status
from kerasdoctor.examinations import scale_of_inputs
from kerasdoctor.examples import shuffled_digits, with_quantities
from kerasdoctor.heads import Head
from kerasdoctor.locale import _
from kerasdoctor.quantities.initial_loss import InitialLoss
from kerasdoctor.quantities.initial_weights import InitialWeights
from kerasdoctor.quantities.input_range import InputRange
from kerasdoctor.record import Model, Outcome, TrainingRecord
from kerasdoctor.remedies.default_initialization import DefaultInitialization
from kerasdoctor.remedies.loss_on_logits import LossOnLogits
from kerasdoctor.remedies.min_max_normalization import MinMaxNormalization
from kerasdoctor.remedies.normalization_layer import NormalizationLayer
from kerasdoctor.remedies.output_activation import OutputActivation
from kerasdoctor.rule import Cause, Healthy, NotMeasured, Rule, Unhealthy

#: Times the loss of guessing. Beyond it alone nothing is said: digits of 0 to 16 cost 4.4 times ln 10 and train well.
FAR = 2.0
#: Mean square of a kernel's weights times its inputs. It is at most 2 by every initializer of Keras's that scales with
#: the layer (He's: 2), so five times that is none of them.
LARGE_GAIN = 10.0

_ARITHMETIC = {"TrueDivide", "Divide", "Multiply", "Subtract", "Normalize", "Log", "Log1p", "Cast"}


def unscaled_inputs(model: Model, input_range: InputRange) -> tuple[Status, Evidence]:
    """Whether the inputs are far larger than what a network is initialized for."""
    arithmetic = sorted(_ARITHMETIC & set(model.operations))
    if arithmetic:
        statement = _("the model computes with its inputs: {operations}").format(operations=", ".join(arithmetic))
        return Status.RULED_OUT, Evidence(statement, quantity="model")
    if any(layer.kind == "Embedding" for layer in model.layers):
        statement = _("the model has an Embedding, whose inputs are indices")
        return Status.RULED_OUT, Evidence(statement, quantity="model")
    return scale_of_inputs(model, input_range)


def large_initialization(initial_weights: InitialWeights) -> tuple[Status, Evidence]:
    """Whether a kernel begins with larger weights than its number of inputs allows."""
    gains = {
        path: spread.gain
        for path, spread in initial_weights.variables.items()
        if path.endswith("kernel") and math.isfinite(spread.gain)
    }
    if not gains:
        return Status.RULED_OUT, Evidence(_("the model trains no kernel"), quantity="initial_weights")
    path, gain = max(gains.items(), key=lambda found: found[1])
    statement = _("{path} multiplies the mean square of what it gets by {gain:.3g} (1 to 2 by Keras's initializers)")
    return (Status.CONFIRMED if gain > LARGE_GAIN else Status.RULED_OUT), Evidence(
        statement.format(path=path, gain=gain),
        quantity="initial_weights",
        where=path,
        value=gain,
        threshold=LARGE_GAIN,
    )


def logits_as_probabilities(heads: list[Head]) -> tuple[Status, Evidence]:
    """Whether a cross-entropy of probabilities gets the outputs of a layer without activation."""
    head = heads[0]
    crossentropy = head.kind in {"binary", "categorical", "sparse"}
    statement = _("{layer} has the activation {activation}, under {loss}").format(
        layer=head.where, activation=head.activation or _("unknown"), loss=head.loss.name
    )
    wrong = crossentropy and not head.loss.from_logits and head.activation == "linear"
    return (Status.CONFIRMED if wrong else Status.RULED_OUT), Evidence(statement, quantity="compile", where=head.where)


def _checked_digits(*, high: float, loss: float) -> TrainingRecord:
    """Digits of 0 to `high`, checked before the first step."""
    record = shuffled_digits()
    measured = record.quantities["input_range"]
    values = replace(measured.inputs["x"], maximum=high)
    record.history = {}
    record.outcome = Outcome(status="checked", seconds=0.8)
    del record.quantities["batch_loss"]
    return with_quantities(
        record,
        input_range=replace(measured, inputs={"x": values}),
        initial_loss=InitialLoss(loss, math.log(10), 2.3),
    )


def digits_in_bytes() -> TrainingRecord:
    """Digits of 0 to 255: the first predictions are absurd."""
    return _checked_digits(high=255.0, loss=147.0)


def digits_to_one() -> TrainingRecord:
    """A healthy start of a fit: that of guessing."""
    return with_quantities(shuffled_digits(), initial_loss=InitialLoss(2.35, math.log(10), 2.3))


class UnexpectedInitialLoss(Rule):
    """The untrained network costs far more than guessing, and the reason can be seen.

    ## What it sees
    `%kdoctor check` shows up to 512 training rows to the fresh weights, in inference mode. A network that knows nothing
    should cost about ln C for C classes, ln 2 for yes or no, and what predicting 0 costs for a number. The rule speaks
    where the loss is more than twice that *and* one of the reasons below is measured; a high loss alone is no fault.

    ## How it is told apart
    Inputs beyond 20 that no layer scales; a kernel whose weights are more than five times (in their mean square) as
    large as any initializer of Keras's makes them for its size; a last layer without activation under a cross-entropy
    that was not told so.

    ## Remedies
    Normalize the inputs; Keras's default initializer; `from_logits=True` or an activation.

    ## References
    Goodfellow, Bengio and Courville (2016), Deep Learning, section 11.5 (check the code on what is known). Measured in
    Keras 3.15 on digits with two hidden layers: inputs in [0, 1] cost 1.02 times ln 10, [0, 255] 70 times.
    """

    family = "model"
    severity = Severity.WARNING
    message = _("The network starts far from where it should: {statement}.")

    causes = (
        Cause(
            "logits-as-probabilities",
            _("the loss takes for probabilities what are none"),
            logits_as_probabilities,
            (LossOnLogits(), OutputActivation()),
        ),
        Cause(
            "unscaled-inputs",
            _("the inputs are far larger than 1"),
            unscaled_inputs,
            (MinMaxNormalization(), NormalizationLayer()),
        ),
        Cause(
            "large-initialization",
            _("the first weights are too large for the size of a layer"),
            large_initialization,
            (DefaultInitialization(),),
        ),
    )
    examples = (Unhealthy(digits_in_bytes, confirms=("unscaled-inputs",)), Healthy(digits_to_one))

    def check(
        self,
        model: Model,
        outcome: Outcome,
        initial_loss: InitialLoss | None = None,
        input_range: InputRange | None = None,
        initial_weights: InitialWeights | None = None,
        heads: list[Head] | None = None,
    ) -> Evidence | None:
        if initial_loss is None:
            if outcome.status == "checked":
                raise NotMeasured("initial_loss")
            # a fit is no check: nothing is missing from it
            return None
        value, guessing = initial_loss.value, initial_loss.guessing
        # also what is not finite has other reasons
        if not 0 < FAR * guessing < value < math.inf:
            return None
        told = [
            input_range is not None and unscaled_inputs(model, input_range),
            initial_weights is not None and large_initialization(initial_weights),
            bool(heads) and logits_as_probabilities(heads or []),
        ]
        if not any(found and found[0] is Status.CONFIRMED for found in told):
            return None
        statement = _(
            "its loss on the training rows is {value:.3g} before the first step, where guessing costs {guess:.3g}"
        )
        return Evidence(
            statement.format(value=value, guess=guessing),
            quantity="initial_loss",
            value=value,
            threshold=FAR * guessing,
        )
