"""`repeated-shuffle`."""

from __future__ import annotations

from dataclasses import replace

from kerasdoctor.diagnosis import Evidence, Severity, Status
from kerasdoctor.examples import piped_digits, shuffled_digits
from kerasdoctor.locale import _
from kerasdoctor.record import Data, Fit, TrainingRecord
from kerasdoctor.rule import Cause, Healthy, Rule, Unhealthy


def _seeded(fit: Fit, data: Data) -> bool:
    return data.kind == "arrays" and fit.shuffle and fit.seed is not None and fit.backend == "tensorflow"


def _once(data: Data) -> bool:
    shuffles = [step for step in data.pipeline if step.kind == "shuffle"]
    return bool(shuffles) and all(step.settings.get("reshuffle_each_iteration") is False for step in shuffles)


def global_seed(fit: Fit, data: Data) -> tuple[Status, Evidence]:
    """Whether `set_random_seed` was called, and TensorFlow shuffles the arrays."""
    if _seeded(fit, data):
        return Status.CONFIRMED, Evidence(_("the global seed is {seed}").format(seed=fit.seed), quantity="fit")
    return Status.RULED_OUT, Evidence(_("no global seed orders these rows"), quantity="fit")


def shuffled_once(data: Data) -> tuple[Status, Evidence]:
    """Whether every shuffle of the pipeline is told not to shuffle anew."""
    if _once(data):
        return Status.CONFIRMED, Evidence(_("reshuffle_each_iteration is False"), quantity="data")
    return Status.RULED_OUT, Evidence(_("no pipeline with reshuffle_each_iteration=False"), quantity="data")


def _with_seed(backend: str) -> TrainingRecord:
    record = shuffled_digits()
    record.fit = replace(record.fit, seed=1, backend=backend)
    return record


def _with_seed_on_tensorflow() -> TrainingRecord:
    """Digits behind `set_random_seed(1)` on TensorFlow."""
    return _with_seed("tensorflow")


def _with_seed_on_torch() -> TrainingRecord:
    """The same on PyTorch, whose loader draws a new order in every epoch."""
    return _with_seed("torch")


def _shuffled_once() -> TrainingRecord:
    """A pipeline that is shuffled with `reshuffle_each_iteration=False`."""
    record = piped_digits()
    source, shuffle, batch = record.data.pipeline
    shuffle = replace(shuffle, settings={**shuffle.settings, "reshuffle_each_iteration": False})
    record.data = replace(record.data, pipeline=(source, shuffle, batch))
    return record


class RepeatedShuffle(Rule):
    """Every epoch goes through the rows in the same random order.

    ## What it sees
    Arrays that Keras shuffles on TensorFlow after `keras.utils.set_random_seed`, or a `tf.data` pipeline whose every
    `shuffle` is told not to shuffle anew; and two epochs or more.

    ## How it is told apart
    A global seed fixes the seed of the shuffle too, which starts again at every epoch. The setting of a pipeline is
    read from the pipeline.

    ## Remedies
    Usually none: the order is random once, and the batches are the same in every epoch. Where it matters, shuffle in
    the pipeline: `.shuffle(n, seed=1, reshuffle_each_iteration=True)` gives other orders that can be repeated.

    ## References
    Measured with Keras 3.15 on TensorFlow: after `set_random_seed(1)` five epochs of two fits had one order.
    """

    family = "loop"
    severity = Severity.INFO
    message = _("All {value:.0f} epochs go through the rows in the same order: {statement}.")

    causes = (
        Cause("global-seed", _("a global seed starts the shuffle again"), examine=global_seed),
        Cause("shuffled-once", _("the pipeline is not shuffled anew"), examine=shuffled_once),
    )

    examples = (
        Unhealthy(_with_seed_on_tensorflow, confirms=("global-seed",)),
        Unhealthy(_shuffled_once, confirms=("shuffled-once",)),
        Healthy(_with_seed_on_torch),
    )

    def check(self, fit: Fit, data: Data) -> Evidence | None:
        epochs = fit.epochs - fit.initial_epoch
        if fit.loop or epochs < 2:
            return None
        if _seeded(fit, data):
            if (data.n_train or 0) <= (fit.batch_size or 32):
                # one batch has no order
                return None
            statement = _("keras.utils.set_random_seed was called, and the shuffle starts again at each epoch")
        elif _once(data):
            statement = _("the pipeline shuffles once, with reshuffle_each_iteration=False")
        else:
            return None
        return Evidence(statement, quantity="fit", value=float(epochs))
