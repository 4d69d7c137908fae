"""`nothing-trainable`."""

from __future__ import annotations

import numpy as np

from kerasdoctor.diagnosis import Evidence, Severity, Status
from kerasdoctor.examples import frozen_digits, shuffled_digits
from kerasdoctor.heads import Head
from kerasdoctor.locale import _
from kerasdoctor.quantities.global_gradient_norm import GlobalGradientNorm
from kerasdoctor.record import Model, Outcome
from kerasdoctor.remedies.trainable_head import TrainableHead
from kerasdoctor.remedies.trainable_layers import TrainableLayers
from kerasdoctor.remedies.two_stages import TwoStages
from kerasdoctor.rule import Cause, Healthy, NotMeasured, Rule, Unhealthy

#: Steps whose gradients are all exactly 0; one may be a batch that is right already, under a hinge loss.
STEPS = 10


def frozen_layers(model: Model) -> tuple[Status, Evidence]:
    """Whether the weights are there and not trainable."""
    frozen = [layer.name for layer in model.layers if layer.parameters and not layer.trainable]
    if model.trainable_parameters:
        statement = _("{count:,} of {total:,} parameters are trainable").format(
            count=model.trainable_parameters, total=model.parameters
        )
        return Status.RULED_OUT, Evidence(statement, quantity="model", value=float(model.trainable_parameters))
    if not model.parameters:
        return Status.RULED_OUT, Evidence(_("there are no weights to freeze"), quantity="model", value=0.0)
    statement = _("all {total:,} parameters are frozen").format(total=model.parameters)
    if frozen:
        statement = _("{statement}: `trainable` is False for {names}").format(
            statement=statement, names=", ".join(frozen[:5]) + (", ..." if len(frozen) > 5 else "")
        )
    return Status.CONFIRMED, Evidence(statement, quantity="model", value=0.0)


def no_weights(model: Model) -> tuple[Status, Evidence]:
    """Whether no layer has weights."""
    statement = _("the model has {total:,} parameters").format(total=model.parameters)
    found = Evidence(statement, quantity="model", value=float(model.parameters))
    return (Status.RULED_OUT if model.parameters else Status.CONFIRMED), found


def disconnected_output(
    model: Model,
    outcome: Outcome,
    global_gradient_norm: GlobalGradientNorm | None = None,
    heads: list[Head] | None = None,
) -> tuple[Status, Evidence]:
    """Whether there are trainable weights that no gradient reaches."""
    if not model.trainable_parameters:
        return Status.RULED_OUT, Evidence(_("nothing is trainable in the first place"), quantity="model", value=0.0)
    if "No gradients provided" in outcome.exception:
        statement = _("Keras found no path from the loss back to any weight: {error}").format(
            error=outcome.exception[:120]
        )
        return Status.CONFIRMED, Evidence(statement, quantity="outcome")
    for head in heads or ():
        probabilities = head.activation in {"softmax", "sigmoid", None} or head.loss.from_logits
        if head.kind in {"binary", "categorical", "sparse"} and not probabilities:
            statement = _(
                "measured, undecided: {loss} clips what {layer} puts out, for it is no probability, and has no "
                "derivative beyond 0 and 1"
            ).format(loss=head.loss.name, layer=head.where)
            return Status.POSSIBLE, Evidence(statement, quantity="compile", where=head.where)
    steps = 0 if global_gradient_norm is None else len(global_gradient_norm)
    statement = _(
        "every gradient of {steps:,} steps is exactly 0: an operation without a derivative, or units that are all dead"
    ).format(steps=steps)
    return Status.CONFIRMED, Evidence(statement, quantity="global_gradient_norm", value=0.0)


class NothingTrainable(Rule):
    """No weight can change: what looks like training is none.

    ## What it sees
    A model without a trainable parameter when `fit` begins; or one that has them and whose gradients are all exactly
    0 from the first step on; or Keras's own error that no gradient was provided. Each is a fact, with no threshold.

    ## How it is told apart
    Frozen layers: there are weights, and `trainable` is False. No weights: no layer has any. A disconnected output:
    trainable weights that no gradient reaches, for an operation such as argmax, round or a conversion to numpy stands
    between them and the loss; undecided where a cross-entropy gets what is no probability, which it clips.

    ## Remedies
    `trainable = True` in the layers that should learn, and `compile` again. A disconnected output needs another
    operation, which only the author of the model can choose.

    ## References
    Keras guide, Transfer learning and fine-tuning (`trainable` takes effect at `compile`).
    """

    family = "optimization"
    severity = Severity.ERROR
    explains = (
        "learning-rate-too-low",
        "majority-predictor",
        "stopped-too-early",
        "too-few-updates",
        "underfitting",
        "vanishing-gradients",
    )
    message = _("Nothing is trained: {statement}.")

    causes = (
        Cause(
            "frozen-layers",
            _("the layers are frozen"),
            examine=frozen_layers,
            remedies=(TrainableHead(), TwoStages(), TrainableLayers()),
        ),
        Cause("no-weights", _("no layer has weights; add one that has, such as Dense"), examine=no_weights),
        Cause(
            "disconnected-output",
            _("no gradient reaches the weights; replace the operation without a derivative"),
            examine=disconnected_output,
        ),
    )

    examples = (Unhealthy(frozen_digits, confirms=("frozen-layers",)), Healthy(shuffled_digits))

    def check(
        self, model: Model, outcome: Outcome, global_gradient_norm: GlobalGradientNorm | None = None
    ) -> Evidence | None:
        if not model.layers or (not model.parameters and any(layer.kind == "Lambda" for layer in model.layers)):
            # a model that is not built yet, or of the user's own making, does not tell
            raise NotMeasured(_("the layers of a model that is built"))
        # a fit that raised may have done so before it built the model
        unbuilt = model.kind == "subclassed" or outcome.status == "raised"
        if unbuilt and not model.parameters:
            raise NotMeasured(_("the layers of a model that is built"))
        if not model.trainable_parameters:
            statement = _("none of the {total:,} parameters of the model is trainable").format(total=model.parameters)
            return Evidence(statement, quantity="model", value=0.0)
        if "No gradients provided" in outcome.exception:
            return Evidence(_("no gradient reaches any of the weights"), quantity="outcome")
        norms = np.empty(0) if global_gradient_norm is None else global_gradient_norm.values
        if len(norms) >= STEPS and not norms.any():
            statement = _("all gradients of all {steps:,} steps are exactly 0").format(steps=len(norms))
            return Evidence(statement, quantity="global_gradient_norm", value=0.0)
        return None
