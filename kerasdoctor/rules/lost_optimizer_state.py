"""`lost-optimizer-state`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from kerasdoctor.diagnosis import Evidence, Severity, Status
from kerasdoctor.examples import digits_with_steps
from kerasdoctor.locale import _
from kerasdoctor.quantities.initial_weights import InitialWeights, Spread
from kerasdoctor.record import Compile, Earlier, Fit, Layer, Model, TrainingRecord
from kerasdoctor.remedies.continue_training import ContinueTraining
from kerasdoctor.remedies.kept_state import KeptState
from kerasdoctor.rule import Cause, Healthy, Rule, Unhealthy

#: Variables that begin with zeros unless their layer says otherwise.
_FROM_ZERO = {"bias": "bias_initializer", "beta": "beta_initializer"}


def _has_state(compile: Compile) -> bool:  # noqa: A002 (what it is called in the record)
    """Whether a new optimizer has lost something: moments, or the place in a schedule."""
    scheduled = isinstance(compile.optimizer_config.get("learning_rate"), Mapping)
    return compile.optimizer != "SGD" or bool(compile.optimizer_config.get("momentum")) or scheduled


def _from_zero(layer: Layer, name: str) -> bool:
    """Whether a variable of the layer begins with zeros."""
    initializer = layer.config.get(_FROM_ZERO.get(name, ""))
    return (
        isinstance(initializer, Mapping)
        and initializer.get("class_name") == "Zeros"
        and not layer.config.get("unit_forget_bias")
    )


def _biases(model: Model, weights: InitialWeights) -> list[tuple[str, Spread]]:
    """Trainable variables that begin with zeros, with what they hold now."""
    layers = {layer.path: layer for layer in model.layers if layer.path}
    found = []
    for path, spread in weights.variables.items():
        owner, _slash, name = path.rpartition("/")
        if owner in layers and _from_zero(layers[owner], name):
            found.append((path, spread))
    return found


def _moved(model: Model, weights: InitialWeights | None) -> list[str]:
    """Paths of the variables that began with zeros, when none of them has stayed there; empty otherwise."""
    biases = [] if weights is None else _biases(model, weights)
    moved = [path for path, spread in biases if spread.mean != 0 or spread.deviation != 0]
    return moved if len(moved) == len(biases) else []


def compiled_again(model: Model, earlier: Earlier | None = None) -> tuple[Status, Evidence]:
    """Whether the fit before it had trained the same model with another optimizer object of equal settings."""
    if earlier is None:
        known = _("no fit had trained this model object before")
        if model.fitted is False:
            return Status.RULED_OUT, Evidence(known, quantity="model")
        return Status.POSSIBLE, Evidence(_("not measured: whether a fit that was not watched had trained it"))
    statement = _(
        "the optimizer of the fit before had made {before:,} updates, this one has the same settings and has made {now}"
    ).format(before=earlier.iterations, now=earlier.iterations_now)
    return Status.CONFIRMED, Evidence(statement, quantity="earlier", value=float(earlier.iterations))


def weights_only_file(
    model: Model, earlier: Earlier | None = None, initial_weights: InitialWeights | None = None
) -> tuple[Status, Evidence]:
    """Whether a model that was never fitted here has trained weights."""
    if earlier is not None:
        return Status.RULED_OUT, Evidence(_("the model object was trained here"), quantity="earlier")
    moved = _moved(model, initial_weights)
    if not moved:
        return Status.POSSIBLE, Evidence(_("not measured: whether the weights are trained"))
    statement = _("no fit had trained this model object, and none of its {count} biases is at the 0 it began with")
    return Status.CONFIRMED, Evidence(
        statement.format(count=len(moved)), quantity="initial_weights", where=moved[0], value=float(len(moved))
    )


def _resumed(*, bias: float) -> TrainingRecord:
    """Digits from epoch 20 on, with a new optimizer and the biases at `bias`."""
    record = digits_with_steps()
    record.fit = replace(record.fit, epochs=record.fit.epochs + 20, initial_epoch=20)
    zeros = {"bias_initializer": {"class_name": "Zeros", "config": {}}}
    layers = tuple(
        replace(layer, config={**layer.config, **zeros}) if layer.kind == "Dense" else layer
        for layer in record.model.layers
    )
    record.model = replace(record.model, layers=layers, fitted=False)
    weights = record.quantities["initial_weights"]
    biases = {
        f"{layer.path}/bias": Spread((10,), bias, abs(bias), float("nan"), float("nan"))
        for layer in layers
        if layer.kind == "Dense"
    }
    record.quantities["initial_weights"] = replace(weights, variables={**weights.variables, **biases})
    return record


def _from_file() -> TrainingRecord:
    """A new model into which `load_weights` has put trained weights, then `initial_epoch=20`."""
    return _resumed(bias=0.03)


def _compiled_again() -> TrainingRecord:
    """`compile` with the same arguments between two fits, the second with `initial_epoch=20`."""
    record = _resumed(bias=0.03)
    record.model = replace(record.model, fitted=True)
    record.earlier = Earlier(
        run="digits",
        asked=20,
        epochs=20,
        resumed_at=20,
        iterations=900,
        same_weights=True,
        optimizer="equal",
        known_rows=1.0,
        moved_rows=0.0,
    )
    return record


def _counted_on() -> TrainingRecord:
    """Fresh weights, and `initial_epoch` only for the count."""
    return _resumed(bias=0.0)


class LostOptimizerState(Rule):
    """A resumed training has its weights, but not the state of its optimizer.

    ## What it sees
    The optimizer has made no update when `fit` begins, and the weights are trained: the fit before, watched, left them
    to the last bit and its optimizer had the same settings; or `initial_epoch` is above 0 in a model that was never
    fitted here, and none of its biases is at the 0 that it begins with. Facts, with no threshold. With `initial_epoch`
    it is a warning, without it a note. Plain SGD with a constant rate has no state to lose. Other settings of the
    optimizer, or other trainable variables, are a new phase of the training, and say nothing.

    ## How it is told apart
    Compiled again: the fit before trained this model object, with another optimizer object. A weights-only file: the
    model object is new.

    ## Remedies
    Do not compile between two fits that belong together: a cell goes on with the optimizer that there is now. Save the
    whole model (`model.save("model.keras")`, then `load_model`, which brings the optimizer) or let `BackupAndRestore`
    do it. What is lost comes back after some steps: moments within about 1 / (1 - beta) of them, a schedule not at all.

    ## References
    keras-team/keras#2378, #11077, #16023. Measured: `optimizer.iterations` is 0 after `compile` and after
    `load_weights` of a weights-only file into a new model, and what it was after `load_model`.
    """

    family = "loop"
    severity = Severity.WARNING
    message = _("The training goes on without the state of its optimizer: {statement}.")

    causes = (
        Cause(
            "compiled-again",
            _("the model was compiled again between the two fits"),
            examine=compiled_again,
            remedies=(ContinueTraining(), KeptState()),
        ),
        Cause(
            "weights-only-file",
            _("the weights came from elsewhere, as a weights-only file brings them"),
            examine=weights_only_file,
            remedies=(ContinueTraining(), KeptState()),
        ),
    )

    examples = (
        Unhealthy(_compiled_again, confirms=("compiled-again",)),
        Unhealthy(_from_file, confirms=("weights-only-file",)),
        Healthy(_counted_on),
    )

    def severity_in(self, record: TrainingRecord) -> Severity:
        resumed = record.fit.initial_epoch or (record.earlier is not None and record.earlier.resumed_at)
        return Severity.WARNING if resumed else Severity.INFO

    def check(
        self,
        fit: Fit,
        model: Model,
        compile: Compile,  # noqa: A002 (what it is called in the record)
        earlier: Earlier | None = None,
        initial_weights: InitialWeights | None = None,
    ) -> Evidence | None:
        if fit.loop or not _has_state(compile):
            return None
        if earlier is not None:
            lost = earlier.iterations > 0 and not earlier.iterations_now and earlier.optimizer == "equal"
            trained = earlier.same_weights or (
                earlier.resumed_at > 0 and earlier.same_variables and bool(_moved(model, initial_weights))
            )
            if not lost or not trained:
                return None
            statement = _("{optimizer} had made {before:,} updates, and begins again at 0").format(
                optimizer=compile.optimizer, before=earlier.iterations
            )
            return Evidence(statement, quantity="earlier", value=float(earlier.iterations))
        if not fit.initial_epoch or model.iterations or model.fitted is not False:
            return None
        if not _moved(model, initial_weights):
            return None
        statement = _("epoch {epoch} begins with trained weights, and {optimizer} at 0 updates").format(
            epoch=fit.initial_epoch + 1, optimizer=compile.optimizer
        )
        return Evidence(statement, quantity="model", value=0.0)
