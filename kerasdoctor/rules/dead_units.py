"""`dead-units`."""
# ruff: noqa: A002 - parts of the record are injected by their names, `compile` too

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from kerasdoctor.diagnosis import Evidence, Severity, Status, When
from kerasdoctor.examinations import at_rate, kernels, scale_of_inputs
from kerasdoctor.examples import dead_digits, living_digits
from kerasdoctor.locale import _
from kerasdoctor.quantities.dead_units import DeadUnits as Dead
from kerasdoctor.quantities.initial_weights import InitialWeights
from kerasdoctor.quantities.input_range import InputRange
from kerasdoctor.quantities.learning_rate import LearningRate
from kerasdoctor.quantities.update_ratio import UpdateRatio
from kerasdoctor.quantities.zero_share import ZeroShare
from kerasdoctor.record import Compile, Data, Layer, Model
from kerasdoctor.remedies.default_initialization import DefaultInitialization
from kerasdoctor.remedies.leaky_activation import LeakyActivation
from kerasdoctor.remedies.min_max_normalization import MinMaxNormalization
from kerasdoctor.remedies.smaller_learning_rate import SmallerLearningRate
from kerasdoctor.remedies.weaker_penalty import WeakerPenalty
from kerasdoctor.rule import Cause, Healthy, NotMeasured, Rule, Unhealthy

#: Share of the outputs of a whole layer that are 0. Healthy layers of 16 to 512 units: at most 0.94, with Adam at 0.01
#: (tests/accuracy/simulations/OPTIMIZATION.md). A layer that is all 0 passes nothing on.
ALL = 0.9999
#: Share of the units that are dead for 512 rows, and by how much it grew since initialization. Healthy layers: 0.44,
#: of a network of ten layers with batch normalization.
MOST, GROWN = 0.95, 0.5
#: Validation rows without which a layer of 0 may be chance.
LEAST_ROWS = 64
#: Share of its norm by which one step changes a kernel that is thrown away: Adam at its default begins with 0.01.
LONG = 0.3

_CUT = {"relu", "relu6"}


def _cut(model: Model) -> dict[str, Layer]:
    """Paths of the hidden layers whose units can die."""
    outputs = {output.layer for output in model.outputs}
    last = {layer.name for layer in model.layers[-1:]}
    return {
        layer.path: layer
        for layer in model.layers
        if layer.path and layer.name not in (outputs or last) and (layer.activation in _CUT or layer.kind == "ReLU")
    }


def long_steps(
    compile: Compile, update_ratio: UpdateRatio, learning_rate: LearningRate | None = None
) -> tuple[Status, Evidence]:
    """Whether single steps changed the weights by much of their size."""
    columns = kernels(update_ratio.columns)
    values = update_ratio.maximum[:, columns] if columns else np.empty((0, 0))
    if not np.isfinite(values).any():
        return Status.POSSIBLE, Evidence(_("not measured: no update of a kernel was seen"), quantity="update_ratio")
    longest = float(np.nanmax(values))
    statement = _("the longest step changed a kernel by {share:.0%} of its norm").format(share=longest)
    statement += at_rate(compile, learning_rate)
    found = Evidence(statement, quantity="update_ratio", value=longest, threshold=LONG)
    return (Status.CONFIRMED if longest >= LONG else Status.RULED_OUT), found


def dead_at_initialization(evidence: Evidence, dead_units: Dead | None = None) -> tuple[Status, Evidence]:
    """Whether the units were dead before the first step."""
    if dead_units is None or not dead_units.at_initialization or evidence.where not in dead_units.columns:
        return Status.POSSIBLE, Evidence(
            _("not measured: the units were not counted before the first step"), quantity="dead_units"
        )
    index = dead_units.columns.index(evidence.where)
    share = dead_units.at_initialization[index] / max(dead_units.units[index], 1)
    statement = _("{share:.0%} of its units were dead before the first step").format(share=share)
    found = Evidence(statement, quantity="dead_units", where=evidence.where, value=share, threshold=0.5)
    return (Status.CONFIRMED if share >= 0.5 else Status.RULED_OUT), found


def large_activity_penalty(evidence: Evidence, model: Model) -> tuple[Status, Evidence]:
    """Whether its outputs are penalized, which are least at 0."""
    layer = next((layer for layer in model.layers if layer.path == evidence.where), None)
    regularizer = layer.config.get("activity_regularizer") if layer is not None else None
    if not isinstance(regularizer, Mapping):
        return Status.RULED_OUT, Evidence(_("it has no activity_regularizer"), quantity="model", where=evidence.where)
    config = regularizer.get("config")
    values = ", ".join(f"{key}={value}" for key, value in config.items()) if isinstance(config, Mapping) else ""
    statement = _("its activity_regularizer {kind}({values}) is least where all outputs are 0").format(
        kind=regularizer.get("class_name"), values=values
    )
    return Status.CONFIRMED, Evidence(statement, quantity="model", where=evidence.where)


def negative_bias(evidence: Evidence, initial_weights: InitialWeights) -> tuple[Status, Evidence]:
    """Whether the biases begin so low that no row reaches a unit."""
    bias = initial_weights.variables.get(f"{evidence.where}/bias")
    if bias is None:
        return Status.RULED_OUT, Evidence(_("it has no bias that is trained"), quantity="initial_weights")
    statement = _("its biases begin at {mean:.3g} on average").format(mean=bias.mean)
    found = Evidence(statement, quantity="initial_weights", where=evidence.where, value=bias.mean, threshold=-1.0)
    # what reaches a unit of a scaled network has a standard deviation of about 1
    return (Status.CONFIRMED if bias.mean <= -1.0 else Status.RULED_OUT), found


def unscaled_inputs(model: Model, input_range: InputRange) -> tuple[Status, Evidence]:
    """Whether the inputs are far larger than a network is initialized for; that they are does not say they did it."""
    status, found = scale_of_inputs(model, input_range)
    if status is not Status.CONFIRMED:
        return status, found
    statement = _("measured, undecided: {statement}; a run with scaled inputs would tell")
    return Status.POSSIBLE, replace(found, statement=statement.format(statement=found.statement))


class DeadUnits(Rule):
    """The relu units of a hidden layer put out 0 whatever they are shown, and no gradient brings them back.

    ## What it sees
    A hidden layer with relu whose outputs are 0 for every unit, row and position of a whole validation, at the last
    two looks; or 95 % of whose units are 0 for each of 512 rows, half of its units more than at initialization. Single
    dead units are no fault: after 20 layers of relu a third is dead from the start, and wide layers lose most of theirs
    while they learn well. A layer whose weights began at 0 is told by `constant-initialization`.

    ## How it is told apart
    Long steps: one step changed a kernel by 30 % of its norm or more. Dead at initialization: half of the units were
    dead before the first step. Negative biases: they begin at -1 or below. A penalty on its outputs, which is least
    where all are 0. Large inputs: they lengthen the steps.

    ## Remedies
    A smaller learning rate; normalized inputs; He's initialization and biases of 0; leaky relu.

    ## References
    Lu et al. (2019), Dying ReLU and initialization; Maas et al. (2013), on leaky relu; keras-team/keras#3687, #7057.
    """

    family = "optimization"
    severity = Severity.WARNING
    explains = ("learning-rate-too-low", "majority-predictor", "underfitting", "vanishing-gradients")
    message = _("Dead units in {where}: {statement}.")

    causes = (
        Cause(
            "long-steps",
            _("a long step pushed the weights to where no row activates them"),
            examine=long_steps,
            remedies=(SmallerLearningRate(), LeakyActivation()),
        ),
        Cause(
            "dead-at-initialization",
            _("the units were dead before training"),
            examine=dead_at_initialization,
            remedies=(DefaultInitialization(), LeakyActivation()),
        ),
        Cause(
            "negative-bias",
            _("the biases begin far below 0"),
            examine=negative_bias,
            remedies=(DefaultInitialization(),),
        ),
        Cause(
            "large-activity-penalty",
            _("its outputs are penalized"),
            examine=large_activity_penalty,
            remedies=(WeakerPenalty(),),
        ),
        Cause(
            "unscaled-inputs",
            _("large inputs lengthen the steps"),
            examine=unscaled_inputs,
            remedies=(MinMaxNormalization(),),
        ),
    )

    examples = (Unhealthy(dead_digits, confirms=("long-steps",)), Healthy(living_digits))

    def check(
        self,
        model: Model,
        data: Data,
        zero_share: ZeroShare | None = None,
        dead_units: Dead | None = None,
        initial_weights: InitialWeights | None = None,
    ) -> list[Evidence] | None:
        if zero_share is None and dead_units is None:
            raise NotMeasured("zero_share")
        # `constant-initialization` tells of those that began at 0
        layers = {path: layer for path, layer in _cut(model).items() if not _began_at_zero(path, initial_weights)}
        found: dict[str, Evidence] = {}
        if dead_units is not None and len(dead_units) >= 2 and dead_units.at_initialization:
            found |= _dying(dead_units, layers)
        if zero_share is not None and len(zero_share) >= 2 and (data.n_validation or 0) >= LEAST_ROWS:
            found |= _silent(zero_share, layers)
        return [found[path] for path in layers if path in found] or None


def _began_at_zero(path: str, weights: InitialWeights | None) -> bool:
    """Whether the kernel and the bias of a layer were 0 before the first step."""
    known = {} if weights is None else weights.variables
    kernel, bias = known.get(f"{path}/kernel"), known.get(f"{path}/bias")
    return kernel is not None and all(part is None or part.mean == part.deviation == 0.0 for part in (kernel, bias))


def _silent(zero_share: ZeroShare, layers: dict[str, Layer]) -> dict[str, Evidence]:
    last = zero_share.mean[-2:]
    return {
        path: Evidence(
            _("all its outputs were 0 for every row of the last two validations"),
            quantity="zero_share",
            where=path,
            when=When(step=int(zero_share.last[-1])),
            value=float(last[-1, index]),
            threshold=ALL,
        )
        for index, path in enumerate(zero_share.columns)
        if path in layers and (last[:, index] >= ALL).all()
    }


def _dying(dead_units: Dead, layers: dict[str, Layer]) -> dict[str, Evidence]:
    units = np.maximum(np.array(dead_units.units, dtype=float), 1)
    if len(units) != len(dead_units.columns) or len(dead_units.at_initialization) != len(units):
        return {}
    shares = dead_units.mean[-2:] / units
    first = np.array(dead_units.at_initialization) / units
    return {
        path: Evidence(
            _(
                "{dead:.0f} of its {units} units are 0 for all of {rows} rows, {before:.0f} were at initialization"
            ).format(
                dead=shares[-1, index] * units[index],
                units=dead_units.units[index],
                rows=dead_units.rows,
                before=dead_units.at_initialization[index],
            ),
            quantity="dead_units",
            where=path,
            when=When(step=int(dead_units.last[-1])),
            value=float(shares[-1, index]),
            threshold=MOST,
        )
        for index, path in enumerate(dead_units.columns)
        if path in layers and (shares[:, index] >= MOST).all() and shares[-1, index] - first[index] >= GROWN
    }
