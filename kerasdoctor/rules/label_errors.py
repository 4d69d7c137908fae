"""`label-errors`."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from kerasdoctor.diagnosis import Evidence, Severity, Status
from kerasdoctor.examples import mislabelled_digits, shuffled_digits, with_quantities
from kerasdoctor.locale import _
from kerasdoctor.quantities.batch_loss import BatchLoss
from kerasdoctor.quantities.held_out_outputs import HeldOutOutputs
from kerasdoctor.quantities.neighbour_labels import NeighbourLabels, Vote
from kerasdoctor.quantities.row_order import RowOrder
from kerasdoctor.quantities.target_range import TargetRange
from kerasdoctor.record import Fit, Metric, Model, Outcome, TrainingRecord
from kerasdoctor.rule import Cause, Healthy, NotMeasured, Rule, Unhealthy

#: Rows below which nothing is said.
FEWEST = 200
#: Cohen's kappa from which on a model can tell wrong labels from its own ignorance, and below which it knows nothing.
SKILL, CHANCE = 0.5, 0.05
#: Share of the surer half of the rows that must disagree, how often against the less sure half, and the level of the
#: binomial test that it is more than `HARD` times as often. Measured on digits with labels redrawn at random: 10 % and
#: more of them give 0.55 to 1.0; classes that overlap, and no wrong label, 0 to 0.47.
SURE, RATIO, HARD, LEVEL = 0.05, 0.5, 0.4, 0.02
#: The same of the votes of the ten nearest training rows: 1 alarm in 2,300 tables of overlapping clouds, moons, digits
#: and tumours, of 300 to 1,000 rows; of 15 % wrong labels it finds 92 % among digits and half among tumours
#: (tests/accuracy/simulations).
VOTED_SKILL, VOTED_LEVEL = 0.6, 0.01
#: Share of the loss of guessing that the lowest validation loss still has, epochs and steps that there were, and
#: standard errors by which near rows may have the same label more often than by chance, of labels that no input tells.
GUESSED, EPOCHS, STEPS, BEYOND = 0.98, 8, 200, 2.0
#: Share of pairs of rows with the same label up to which near rows may tell: two classes of which one has 80 %.
BALANCED = 0.68
#: How far the training accuracy must be above the validation's to say that rows were learned by heart, as Cohen's h: .8
#: against .5, or .38 against .1. A difference of shares alone asks more of ten classes than of two.
BY_HEART = 0.64


@dataclass(frozen=True)
class _Agreement:
    """How predictions and labels of the validation rows agree."""

    rows: int
    kappa: float
    accuracy: float
    #: Share of the surer and of the less sure half of the rows that disagree.
    sure: float
    unsure: float
    p: float
    #: Of `kappa`, where the labels say nothing.
    error: float
    #: Loss of predicting the class shares for every row.
    guessing: float

    @property
    def is_chance(self) -> bool:
        return self.kappa < max(CHANCE, 2.5 * self.error)

    @property
    def is_suspicious(self) -> bool:
        return self.kappa >= SKILL and self.sure >= SURE and self.sure >= RATIO * self.unsure and self.p < LEVEL


def _agreement(held_out_outputs: HeldOutOutputs) -> _Agreement | None:
    probabilities, labels = held_out_outputs.probabilities, held_out_outputs.labels
    if len(labels) < FEWEST or probabilities.shape[0] != len(labels):
        return None
    k = probabilities.shape[1]
    if labels.min() < 0 or labels.max() >= k:
        return None
    predicted, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    wrong = (predicted != labels)[np.argsort(-confidence, kind="stable")]
    by_chance = float(np.sum(np.bincount(predicted, minlength=k) * np.bincount(labels, minlength=k))) / len(labels) ** 2
    if by_chance >= 1:
        return None
    half = len(wrong) // 2
    sure, unsure = float(wrong[:half].mean()), float(wrong[half:].mean())
    accuracy = float(1 - wrong.mean())
    p = float(stats.binom.sf(int(wrong[:half].sum()) - 1, half, min(HARD * unsure, 1.0)))
    return _Agreement(
        rows=len(labels),
        kappa=(accuracy - by_chance) / (1 - by_chance),
        accuracy=accuracy,
        sure=sure,
        unsure=unsure,
        p=p,
        error=float(np.sqrt(by_chance / (1 - by_chance) / len(labels))),
        guessing=float(stats.entropy(np.bincount(labels))),
    )


def _voted(neighbour_labels: NeighbourLabels | None) -> Vote | None:
    """The vote of the nearest rows where it says that labels are wrong, as `_Agreement.is_suspicious` does."""
    vote = neighbour_labels.vote if neighbour_labels is not None else None
    if vote is None or vote.rows < FEWEST or not vote.kappa >= VOTED_SKILL:
        return None
    sure, unsure = vote.shares
    p = float(stats.binom.sf(vote.sure - 1, vote.rows // 2, min(HARD * unsure, 1.0)))
    return vote if sure >= SURE and sure >= RATIO * unsure and p < VOTED_LEVEL else None


def _in_words(vote: Vote) -> str:
    sure, unsure = vote.shares
    statement = _(
        "of the half of the training rows whose ten nearest rows agree most, {sure:.1%} are labelled otherwise than "
        "these, of the other half {unsure:.1%}"
    )
    return statement.format(sure=sure, unsure=unsure)


def _tells_nothing(neighbour_labels: NeighbourLabels | None, model: Model) -> bool:
    """Whether near rows have the same label no more often than any two rows; the places of words are no distance."""
    if neighbour_labels is None or neighbour_labels.rows < FEWEST:
        return False
    # a rare class is rare among near rows, too, whatever the inputs tell
    if any(layer.kind == "Embedding" for layer in model.layers) or not 0 <= neighbour_labels.expected <= BALANCED:
        return False
    error = np.sqrt(neighbour_labels.expected * (1 - neighbour_labels.expected) / neighbour_labels.rows)
    return bool(neighbour_labels.equal <= neighbour_labels.expected + BEYOND * error)


def _are_off(outputs: HeldOutOutputs, targets: TargetRange | None) -> bool:
    """Whether the two classes are written as other numbers than 0 and 1, which is another fault than wrong labels."""
    ranges = [*targets.outputs.values(), *targets.validation.values()] if targets is not None else []
    return outputs.task.startswith("binary") and any(one.minimum < 0 or one.maximum > 1 for one in ranges)


def _effect(share: float, other: float) -> float:
    """Cohen's h, the difference of two shares on a scale on which chance counts alike everywhere."""
    return float(2 * np.arcsin(np.sqrt(np.clip(share, 0, 1))) - 2 * np.arcsin(np.sqrt(np.clip(other, 0, 1))))


def _issues(held_out_outputs: HeldOutOutputs) -> NDArray[np.int64] | None:
    """Rows that cleanlab takes for mislabelled, the surest first; None without it."""
    if importlib.util.find_spec("cleanlab") is None:
        return None
    from cleanlab.filter import find_label_issues

    found: NDArray[np.int64] = find_label_issues(
        held_out_outputs.labels,
        held_out_outputs.probabilities,
        return_indices_ranked_by="self_confidence",
        # no processes of its own inside a notebook
        n_jobs=1,
    )
    return found


def confident_disagreements(
    held_out_outputs: HeldOutOutputs | None = None, neighbour_labels: NeighbourLabels | None = None
) -> tuple[Status, Evidence]:
    """Which rows are labelled otherwise than a model that is sure of them, or nearly all rows around them."""
    agreement = None if held_out_outputs is None else _agreement(held_out_outputs)
    vote = _voted(neighbour_labels)
    if vote is not None and (agreement is None or not agreement.is_suspicious):
        statement = _in_words(vote)
        if vote.odd:
            statement = _("{statement}; rows {first} have a label that none of these has").format(
                statement=statement, first=", ".join(str(row) for row in vote.odd)
            )
        return Status.CONFIRMED, Evidence(statement, quantity="neighbour_labels", value=vote.shares[0], threshold=SURE)
    if agreement is None or held_out_outputs is None:
        raise NotMeasured("held_out_outputs")
    if not agreement.is_suspicious:
        return Status.RULED_OUT, Evidence(
            _("the model is wrong where it is not sure"), quantity="held_out_outputs", value=agreement.sure
        )
    issues = _issues(held_out_outputs)
    if issues is None:
        return Status.POSSIBLE, Evidence(
            _("not measured: `pip install kerasdoctor[cleanlab]` to have the rows named"), quantity="held_out_outputs"
        )
    share = len(issues) / agreement.rows
    statement = _(
        "cleanlab takes {count:,} of {rows:,} validation rows ({share:.1%}) for mislabelled, rows {first} first"
    ).format(count=len(issues), rows=agreement.rows, share=share, first=", ".join(str(int(row)) for row in issues[:5]))
    return (Status.CONFIRMED if share >= SURE / 2 else Status.RULED_OUT), Evidence(
        statement, quantity="held_out_outputs", value=share, threshold=SURE / 2
    )


def random_labels(held_out_outputs: HeldOutOutputs) -> tuple[Status, Evidence]:
    """Whether labels and inputs have nothing to do with each other, so that they can only be learned by heart."""
    agreement = _agreement(held_out_outputs)
    if agreement is None:
        raise NotMeasured("held_out_outputs")
    return (Status.CONFIRMED if agreement.is_chance else Status.RULED_OUT), Evidence(
        _("beyond chance the predictions agree with the labels by {kappa:.2f} (Cohen's kappa; 1 is always)").format(
            kappa=agreement.kappa
        ),
        quantity="held_out_outputs",
        value=agreement.kappa,
        threshold=max(CHANCE, 2.5 * agreement.error),
    )


def _outputs(noise: float) -> HeldOutOutputs:
    """Outputs drawn as a network gives them that was trained on labels of which a share was redrawn at random."""
    generator = np.random.default_rng(0)
    true = generator.integers(0, 10, 360)
    redrawn = generator.random(360) < noise
    labels = np.where(redrawn, generator.integers(0, 10, 360), true)
    sure = generator.beta(8, 1, 360) * (1 - noise)
    outputs = np.tile(((1 - sure) / 9)[:, None], (1, 10))
    outputs[np.arange(360), true] = sure
    return HeldOutOutputs(outputs.round(4).astype(np.float32), labels, "sparse")


def _wrong_labels() -> TrainingRecord:
    return with_quantities(mislabelled_digits(), held_out_outputs=_outputs(0.3))


def _right_labels() -> TrainingRecord:
    return with_quantities(shuffled_digits(), held_out_outputs=_outputs(0.0))


def _permuted_labels() -> TrainingRecord:
    """Digits with their labels in another order, a wide network, 60 epochs: all by heart."""
    record = shuffled_digits()
    record.history |= {"val_accuracy": [0.1] * 20, "val_loss": [2.31 + 0.19 * epoch for epoch in range(20)]}
    generator = np.random.default_rng(1)
    found = _outputs(0.0)
    return with_quantities(
        record, held_out_outputs=HeldOutOutputs(found.outputs, generator.permutation(found.labels), "sparse")
    )


class LabelErrors(Rule):
    """Labels of the data are wrong: the model is sure, and the label says otherwise.

    ## What it sees
    The outputs for the rows of the last validation, once the run has ended. A model that is wrong because rows are
    hard to tell apart is wrong where it is not sure. Wrong labels stand anywhere: among the surer half of the rows one
    in twenty or more disagree, and at least half as often as among the others, in a model that agrees with the labels
    far beyond chance. The same is asked, without a model, of the ten nearest rows of each of up to 1,000 training rows.
    Or, of a shuffled `validation_split`: nothing but chance, while the rows that train are learned, or, after eight
    epochs and 200 steps, while near rows have the same label no more often than any two.

    ## How it is told apart
    Single wrong labels: cleanlab names the rows, by confident learning on these out-of-sample predictions (an extra:
    `pip install kerasdoctor[cleanlab]`). Random labels: the agreement is that of chance, as after a shuffle of `x`
    without `y`.

    ## Remedies
    Look at the rows named and correct their labels; label smoothing and early stopping bound the harm. No cell can
    write the right labels.

    ## References
    Northcutt, Jiang and Chuang (2021), Confident learning: estimating uncertainty in dataset labels. Zhang et al.
    (2017), Understanding deep learning requires rethinking generalization: networks learn random labels by heart.
    Measured: permuted labels reach .40 in training and .225 in validation, where chance is .2.
    """

    family = "data"
    severity = Severity.WARNING
    message = _("Labels seem to be wrong: {statement}.")

    causes = (
        Cause(
            "confident-disagreements",
            _("single rows are labelled wrongly; look at those named and label them anew"),
            examine=confident_disagreements,
        ),
        Cause(
            "random-labels",
            _("the labels do not belong to these inputs; look whether only one of the two was sorted or shuffled"),
            examine=random_labels,
        ),
    )

    examples = (
        Unhealthy(_wrong_labels, confirms=("confident-disagreements",)),
        Unhealthy(_permuted_labels, confirms=("random-labels",)),
        Healthy(_right_labels),
    )

    def check(
        self,
        outcome: Outcome,
        fit: Fit,
        metrics: Mapping[str, Metric],
        model: Model,
        held_out_outputs: HeldOutOutputs | None = None,
        row_order: RowOrder | None = None,
        target_range: TargetRange | None = None,
        neighbour_labels: NeighbourLabels | None = None,
        batch_loss: BatchLoss | None = None,
    ) -> Evidence | None:
        vote = _voted(neighbour_labels)
        if held_out_outputs is None and vote is None:
            raise NotMeasured("held_out_outputs")
        agreement = None
        if held_out_outputs is not None and not _are_off(held_out_outputs, target_range):
            agreement = _agreement(held_out_outputs)
        ended = outcome.status not in {"running", "checked"}
        if agreement is not None and ended and agreement.is_suspicious:
            statement = _(
                "of the half of the validation rows that the model is surest of, {sure:.1%} are labelled otherwise, of "
                "the other half {unsure:.1%}"
            ).format(sure=agreement.sure, unsure=agreement.unsure)
            return Evidence(statement, quantity="held_out_outputs", value=agreement.sure, threshold=SURE)
        if vote is not None:
            return Evidence(_in_words(vote), quantity="neighbour_labels", value=vote.shares[0], threshold=SURE)
        # other rows, or rows prepared otherwise, are at chance for reasons of their own
        shuffled = row_order is not None and row_order.z is not None and abs(row_order.z) < 4
        if agreement is None or not ended or not fit.validation_split or not shuffled:
            return None
        if _by_heart(metrics, agreement):
            statement = _(
                "the rows that train are learned ({train:.1%} right), those that validate are guessed ({share:.1%})"
            ).format(train=_trained(metrics), share=agreement.accuracy)
        elif neighbour_labels is not None and (
            agreement.is_chance and _guesses(metrics, agreement, batch_loss) and _tells_nothing(neighbour_labels, model)
        ):
            statement = _(
                "the validation rows are guessed ({share:.1%} right), and the inputs tell nothing: the nearest other "
                "row has the same label as often ({equal:.1%}) as any other row has ({expected:.1%})"
            ).format(share=agreement.accuracy, equal=neighbour_labels.equal, expected=neighbour_labels.expected)
        else:
            return None
        return Evidence(statement, quantity="held_out_outputs", value=agreement.kappa, threshold=CHANCE)


def _trained(metrics: Mapping[str, Metric]) -> float:
    """Share of the training rows that the last epoch had right; NaN where it is not known."""
    return next(
        (float(metric.train[-1]) for metric in metrics.values() if metric.proportion and len(metric.train)), math.nan
    )


def _by_heart(metrics: Mapping[str, Metric], agreement: _Agreement) -> bool:
    return agreement.kappa < CHANCE and _effect(_trained(metrics), agreement.accuracy) >= BY_HEART


def _guesses(metrics: Mapping[str, Metric], agreement: _Agreement, batch_loss: BatchLoss | None) -> bool:
    """Whether no epoch of a run of some length validated better than guessing by the class shares does."""
    loss = metrics.get("loss")
    validated = np.empty(0) if loss is None else loss.validation[np.isfinite(loss.validation)]
    if len(validated) < EPOCHS or batch_loss is None or not len(batch_loss) or batch_loss.step[-1] < STEPS:
        return False
    return float(validated.min()) >= GUESSED * agreement.guessing
