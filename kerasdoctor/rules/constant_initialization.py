"""`constant-initialization`."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from kerasdoctor.diagnosis import Evidence, Severity, Status
from kerasdoctor.examples import constant_digits, drawn_digits
from kerasdoctor.locale import _
from kerasdoctor.quantities.initial_weights import InitialWeights, Spread
from kerasdoctor.record import Layer, Model
from kerasdoctor.remedies.default_initialization import DefaultInitialization
from kerasdoctor.rule import Cause, Healthy, Rule, Unhealthy

#: Spread between units, as a share of the weights, that is rounding and no initialization.
ROUNDING = 1e-6

_ALIKE = {"Dense", "Conv1D", "Conv2D", "Conv3D", "EinsumDense"}


def _equal_units(spread: Spread) -> bool:
    return spread.between_units <= ROUNDING * abs(spread.mean) or spread.deviation == 0.0


def _constant(spread: Spread) -> bool:
    return spread.deviation <= ROUNDING * abs(spread.mean)


def _kernels(model: Model, weights: InitialWeights) -> list[tuple[Layer, Spread, Spread | None]]:
    """Layers with one kernel each, in the order of the model, with its spread and that of the bias."""
    found = []
    for layer in model.layers:
        kernel = weights.variables.get(f"{layer.path}/kernel")
        if layer.path and layer.kind in _ALIKE and kernel is not None:
            found.append((layer, kernel, weights.variables.get(f"{layer.path}/bias")))
    return found


def _never_active(layer: Layer, kernel: Spread, bias: Spread | None, model: Model) -> bool:
    """Whether a relu begins at 0 for every row, where it has no derivative."""
    outputs = {output.layer for output in model.outputs}
    silent = kernel.mean == kernel.deviation == 0.0 and (bias is None or bias.mean == bias.deviation == 0.0)
    return silent and layer.activation in {"relu", "relu6"} and layer.name not in outputs


def _faulty(model: Model, weights: InitialWeights) -> list[tuple[Layer, Spread]]:
    layers = _kernels(model, weights)
    found = {layer.name: (layer, kernel) for layer, kernel, bias in layers if _never_active(layer, kernel, bias, model)}
    if model.kind == "Sequential":
        for (layer, kernel, _bias), (_next, following, _last) in pairwise(layers):
            # units with the same weights in front and behind have the same gradient for ever
            if kernel.shape[-1] > 1 and _equal_units(kernel) and _constant(following):
                found[layer.name] = (layer, kernel)
    return list(found.values())


def zero_kernels(model: Model, initial_weights: InitialWeights) -> tuple[Status, Evidence]:
    """Whether the constant is 0."""
    return _which(model, initial_weights, zero=True)


def constant_kernels(model: Model, initial_weights: InitialWeights) -> tuple[Status, Evidence]:
    """Whether the constant is another number, or all units begin with the same random weights."""
    return _which(model, initial_weights, zero=False)


def _which(model: Model, weights: InitialWeights, *, zero: bool) -> tuple[Status, Evidence]:
    faulty = _faulty(model, weights)
    of_this_kind = [(layer, kernel) for layer, kernel in faulty if (kernel.mean == kernel.deviation == 0.0) == zero]
    layer, kernel = (of_this_kind or faulty)[0]
    initializer = layer.config.get("kernel_initializer")
    name = initializer.get("class_name") if isinstance(initializer, Mapping) else None
    statement = (
        _("every weight of {name} begins at {value:g}")
        if _constant(kernel)
        else _("the units of {name} begin with the same weights, {value:g} on average")
    )
    statement = statement.format(name=layer.name, value=kernel.mean)
    if name:
        statement = _("{statement}, by {initializer}").format(statement=statement, initializer=name)
    found = Evidence(statement, quantity="initial_weights", where=layer.name, value=kernel.mean)
    return (Status.CONFIRMED if of_this_kind else Status.RULED_OUT), found


class ConstantInitialization(Rule):
    """All units of a layer begin with the same weights and stay alike.

    ## What it sees
    The weights before the first step, where the optimizer has made none yet. Two facts, with no threshold. Equal
    units: in a Sequential model all units of a layer begin with the same weights, and so do those of the next one;
    then their gradients are equal too, at every step, but for Dropout. A silent layer: kernel and bias of a hidden relu
    layer are 0; it puts out 0 for every row, and there relu has no derivative. A last layer that begins at 0 is no
    fault, nor is one constant layer between layers drawn at random: it learns.

    ## How it is told apart
    Zeros or another constant, with the initializer that made them.

    ## Remedies
    Keras's default, or He's initialization for relu.

    ## References
    Goodfellow, Bengio and Courville (2016), Deep Learning, section 8.4 (initialization must break the symmetry);
    He et al. (2015), Delving deep into rectifiers.
    """

    family = "optimization"
    severity = Severity.ERROR
    explains = ("dead-units", "majority-predictor", "underfitting", "vanishing-gradients")
    message = _("{where} cannot learn different features: {statement}.")

    causes = (
        Cause(
            "zero-kernels",
            _("the weights are initialized with 0"),
            examine=zero_kernels,
            remedies=(DefaultInitialization(),),
        ),
        Cause(
            "constant-kernels",
            _("the weights are initialized with one value"),
            examine=constant_kernels,
            remedies=(DefaultInitialization(),),
        ),
    )

    examples = (Unhealthy(constant_digits, confirms=("constant-kernels",)), Healthy(drawn_digits))

    def check(self, model: Model, initial_weights: InitialWeights) -> list[Evidence] | None:
        found = []
        for layer, kernel in _faulty(model, initial_weights):
            units = kernel.shape[-1]
            statement = (
                _("its kernel and bias are 0, so its {units} units put out 0 and have no gradient")
                if kernel.mean == kernel.deviation == 0.0 and layer.activation in {"relu", "relu6"}
                else _("its {units} units begin equal and get equal gradients")
            )
            found.append(
                Evidence(
                    statement.format(units=units),
                    quantity="initial_weights",
                    where=layer.name,
                    value=0.0,
                    threshold=ROUNDING,
                )
            )
        return found or None
