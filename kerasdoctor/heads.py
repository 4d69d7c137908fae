"""Each output of a model with its loss and its targets: what the rules of the family "model" look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from kerasdoctor.quantities.drawn_targets import DrawnTargets
from kerasdoctor.quantities.target_form import Form, TargetForm
from kerasdoctor.record import Compile, Layer, Loss, Model, Output

Kind = Literal["binary", "categorical", "sparse", "regression", ""]

_KINDS: Mapping[str, Kind] = {
    "binarycrossentropy": "binary",
    "bce": "binary",
    "binaryfocalcrossentropy": "binary",
    "categoricalcrossentropy": "categorical",
    "categoricalfocalcrossentropy": "categorical",
    "sparsecategoricalcrossentropy": "sparse",
    **dict.fromkeys(
        [
            *("mse", "meansquarederror", "mae", "meanabsoluteerror", "mape", "meanabsolutepercentageerror"),
            *("msle", "meansquaredlogarithmicerror", "huber", "logcosh"),
        ],
        "regression",
    ),
}
#: Layers whose values are a linear map of their inputs, unless an activation follows.
_AFFINE = {
    *("Dense", "EinsumDense", "Activation"),
    *(f"{kind}{rank}D" for kind in ("Conv", "SeparableConv", "DepthwiseConv") for rank in (1, 2, 3)),
    *(f"Conv{rank}DTranspose" for rank in (1, 2, 3)),
}


@dataclass(frozen=True, kw_only=True)
class Head:
    """One output with what it is compared with."""

    #: Name that the user knows it by.
    name: str
    #: None for a subclassed model.
    output: Output | None
    #: Layer that makes the output; None where it is no layer of the model.
    layer: Layer | None
    #: Activation that the values come out of; None where it cannot be told.
    activation: str | None
    loss: Loss
    kind: Kind
    train: Form | None
    validation: Form | None
    #: Whether the model has no other output.
    alone: bool

    @property
    def units(self) -> int | None:
        """Size of the last axis."""
        return self.output.shape[-1] if self.output is not None and self.output.shape else None

    @property
    def forms(self) -> list[Form]:
        """Targets of both parts, as far as they are known."""
        return [form for form in (self.train, self.validation) if form is not None]

    @property
    def where(self) -> str:
        """The layer, or the output."""
        return self.output.layer if self.output is not None and self.output.layer else self.name


def heads(
    model: Model,
    compile: Compile,  # noqa: A002 - as the record names it
    target_form: TargetForm | None = None,
    drawn_targets: DrawnTargets | None = None,
) -> list[Head]:
    """Every output with a loss; of a subclassed model the one that there is when it has one loss and one target."""
    train = _merged(target_form.outputs if target_form else {}, drawn_targets.outputs if drawn_targets else {})
    held_out = _merged(target_form.validation if target_form else {}, drawn_targets.validation if drawn_targets else {})
    outputs: Sequence[Output | None] = model.outputs or (None,)
    if not model.outputs and (len(compile.losses) != 1 or len(train) > 1):
        return []
    found = []
    for index, output in enumerate(outputs):
        loss = _loss(compile.losses, output, index, len(outputs))
        if loss is None:
            continue
        layer = next((layer for layer in model.layers if output is not None and layer.name == output.layer), None)
        found.append(
            Head(
                name=output.name if output is not None else "y",
                output=output,
                layer=layer,
                activation=None if output is None else _activation(output, layer),
                loss=loss,
                kind=_kind(loss),
                train=_of(train, output, index, len(outputs)),
                validation=_of(held_out, output, index, len(outputs)),
                alone=len(outputs) == 1,
            )
        )
    return found


def plain(name: str) -> str:
    """A loss's name without underscores, in lower case."""
    return name.replace("_", "").lower()


def _kind(loss: Loss) -> Kind:
    if not loss.builtin or loss.config.get("axis", -1) != -1:
        return ""
    return _KINDS.get(plain(loss.name), "")


def _merged(first: Mapping[str, Form], second: Mapping[str, Form]) -> dict[str, Form]:
    # arrays are examined before the fit and pipelines while they are drawn: a name is in one of them
    return {**second, **first}


def _loss(losses: Sequence[Loss], output: Output | None, index: int, n: int) -> Loss | None:
    named = [loss for loss in losses if output is not None and loss.output == output.name]
    if named:
        return named[0] if len(named) == 1 else None
    if any(loss.output is not None for loss in losses):
        return losses[0] if n == len(losses) == 1 else None
    if len(losses) == n:
        return losses[index]
    # Keras applies a single loss to every output
    return losses[0] if len(losses) == 1 else None


def _of(forms: Mapping[str, Form], output: Output | None, index: int, n: int) -> Form | None:
    if n == 1:
        return next(iter(forms.values())) if len(forms) == 1 else None
    if output is not None and output.name in forms:
        return forms[output.name]
    return forms.get(f"y[{index}]") if len(forms) == n else None


def _activation(output: Output, layer: Layer | None) -> str | None:
    name, kind = output.activation, output.kind
    if kind == "Softmax" and (layer is None or layer.config.get("axis", -1) not in {-1, len(output.shape)}):
        return None
    if kind == "Bidirectional":
        # it may add or multiply its two halves
        return None
    if name != "linear":
        return "softmax" if name == "softmax_v2" else name
    if kind == "TimeDistributed":
        inner = layer.config.get("layer") if layer is not None else None
        kind = inner.get("class_name", "") if isinstance(inner, Mapping) else ""
    # a mean of probabilities has no activation of its own, and is one all the same
    return name if kind in _AFFINE else None


def head_at(where: str | None, found: Sequence[Head]) -> Head:
    """The head that an evidence points at."""
    return next(head for head in found if head.where == where)
