"""`cannot-overfit-a-batch`."""

from __future__ import annotations

from dataclasses import replace

from kerasdoctor.diagnosis import Evidence, Severity, Status
from kerasdoctor.examinations import scale_of_inputs
from kerasdoctor.examples import shuffled_digits, with_quantities
from kerasdoctor.locale import _
from kerasdoctor.quantities.input_range import InputRange
from kerasdoctor.quantities.overfit_batch import BY_HEART, Attempt, OverfitBatch, Way
from kerasdoctor.record import Model, Outcome, TrainingRecord
from kerasdoctor.remedies.default_initialization import DefaultInitialization
from kerasdoctor.remedies.larger_learning_rate import LargerLearningRate
from kerasdoctor.remedies.leaky_activation import LeakyActivation
from kerasdoctor.remedies.loss_on_logits import LossOnLogits
from kerasdoctor.remedies.min_max_normalization import MinMaxNormalization
from kerasdoctor.remedies.output_activation import OutputActivation
from kerasdoctor.remedies.smaller_dropout import SmallerDropout
from kerasdoctor.remedies.smaller_learning_rate import SmallerLearningRate
from kerasdoctor.remedies.trainable_layers import TrainableLayers
from kerasdoctor.remedies.weaker_penalty import WeakerPenalty
from kerasdoctor.rule import Cause, Healthy, NotMeasured, Rule, Unhealthy

#: Spread of the outputs over different rows, in their size, below which they are one number: float32 rounds at 1e-7.
SAME = 1e-5


def _other_way(way: Way, found: OverfitBatch, tried: str) -> tuple[Status, Evidence]:
    """Whether another way of training knows the rows by heart."""
    attempt = found.attempt(way)
    if way in found.untried and attempt is None:
        statement = _("not measured: {tried}, no time was left to try").format(tried=tried)
        return Status.POSSIBLE, Evidence(statement, quantity="overfit_batch")
    if attempt is None:
        return Status.RULED_OUT, Evidence(
            _("{tried}: there was nothing to try").format(tried=tried), quantity="overfit_batch"
        )
    if attempt.ended == "seconds":
        statement = _("not measured: {tried}, the time was up after {steps} steps")
        return Status.POSSIBLE, Evidence(
            statement.format(tried=tried, steps=attempt.steps), quantity="overfit_batch", value=attempt.share
        )
    known = (
        _("{tried} the rows are known by heart in {steps} steps")
        if attempt.learned
        else _("{tried} they are not known by heart either")
    )
    return (Status.CONFIRMED if attempt.learned else Status.RULED_OUT), Evidence(
        known.format(tried=tried, steps=attempt.steps),
        quantity="overfit_batch",
        value=attempt.share,
        threshold=BY_HEART,
    )


def _at(way: Way, found: OverfitBatch) -> str:
    attempt = found.attempt(way)
    rate = found.compiled.rate if attempt is None else attempt.rate
    return _("with a learning rate of {rate:g} in place of {given:g}").format(rate=rate, given=found.compiled.rate)


def rate_too_high(overfit_batch: OverfitBatch) -> tuple[Status, Evidence]:
    """Whether a smaller learning rate learns the rows."""
    return _other_way("slower", overfit_batch, _at("slower", overfit_batch))


def rate_too_low(overfit_batch: OverfitBatch) -> tuple[Status, Evidence]:
    """Whether a larger learning rate learns the rows."""
    return _other_way("faster", overfit_batch, _at("faster", overfit_batch))


def training_noise(overfit_batch: OverfitBatch) -> tuple[Status, Evidence]:
    """Whether the rows are learned with every layer in inference mode."""
    return _other_way("without noise", overfit_batch, _("with every layer in inference mode"))


def penalties(overfit_batch: OverfitBatch) -> tuple[Status, Evidence]:
    """Whether the rows are learned without the penalties of regularizers."""
    return _other_way("without penalties", overfit_batch, _("without the penalties of the regularizers"))


def _helped(found: OverfitBatch) -> list[Way]:
    """The other ways that learned the rows."""
    return [attempt.way for attempt in found.attempts[1:] if attempt.learned]


def no_gradient(overfit_batch: OverfitBatch) -> tuple[Status, Evidence]:
    """Whether no gradient reaches a weight in the first step."""
    silent, variables = overfit_batch.without_gradient, overfit_batch.variables
    statement = _("in the first step the gradient of {silent} of {variables} variables is 0 everywhere").format(
        silent=silent, variables=variables
    )
    # Dropout of nearly all units leaves none either, and then another way learns the rows
    cut = silent == variables and not _helped(overfit_batch)
    return (Status.CONFIRMED if cut else Status.RULED_OUT), Evidence(
        statement, quantity="overfit_batch", value=float(silent), threshold=float(variables)
    )


def constant_output(overfit_batch: OverfitBatch) -> tuple[Status, Evidence]:
    """Whether the network ends with one and the same output for every row."""
    statement = _("at the end the outputs of the rows differ by {spread:.2g} of their size").format(
        spread=overfit_batch.spread
    )
    constant = overfit_batch.spread < SAME and not _helped(overfit_batch)
    return (Status.CONFIRMED if constant else Status.RULED_OUT), Evidence(
        statement, quantity="overfit_batch", value=overfit_batch.spread, threshold=SAME
    )


def unscaled_inputs(model: Model, input_range: InputRange) -> tuple[Status, Evidence]:
    """Whether the inputs are far larger than what a network is initialized for."""
    return scale_of_inputs(model, input_range)


def unsuited_loss(overfit_batch: OverfitBatch) -> tuple[Status, Evidence]:
    """Whether none of the other ways learned the rows, which leaves what all of them share."""
    helped = _helped(overfit_batch)
    if helped:
        statement = _("in another way the same loss and outputs are enough: {way}").format(way=helped[0])
        return Status.RULED_OUT, Evidence(statement, quantity="overfit_batch")
    statement = _("measured, undecided: in none of {count} other ways are the rows known; all share loss and outputs")
    return Status.POSSIBLE, Evidence(
        statement.format(count=len(overfit_batch.attempts) - 1), quantity="overfit_batch", threshold=BY_HEART
    )


_LEARNED = Attempt(
    way="as compiled",
    rate=0.001,
    steps=80,
    first=2.42,
    last=1.01,
    penalty=0.0,
    share=1.0,
    stalled=False,
    ended="learned",
)


def _checked(*attempts: Attempt, spread: float = 0.7) -> TrainingRecord:
    record = shuffled_digits()
    record.history = {}
    record.outcome = Outcome(status="checked", seconds=3.1)
    del record.quantities["batch_loss"]
    measured = OverfitBatch(rows=8, attempts=attempts, variables=4, without_gradient=0, spread=spread)
    return with_quantities(record, overfit_batch=measured)


def digits_at_a_rate_of_ten() -> TrainingRecord:
    """Digits under Adam at 10: eight rows are not learned in a thousand steps, and at 0.001 they are in sixty."""
    failed = replace(_LEARNED, rate=10.0, steps=1000, first=2.48, last=2.09, share=0.0, stalled=True, ended="steps")
    return _checked(
        failed,
        replace(failed, way="slower", rate=1.0, last=1.01, share=0.43),
        replace(_LEARNED, way="slower", steps=60, first=2.48, last=1.25),
        replace(failed, way="faster", rate=100.0, last=40.5),
        spread=0.21,
    )


def digits_by_heart() -> TrainingRecord:
    """Digits whose eight rows are known by heart in 80 steps."""
    return _checked(_LEARNED)


class CannotOverfitABatch(Rule):
    """A few rows cannot be learned by heart: something in the program keeps the network from learning at all.

    ## What it sees
    `%kdoctor check --overfit model.fit(...)` trains on up to eight different rows again and again, with the optimizer
    and the loss of `compile`, on copies of the weights: your model stays as it is. Every sound network of some size
    knows so few rows by heart within a thousand steps; its training rows are all it has to please. By heart means that
    90 % of what the best constant prediction gets wrong is right. The rule speaks where that is not reached *and* the
    loss has stalled: at its last pace ten times as many steps would not halve it. A network with fewer than four
    weights for each number to learn is not judged, nor are losses without a known optimum.

    ## How it is told apart
    By trying: the same rows are trained from the same weights with a smaller and with a larger learning rate, with
    every layer in inference mode (no Dropout, no noise, no batch statistics), and without penalties. The way that
    learns them names what was in the way. Beside it, whether any gradient reaches the weights, and whether the network
    puts out the same for every row.

    ## Remedies
    The learning rate that worked; smaller dropout rates; weaker penalties; normalized inputs. Where nothing helps, the
    last activation and the loss do not suit the targets, or the network is cut in two.

    ## References
    Karpathy (2019), A recipe for training neural networks ("overfit one batch"); Goodfellow, Bengio and Courville
    (2016), Deep Learning, 11.5 (fit a tiny data set).
    """

    family = "optimization"
    severity = Severity.WARNING
    message = _("The network cannot learn a few rows by heart: {statement}.")

    causes = (
        Cause(
            "no-gradient",
            _("no gradient reaches the weights"),
            no_gradient,
            remedies=(TrainableLayers(), DefaultInitialization(), LeakyActivation()),
        ),
        Cause(
            "rate-too-high",
            _("the learning rate is too high"),
            rate_too_high,
            (SmallerLearningRate(),),
        ),
        Cause("rate-too-low", _("the learning rate is too low"), rate_too_low, (LargerLearningRate(),)),
        Cause(
            "training-noise",
            _("what layers do in training alone (Dropout, noise, batch statistics) hides the rows"),
            training_noise,
            (SmallerDropout(),),
        ),
        Cause("large-penalty", _("penalties outweigh the loss"), penalties, (WeakerPenalty(),)),
        Cause(
            "constant-output",
            _("the network puts out the same for every row"),
            constant_output,
            remedies=(DefaultInitialization(), LeakyActivation(), SmallerLearningRate()),
        ),
        Cause("unscaled-inputs", _("the inputs are far larger than 1"), unscaled_inputs, (MinMaxNormalization(),)),
        Cause(
            "unsuited-loss",
            _("the loss and the last layer do not suit the targets"),
            unsuited_loss,
            remedies=(LossOnLogits(), OutputActivation()),
        ),
    )
    examples = (
        Unhealthy(digits_at_a_rate_of_ten, confirms=("rate-too-high",)),
        Healthy(digits_by_heart),
        Healthy(shuffled_digits),
    )

    def check(self, outcome: Outcome, overfit_batch: OverfitBatch | None = None) -> Evidence | None:
        if overfit_batch is None:
            if outcome.status == "checked":
                raise NotMeasured("overfit_batch")
            # a fit is no check: nothing is missing from it
            return None
        attempt = overfit_batch.compiled
        if attempt.learned or not (attempt.stalled or attempt.ended == "nonfinite"):
            return None
        if attempt.ended == "nonfinite":
            statement = _("after {steps} steps on the same {rows} rows the loss is no longer finite").format(
                steps=attempt.steps, rows=overfit_batch.rows
            )
        else:
            statement = _(
                "after {steps} steps on the same {rows} rows the loss has gone from {first:.3g} to {last:.3g} and stays"
            ).format(steps=attempt.steps, rows=overfit_batch.rows, first=attempt.first, last=attempt.last)
        return Evidence(statement, quantity="overfit_batch", value=attempt.share, threshold=BY_HEART)
