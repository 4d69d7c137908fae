"""`label-errors`."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from kerasdoctor.diagnosis import Evidence, Severity, Status
from kerasdoctor.examples import mislabelled_digits, shuffled_digits, with_quantities
from kerasdoctor.locale import _
from kerasdoctor.quantities.held_out_outputs import HeldOutOutputs
from kerasdoctor.quantities.row_order import RowOrder
from kerasdoctor.quantities.target_range import TargetRange
from kerasdoctor.record import Fit, Metric, Outcome, TrainingRecord
from kerasdoctor.rule import Cause, Healthy, NotMeasured, Rule, Unhealthy

#: Rows below which nothing is said.
FEWEST = 200
#: Cohen's kappa from which on a model can tell wrong labels from its own ignorance, and below which it knows nothing.
SKILL, CHANCE = 0.5, 0.05
#: Share of the surer half of the rows that must disagree, how often against the less sure half, and the level of the
#: binomial test that it is more than `HARD` times as often. Measured on digits with labels redrawn at random: 10 % and
#: more of them give 0.55 to 1.0; classes that overlap, and no wrong label, 0 to 0.47.
SURE, RATIO, HARD, LEVEL = 0.05, 0.5, 0.4, 0.02
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
    return _Agreement(len(labels), (accuracy - by_chance) / (1 - by_chance), accuracy, sure, unsure, p)


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


def confident_disagreements(held_out_outputs: HeldOutOutputs) -> tuple[Status, Evidence]:
    """Which rows are labelled otherwise than a model says that is sure of them and did not train on them."""
    agreement = _agreement(held_out_outputs)
    if agreement is None:
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
    return (Status.CONFIRMED if agreement.kappa < CHANCE else Status.RULED_OUT), Evidence(
        _("beyond chance the predictions agree with the labels by {kappa:.2f} (Cohen's kappa; 1 is always)").format(
            kappa=agreement.kappa
        ),
        quantity="held_out_outputs",
        value=agreement.kappa,
        threshold=CHANCE,
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
    far beyond chance. Or, of a shuffled `validation_split`: nothing but chance, while the rows that train are learned.

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
        Cause("confident-disagreements", _("single rows are labelled wrongly"), examine=confident_disagreements),
        Cause("random-labels", _("the labels do not belong to these inputs"), examine=random_labels),
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
        held_out_outputs: HeldOutOutputs,
        row_order: RowOrder | None = None,
        target_range: TargetRange | None = None,
    ) -> Evidence | None:
        if outcome.status == "running" or _are_off(held_out_outputs, target_range):
            return None
        agreement = _agreement(held_out_outputs)
        if agreement is None:
            return None
        if agreement.is_suspicious:
            statement = _(
                "of the half of the validation rows that the model is surest of, {sure:.1%} are labelled otherwise, of "
                "the other half {unsure:.1%}"
            ).format(sure=agreement.sure, unsure=agreement.unsure)
            return Evidence(statement, quantity="held_out_outputs", value=agreement.sure, threshold=SURE)
        # other rows, or rows prepared otherwise, are at chance for reasons of their own
        shuffled = row_order is not None and row_order.z is not None and abs(row_order.z) < 4
        train = [metric.train[-1] for metric in metrics.values() if metric.proportion and len(metric.train)]
        if not fit.validation_split or not shuffled or not train or agreement.kappa >= CHANCE:
            return None
        if not _effect(train[0], agreement.accuracy) >= BY_HEART:
            return None
        statement = _(
            "the rows that train are learned ({train:.1%} right), those that validate are guessed ({share:.1%})"
        )
        return Evidence(
            statement.format(train=train[0], share=agreement.accuracy),
            quantity="held_out_outputs",
            value=agreement.kappa,
            threshold=CHANCE,
        )
