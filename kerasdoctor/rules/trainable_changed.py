"""`trainable-changed`."""

from __future__ import annotations

from dataclasses import replace

from kerasdoctor.diagnosis import Evidence, Severity, Status
from kerasdoctor.examples import shuffled_digits, unfrozen_digits
from kerasdoctor.locale import _
from kerasdoctor.record import Model, TrainingRecord
from kerasdoctor.remedies.compile_again import CompileAgain
from kerasdoctor.rule import Cause, Healthy, NotMeasured, Rule, Unhealthy


def _known(model: Model, path: str) -> bool:
    """Whether a variable belongs to a layer of the model."""
    return any(layer.path and path.startswith(f"{layer.path}/") for layer in model.layers)


def _difference(model: Model) -> tuple[list[str], list[str]]:
    """Variables that the model trains and the optimizer does not know, and the other way round."""
    now, then = set(model.trainable_variables), set(model.optimizer_variables)
    return (
        [path for path in model.trainable_variables if path not in then],
        [path for path in model.optimizer_variables if path not in now],
    )


def _named(layers: tuple[str, ...]) -> str:
    return _("`trainable` of {count} layers is not what it was then, such as {name}").format(
        count=len(layers), name=layers[0]
    )


def changed_after_compile(model: Model) -> tuple[Status, Evidence]:
    """Whether the variables are the model's own, and their `trainable` differs from then."""
    if not model.optimizer_variables:
        return Status.CONFIRMED, Evidence(_named(model.changed_layers), quantity="model", where=model.changed_layers[0])
    unfrozen, frozen = _difference(model)
    strange = [path for path in frozen if not _known(model, path)]
    if strange:
        statement = _("{name} belongs to no layer of this model").format(name=strange[0])
        return Status.RULED_OUT, Evidence(statement, quantity="model", where=strange[0], value=float(len(strange)))
    parts = []
    if unfrozen:
        parts.append(
            _("{count} variables are trainable now and were not then, such as {name}").format(
                count=len(unfrozen), name=unfrozen[0]
            )
        )
    if frozen:
        parts.append(
            _("{count} were trainable then and are not now, such as {name}").format(count=len(frozen), name=frozen[0])
        )
    return Status.CONFIRMED, Evidence(
        "; ".join(parts), quantity="model", where=(unfrozen or frozen)[0], value=float(len(unfrozen) + len(frozen))
    )


def optimizer_of_another_model(model: Model) -> tuple[Status, Evidence]:
    """Whether the optimizer was built for variables that this model does not have."""
    strange = [path for path in _difference(model)[1] if not _known(model, path)]
    if not model.optimizer_variables:
        return Status.RULED_OUT, Evidence(_("the optimizer has no variables yet"), quantity="model", value=0.0)
    if not strange:
        statement = _("all {count} variables of the optimizer belong to layers of this model")
        return Status.RULED_OUT, Evidence(
            statement.format(count=len(model.optimizer_variables)), quantity="model", value=0.0
        )
    statement = _("{count} variables of the optimizer belong to no layer of this model, such as {name}")
    return Status.CONFIRMED, Evidence(
        statement.format(count=len(strange), name=strange[0]),
        quantity="model",
        where=strange[0],
        value=float(len(strange)),
    )


def _before_the_first_fit() -> TrainingRecord:
    """Digits whose first layer was frozen between `compile` and the first fit."""
    record = shuffled_digits()
    record.model = replace(record.model, changed_layers=("dense",))
    return record


class TrainableChanged(Rule):
    """What is trainable changed after `compile`, and the optimizer does not know it.

    ## What it sees
    An optimizer that has made updates before, and whose variables are not the ones that the model calls trainable
    when `fit` begins. A fact, with no threshold. On TensorFlow layers that were unfrozen learn nothing, and layers
    that were frozen go on learning, with the step that an earlier `fit` compiled. On JAX it raises an error about
    `optimizer_variables`. Or, as a note, layers whose `trainable` differs from what it was at `compile`, where no fit
    came in between: Keras 3 builds the optimizer and compiles the step in the first `fit`, for what is trainable then,
    so that the change takes effect this time. Keras 3.15 warns of neither.

    ## How it is told apart
    Changed after `compile`: every variable belongs to a layer of this model. An optimizer of another model: it holds
    variables that no layer here has, for layers were replaced or the optimizer object was used twice.

    ## Remedies
    `compile` again, with a new optimizer: only then `trainable` counts.

    ## References
    keras-team/keras#6405, #9940, #13404; PR #22413. Measured with Keras 3.15 on TensorFlow: which variables a fit
    changes, after `trainable` was set between `compile` and the first fit, and between two fits.
    """

    family = "optimization"
    severity = Severity.ERROR
    message = _("What is trainable was changed after `compile`: {statement}.")

    causes = (
        Cause(
            "changed-after-compile",
            _("`trainable` was changed and the model not compiled again"),
            examine=changed_after_compile,
            remedies=(CompileAgain(),),
        ),
        Cause(
            "optimizer-of-another-model",
            _("the optimizer was built for other layers"),
            examine=optimizer_of_another_model,
            remedies=(CompileAgain(),),
        ),
    )

    examples = (
        Unhealthy(unfrozen_digits, confirms=("changed-after-compile",)),
        Unhealthy(_before_the_first_fit, confirms=("changed-after-compile",)),
        Healthy(shuffled_digits),
    )

    def severity_in(self, record: TrainingRecord) -> Severity:
        # without variables of the optimizer the change takes effect
        return Severity.ERROR if record.model.optimizer_variables else Severity.INFO

    def check(self, model: Model) -> Evidence | None:
        if not model.trainable_parameters and not model.trainable_variables and not model.layers:
            raise NotMeasured(_("the variables of the model"))
        if model.changed_layers and not model.optimizer_variables:
            statement = _("{what}; no fit came in between, so this one trains what is trainable now").format(
                what=_named(model.changed_layers)
            )
            return Evidence(statement, quantity="model", where=model.changed_layers[0])
        unfrozen, frozen = _difference(model)
        if not model.optimizer_variables or not model.trainable_variables or not (unfrozen or frozen):
            return None
        statement = _(
            "the optimizer holds {then} variables, the model has {now} trainable ones, and {differ} belong to one alone"
        ).format(
            then=len(model.optimizer_variables),
            now=len(model.trainable_variables),
            differ=len(unfrozen) + len(frozen),
        )
        return Evidence(statement, quantity="model", value=float(len(unfrozen) + len(frozen)), threshold=0.0)
