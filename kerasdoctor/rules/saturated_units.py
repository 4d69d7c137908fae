"""`saturated-units`."""

from __future__ import annotations

import math

import numpy as np

from kerasdoctor.diagnosis import Evidence, Severity, Status, When
from kerasdoctor.examinations import scale_of_inputs
from kerasdoctor.examples import saturated_digits, unsaturated_digits
from kerasdoctor.locale import _
from kerasdoctor.quantities.initial_weights import InitialWeights
from kerasdoctor.quantities.input_range import InputRange
from kerasdoctor.quantities.saturation import Saturation
from kerasdoctor.record import Model
from kerasdoctor.remedies.default_initialization import DefaultInitialization
from kerasdoctor.remedies.min_max_normalization import MinMaxNormalization
from kerasdoctor.rule import Cause, Healthy, NotMeasured, Rule, Unhealthy

#: Share of the outputs of a hidden layer at an end of its activation. Healthy runs on the digits: at most 0.76, with
#: inputs from 0 to 16, and 0.45 after 80 epochs of tanh; with inputs from 0 to 255 it is 0.97.
MOST = 0.85


def unscaled_inputs(model: Model, input_range: InputRange) -> tuple[Status, Evidence]:
    """Whether the inputs are far larger than a network is initialized for."""
    return scale_of_inputs(model, input_range)


def large_weights(evidence: Evidence, initial_weights: InitialWeights) -> tuple[Status, Evidence]:
    """Whether the layer enlarges what it is given."""
    spread = initial_weights.variables.get(f"{evidence.where}/kernel")
    if spread is None or not math.isfinite(spread.gain):
        return Status.POSSIBLE, Evidence(
            _("not measured: the kernel of this layer was not seen"), quantity="initial_weights"
        )
    statement = _(
        "a unit of it began with {gain:.3g} times the variance of its inputs; Glorot's and He's initializations give "
        "0.3 to 2"
    ).format(gain=spread.gain)
    found = Evidence(statement, quantity="initial_weights", where=evidence.where, value=spread.gain, threshold=8.0)
    return (Status.CONFIRMED if spread.gain >= 8.0 else Status.RULED_OUT), found


class SaturatedUnits(Rule):
    """Most outputs of a hidden sigmoid or tanh layer stand at an end of it, where there is no slope.

    ## What it sees
    The share of the outputs below 0.005 or above 0.995 (tanh: beyond 0.99), where the derivative is below 2 % of the
    largest one, over each validation: 85 % or more in the first and in the last. The outputs of the model are left
    out: there, saturation is certainty. So are layers that saturate in the course of a run, as those that learn do.

    ## How it is told apart
    Inputs beyond 20, which no initialization is made for; or weights that begin with eight times the variance that
    the size of the layer asks for.

    ## Remedies
    Normalized inputs; initialization by the size of the layer. Batch normalization helps between the kernel and the
    activation; behind the activation it comes too late.

    ## References
    LeCun et al. (1998), Efficient BackProp; Glorot and Bengio (2010).
    """

    family = "optimization"
    severity = Severity.WARNING
    message = _("{where} is saturated: {statement}.")

    causes = (
        Cause(
            "unscaled-inputs",
            _("large inputs push the units to their ends"),
            examine=unscaled_inputs,
            remedies=(MinMaxNormalization(),),
        ),
        Cause(
            "large-weights",
            _("the weights begin too large"),
            examine=large_weights,
            remedies=(DefaultInitialization(),),
        ),
    )

    examples = (Unhealthy(saturated_digits, confirms=("unscaled-inputs",)), Healthy(unsaturated_digits))

    def check(self, saturation: Saturation, model: Model) -> list[Evidence] | None:
        if not model.layers:
            raise NotMeasured(_("the layers of the model"))
        outputs = {output.layer for output in model.outputs} or {model.layers[-1].name}
        hidden = {layer.path for layer in model.layers if layer.path and layer.name not in outputs}
        if len(saturation) < 2:
            return None
        first, last = saturation.mean[0], saturation.mean[-1]
        found = []
        for index, path in enumerate(saturation.columns):
            if path not in hidden or not np.isfinite(last[index]) or min(first[index], last[index]) < MOST:
                continue
            statement = _(
                "{last:.0%} of its outputs are at an end of the activation, {first:.0%} after the first epoch"
            ).format(first=first[index], last=last[index])
            found.append(
                Evidence(
                    statement,
                    quantity="saturation",
                    where=path,
                    when=When(step=int(saturation.last[-1])),
                    value=float(last[index]),
                    threshold=MOST,
                )
            )
        return found or None
