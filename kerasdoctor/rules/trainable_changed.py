"""`trainable-changed`."""

from __future__ import annotations

from kerasdoctor.diagnosis import Evidence, Severity, Status
from kerasdoctor.examples import shuffled_digits, unfrozen_digits
from kerasdoctor.locale import _
from kerasdoctor.record import Model
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


def changed_after_compile(model: Model) -> tuple[Status, Evidence]:
    """Whether the variables are the model's own, and their `trainable` differs from then."""
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


class TrainableChanged(Rule):
    """What is trainable changed after `compile`, and the optimizer does not know it.

    ## What it sees
    An optimizer that has made updates before, and whose variables are not the ones that the model calls trainable
    when `fit` begins. A fact, with no threshold. Keras 3 says nothing of it on TensorFlow: layers that were
    unfrozen learn nothing, and layers that were frozen go on learning with the step that an earlier `fit` compiled. On
    JAX it raises an error about `optimizer_variables`.

    ## How it is told apart
    Changed after `compile`: every variable belongs to a layer of this model. An optimizer of another model: it holds
    variables that no layer here has, for layers were replaced or the optimizer object was used twice.

    ## Remedies
    `compile` again, with a new optimizer: only then `trainable` counts.

    ## References
    keras-team/keras#6405, #9940, #13404; PR #22413 (a warning, not merged).
    """

    family = "optimization"
    severity = Severity.ERROR
    message = _("The optimizer was built for other variables than the model calls trainable: {statement}.")

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

    examples = (Unhealthy(unfrozen_digits, confirms=("changed-after-compile",)), Healthy(shuffled_digits))

    def check(self, model: Model) -> Evidence | None:
        if not model.trainable_parameters and not model.trainable_variables and not model.layers:
            raise NotMeasured(_("the variables of the model"))
        unfrozen, frozen = _difference(model)
        if not model.optimizer_variables or not model.trainable_variables or not (unfrozen or frozen):
            return None
        statement = _(
            "it holds {then}, the model has {now} trainable ones, and {differ} belong to one of them alone"
        ).format(
            then=len(model.optimizer_variables),
            now=len(model.trainable_variables),
            differ=len(unfrozen) + len(frozen),
        )
        return Evidence(statement, quantity="model", value=float(len(unfrozen) + len(frozen)), threshold=0.0)
