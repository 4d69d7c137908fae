"""`random-inference`."""

from __future__ import annotations

from kerasdoctor.diagnosis import Evidence, Severity, Status
from kerasdoctor.examples import shuffled_digits, with_quantities
from kerasdoctor.locale import _
from kerasdoctor.quantities.inference_randomness import InferenceRandomness
from kerasdoctor.record import Outcome, TrainingRecord
from kerasdoctor.rule import Cause, Healthy, NotMeasured, Rule, Unhealthy

#: Share of the outputs' size beyond which two passes differ by more than the rounding of float16, 2^-11 an operation.
ROUNDING = 0.01


def training_hard_coded(inference_randomness: InferenceRandomness) -> tuple[Status, Evidence]:
    """Whether a layer of Keras's, which draws in training alone, drew random numbers."""
    return _drew(inference_randomness.keras_layers, _("no layer of Keras's drew random numbers"))


def random_layer(inference_randomness: InferenceRandomness) -> tuple[Status, Evidence]:
    """Whether a layer of a class of the user's own drew random numbers."""
    if not inference_randomness.own_layers and not inference_randomness.keras_layers:
        statement = _("measured, undecided: no layer drew from a seed generator of Keras's, so the layer is not known")
        return Status.POSSIBLE, Evidence(statement, quantity="inference_randomness")
    return _drew(inference_randomness.own_layers, _("no layer of a class of your own drew random numbers"))


def _drew(layers: tuple[str, ...], otherwise: str) -> tuple[Status, Evidence]:
    if not layers:
        return Status.RULED_OUT, Evidence(otherwise, quantity="inference_randomness")
    statement = _("{layers} drew random numbers in inference mode").format(layers=", ".join(layers))
    return Status.CONFIRMED, Evidence(statement, quantity="inference_randomness", where=layers[0])


def _digits(*, difference: float, layers: tuple[str, ...]) -> TrainingRecord:
    return with_quantities(shuffled_digits(), inference_randomness=InferenceRandomness(difference, layers, ()))


def digits_with_dropout_for_ever() -> TrainingRecord:
    """Digits through a Dropout that was called with training=True."""
    return _digits(difference=0.42, layers=("dropout",))


def repeatable_digits() -> TrainingRecord:
    """Digits whose rows get the same outputs twice."""
    return _digits(difference=0.0, layers=())


class RandomInference(Rule):
    """The same rows get different predictions each time.

    ## What it sees
    `%kdoctor check` shows the same training rows to the model twice, in inference mode. The rule speaks where the
    outputs differ by more than 1 % of their size, which rounding does not explain. It is a note, no warning: Monte
    Carlo dropout and the sampling layer of a variational autoencoder do so on purpose.

    ## How it is told apart
    By the seed generators that moved. Dropout, noise and augmentation of Keras's draw in training alone, so one that
    drew was called with `training=True`; a layer of a class of your own draws whenever its `call` says so.

    ## Remedies
    Call the layer without `training`, so that Keras tells it the mode; in a layer of your own, draw only if `training`.
    No code is written: the call stands in your own.

    ## References
    Keras documentation of the `training` argument of `Layer.call`; Gal and Ghahramani (2016), Dropout as a Bayesian
    approximation (where it is meant).
    """

    family = "model"
    severity = Severity.INFO
    message = _("The predictions are random: {statement}.")

    causes = (
        Cause(
            "training-hard-coded",
            _("a layer is always called in training mode; leave training=True out of its call"),
            training_hard_coded,
        ),
        Cause(
            "random-layer",
            _("a layer of your own draws random numbers in inference, too; draw them only if training"),
            random_layer,
        ),
    )
    examples = (
        Unhealthy(digits_with_dropout_for_ever, confirms=("training-hard-coded",)),
        Healthy(repeatable_digits),
    )

    def check(self, outcome: Outcome, inference_randomness: InferenceRandomness | None = None) -> Evidence | None:
        if inference_randomness is None:
            if outcome.status == "checked":
                raise NotMeasured("inference_randomness")
            # a fit is no check: nothing is missing from it
            return None
        difference = inference_randomness.difference
        if not difference > ROUNDING:
            return None
        statement = _("in inference mode the outputs of the same rows differ by {share:.1%} of their size")
        return Evidence(
            statement.format(share=difference),
            quantity="inference_randomness",
            value=difference,
            threshold=ROUNDING,
        )
