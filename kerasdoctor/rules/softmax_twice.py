"""`softmax-twice`."""

from __future__ import annotations

from dataclasses import replace

from kerasdoctor.diagnosis import Evidence, Severity, Status
from kerasdoctor.examples import shuffled_digits, with_head
from kerasdoctor.heads import Head, head_at
from kerasdoctor.locale import _
from kerasdoctor.record import Layer, Model, TrainingRecord
from kerasdoctor.remedies.loss_on_logits import LossOnLogits
from kerasdoctor.remedies.single_softmax import SingleSoftmax
from kerasdoctor.rule import Cause, Healthy, Rule, Unhealthy

#: What stands between two activations without changing what they make.
_BETWEEN = {"Dropout", "Reshape", "Flatten", "Identity", "Activation", "Softmax", "ActivityRegularization"}


def softmax_and_logits() -> TrainingRecord:
    """Digits with softmax in the last layer and `from_logits=True` in the loss."""
    record = shuffled_digits()
    loss = replace(record.compile.losses[0], from_logits=True, by_name=False, config={"from_logits": True})
    history = {key: " ".join(map(str, values)) for key, values in record.history.items()}
    return with_head(record, loss=loss, history=history)


def two_softmax_layers(evidence: Evidence, heads: list[Head], model: Model) -> tuple[Status, Evidence]:
    """Whether the values come out of softmax once more before the last one."""
    earlier = _earlier(head_at(evidence.where, heads), model)
    if earlier is None:
        return Status.RULED_OUT, Evidence(_("no layer before the last one has softmax"), quantity="model")
    statement = _("{layer} has softmax already").format(layer=earlier.name)
    return Status.CONFIRMED, Evidence(statement, quantity="model", where=earlier.name)


def activation_and_from_logits(evidence: Evidence, heads: list[Head]) -> tuple[Status, Evidence]:
    """Whether the loss applies softmax or sigmoid to what went through it."""
    head = head_at(evidence.where, heads)
    if not _told_logits(head):
        return Status.RULED_OUT, Evidence(_("the loss was not given from_logits=True"), quantity="compile")
    statement = _("{layer} has {activation}, and {loss} has from_logits=True").format(
        layer=head.where, activation=head.activation, loss=head.loss.name
    )
    return Status.CONFIRMED, Evidence(statement, quantity="compile", where=head.where)


def _told_logits(head: Head) -> bool:
    return head.loss.from_logits and head.activation in ({"sigmoid"} if head.kind == "binary" else {"softmax"})


def _earlier(head: Head, model: Model) -> Layer | None:
    """The layer whose softmax is followed by another softmax and nothing else."""
    # a hidden layer may choose by softmax, and a Dense layer behind it weighs what it chose
    if head.activation != "softmax" or head.layer is None or head.layer.kind not in {"Activation", "Softmax"}:
        return None
    before = model.layers[: model.layers.index(head.layer)]
    for layer in reversed(before):
        if layer.activation == "softmax" or layer.kind == "Softmax":
            return layer if layer.output_shape == head.layer.output_shape else None
        if layer.kind not in _BETWEEN or layer.activation not in {None, "linear"}:
            return None
    return None


class SoftmaxTwice(Rule):
    """Probabilities are turned into probabilities once more.

    ## What it sees
    Softmax behind softmax; or softmax (sigmoid) in the last layer of a model whose loss was given `from_logits=True`,
    so that it applies it again. A fact, known before the first step.

    ## How it is told apart
    Two layers: the loss cannot fall below ln(e + C - 1) - 1, .905 for 5 classes, 1.461 for 10. In the last layer and
    in the loss: on JAX and PyTorch the same; on TensorFlow Keras warns and takes the numbers before the softmax, so
    that this training is right, and the program waits to go wrong elsewhere.

    ## Remedies
    One softmax: in the last layer, with a loss that was not told of logits.

    ## References
    keras-team/keras-hub PR 1008 ("one of the larger pain points"); keras-team/keras#15271; tf-keras#485.
    """

    family = "model"
    severity = Severity.WARNING
    message = _("Softmax or sigmoid is applied twice: {statement}.")

    causes = (
        Cause("two-softmax-layers", _("two layers apply it"), two_softmax_layers, remedies=(SingleSoftmax(),)),
        Cause(
            "activation-and-from-logits",
            _("the last layer and the loss apply it; TensorFlow leaves one out, JAX and PyTorch do not"),
            activation_and_from_logits,
            (LossOnLogits(),),
        ),
    )
    examples = (Unhealthy(softmax_and_logits, confirms=("activation-and-from-logits",)), Healthy(shuffled_digits))

    def check(self, heads: list[Head], model: Model) -> Evidence | None:
        for head in heads:
            if head.kind not in {"binary", "categorical", "sparse"}:
                continue
            earlier = _earlier(head, model)
            if earlier is not None:
                statement = _("{first} and {second}").format(first=earlier.name, second=head.where)
                return Evidence(statement, quantity="model", where=head.where)
            if _told_logits(head):
                statement = _("{activation} in {layer}, and from_logits=True in the loss")
                return Evidence(
                    statement.format(activation=head.activation, layer=head.where), quantity="compile", where=head.where
                )
        return None
