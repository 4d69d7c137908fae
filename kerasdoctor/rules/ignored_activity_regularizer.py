"""`ignored-activity-regularizer`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from kerasdoctor.diagnosis import Evidence, Severity, Status
from kerasdoctor.examples import shuffled_digits
from kerasdoctor.locale import _
from kerasdoctor.quantities.epoch_begin import EpochBegin
from kerasdoctor.quantities.weight_penalty import WeightPenalty
from kerasdoctor.record import Layer, Model, TrainingRecord
from kerasdoctor.remedies.activity_on_wrapper import ActivityOnWrapper, inner_activity
from kerasdoctor.remedies.fresh_weights import FreshWeights
from kerasdoctor.rule import Cause, Healthy, Rule, Unhealthy

#: Arguments whose penalty Keras attaches to a variable when the layer is built.
_WEIGHTS = ("kernel_regularizer", "bias_regularizer", "recurrent_regularizer")
#: Keras's own layers with them; one of the user's may add its penalty by `add_loss`.
_LAYERS = {"Dense", "EinsumDense", "Conv1D", "Conv2D", "Conv3D", "SeparableConv1D", "LSTM", "GRU", "SimpleRNN"}


def inside_time_distributed(model: Model) -> tuple[Status, Evidence]:
    """Whether an activity regularizer stands on a layer that Keras does not call itself."""
    layers = _wrapped(model)
    if not layers:
        return Status.RULED_OUT, Evidence(_("no wrapped layer has an activity regularizer"), quantity="model")
    statement = _("{names}: TimeDistributed calls the `call` of the layer inside, where no activity is penalized")
    return Status.CONFIRMED, Evidence(
        statement.format(names=", ".join(layer.name for layer in layers)), quantity="model", where=layers[0].name
    )


def set_after_build(
    model: Model, epoch_begin: EpochBegin, weight_penalty: WeightPenalty | None = None
) -> tuple[Status, Evidence]:
    """Whether weights are without the penalty that their layer names."""
    layers = _set_later(model, epoch_begin, weight_penalty)
    if not layers:
        return Status.RULED_OUT, Evidence(_("every regularizer of weights adds its penalty"), quantity="weight_penalty")
    statement = _(
        "{names} name a regularizer, and no weight of the model has one: it was set after the layer was built"
    )
    return Status.CONFIRMED, Evidence(
        statement.format(names=", ".join(layer.name for layer in layers[:3])),
        quantity="weight_penalty",
        where=layers[0].name,
        value=0.0,
    )


def wrapped_dense() -> TrainingRecord:
    """A Dense with an activity regularizer inside TimeDistributed, as the guide writes it."""
    record = shuffled_digits()
    penalty = {"class_name": "L1L2", "config": {"l1": 0.01, "l2": 0.01}}
    wrapper = Layer(
        name="time_distributed",
        kind="TimeDistributed",
        parameters=72,
        output_shape=(8, 8),
        regularized=True,
        config={"layer": {"class_name": "Dense", "config": {"units": 8, "activity_regularizer": penalty}}},
    )
    record.model = replace(record.model, layers=(wrapper, *record.model.layers))
    return record


class IgnoredActivityRegularizer(Rule):
    """A regularizer is written in the program, and Keras never adds its penalty to the loss.

    ## What it sees
    Facts of the layers: an activity regularizer on the layer inside a TimeDistributed that has none itself; or layers
    that name a kernel, bias or recurrent regularizer, where no trainable weight of the model has one. Keras 3 gives
    no warning in either case (measured: the loss is the same to the last digit with and without).

    ## How it is told apart
    Inside TimeDistributed: the wrapper calls `layer.call`, and an activity is penalized in `layer.__call__` alone; the
    kernel regularizer of the same Dense does work. Set after build: `layer.kernel_regularizer = ...` on a layer that
    is built changes the attribute and not the weights.

    ## Remedies
    `TimeDistributed(Dense(..., kernel_regularizer=...), activity_regularizer=...)`: the kernel's on the Dense, the
    activity's on the wrapper. A regularizer for a built layer: construct the layer anew with it.

    ## References
    Keras 3, layers/rnn/time_distributed.py and layers/layer.py.
    """

    family = "generalization"
    severity = Severity.WARNING
    message = _("A regularizer does nothing: {statement}.")

    causes = (
        Cause(
            "inside-time-distributed",
            _("it stands on the layer inside the wrapper"),
            examine=inside_time_distributed,
            remedies=(ActivityOnWrapper(),),
        ),
        Cause(
            "set-after-build",
            _("it was set on a layer that was built; construct the layer with it"),
            examine=set_after_build,
            remedies=(FreshWeights(),),
        ),
    )

    examples = (Unhealthy(wrapped_dense, confirms=("inside-time-distributed",)), Healthy(shuffled_digits))

    def check(
        self, model: Model, epoch_begin: EpochBegin | None = None, weight_penalty: WeightPenalty | None = None
    ) -> Evidence | None:
        wrapped = _wrapped(model)
        if wrapped:
            statement = _("the activity regularizer inside {name} adds nothing to the loss").format(
                name=wrapped[0].name
            )
            return Evidence(statement, quantity="model", where=wrapped[0].name, value=float(len(wrapped)))
        later = _set_later(model, epoch_begin, weight_penalty)
        if later:
            statement = _("{name} has a regularizer that adds nothing to the loss").format(name=later[0].name)
            return Evidence(statement, quantity="weight_penalty", where=later[0].name, value=0.0)
        return None


def _wrapped(model: Model) -> list[Layer]:
    return [
        layer for layer in model.layers if layer.kind == "TimeDistributed" and inner_activity(layer.config) is not None
    ]


def _set_later(model: Model, epoch_begin: EpochBegin | None, weight_penalty: WeightPenalty | None) -> list[Layer]:
    """Layers that name a regularizer of weights in a model without a regularized weight."""
    if epoch_begin is None or not len(epoch_begin) or weight_penalty is not None:
        return []
    return [
        layer
        for layer in model.layers
        if layer.kind in _LAYERS
        and layer.trainable
        and layer.parameters
        and any(_names_one(layer.config.get(name)) for name in _WEIGHTS)
    ]


def _names_one(regularizer: object) -> bool:
    return isinstance(regularizer, Mapping) and bool(regularizer.get("class_name"))
