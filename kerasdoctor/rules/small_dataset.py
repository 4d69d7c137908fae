"""`small-dataset`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from kerasdoctor import statistics
from kerasdoctor.diagnosis import Evidence, Severity, Status
from kerasdoctor.examples import mislabelled_digits, shuffled_digits, tumours
from kerasdoctor.locale import _
from kerasdoctor.quantities.split_labels import SplitLabels
from kerasdoctor.record import Data, Metric, Model
from kerasdoctor.remedies.dropout import Dropout
from kerasdoctor.remedies.image_augmentation import ImageAugmentation
from kerasdoctor.remedies.noise_on_inputs import NoiseOnInputs
from kerasdoctor.remedies.pretrained_weights import PretrainedWeights
from kerasdoctor.remedies.shift_sentences import ShiftSentences
from kerasdoctor.remedies.weight_regularization import WeightRegularization
from kerasdoctor.rule import Cause, Healthy, NotMeasured, Rule, Unhealthy

#: Distance of the accuracies, in points, that a reader would call a gap.
GAP = 0.10
#: The same in sampling errors of the validation accuracy. Of 400 runs of 40 epochs without a gap none alarms at any
#: epoch, of 400 with one of five points 2 (tests/accuracy/simulations/GENERALIZATION.md).
ERRORS = 4.0
#: Rows up to which a set is called small. No law: of scikit-learn's digits 1,437 rows are enough, 240 are not.
SMALL = 1000


def few_rows(data: Data, model: Model, split_labels: SplitLabels | None = None) -> tuple[Status, Evidence]:
    """How many rows there are for a class and for a weight."""
    rows = data.n_train or 0
    statement = _("{rows:,} training rows for {weights:,} trainable weights").format(
        rows=rows, weights=model.trainable_parameters
    )
    if split_labels is not None and split_labels.kind == "classes":
        counts = [count for count in split_labels.train.values() if count]
        statement += _(", {few:,} to {many:,} for a class").format(
            few=min(counts, default=0), many=max(counts, default=0)
        )
    if rows <= SMALL:
        return Status.CONFIRMED, Evidence(statement, quantity="data", value=float(rows), threshold=float(SMALL))
    statement = _("measured, undecided: {statement}; only more rows would tell").format(statement=statement)
    return Status.POSSIBLE, Evidence(statement, quantity="data", value=float(rows), threshold=float(SMALL))


def large_network(data: Data, model: Model) -> tuple[Status, Evidence]:
    """Whether the network has room to learn every row by heart, which a smaller or a regularized one would tell."""
    ratio = model.trainable_parameters / max(data.n_train or 0, 1)
    regularized = [layer.name for layer in model.layers if layer.regularized or (layer.rate or 0) > 0]
    statement = _("measured, undecided: {ratio:.1f} weights for each row{held}; a smaller network would tell")
    held = _(", regularized by {names}").format(names=", ".join(regularized[:3])) if regularized else ""
    return Status.POSSIBLE, Evidence(
        statement.format(ratio=ratio, held=held), quantity="model", value=ratio, threshold=1.0
    )


def wrong_labels(metrics: Mapping[str, Metric]) -> tuple[Status, Evidence]:
    """Whether validation rows of wrong labels may cap the accuracy, which nothing here tells from hard ones."""
    accuracy = _accuracy(metrics)
    best = float(np.nanmax(accuracy.validation)) if accuracy is not None else float("nan")
    statement = _("measured, undecided: at best {best:.1%} of the validation rows were right; wrong labels cap it, too")
    return Status.POSSIBLE, Evidence(statement.format(best=best), quantity="history", value=best)


class SmallDataset(Rule):
    """The network knows its training rows and not the others: there are few rows for its weights.

    ## What it sees
    Fewer training rows than trainable weights, and a training accuracy that is ten points or more above the best
    validation accuracy of the run, and at least four of its sampling errors. As with most networks there are more
    weights than rows, the gap is what matters; no ratio of the two is a law. Validation rows with other labels than
    the training rows are no measure of it.

    ## How it is told apart
    Few rows: their number, for a class and for a weight, confirmed up to a thousand. A large network and wrong labels
    can do the same; what would tell them apart is said.

    ## Remedies
    More rows by augmentation, by the kind of the data: sentences once more with their words shifted cyclically, images
    moved, turned and zoomed, noise on the features of a table. Dropout; L1 and L2 on the kernels. The weights of a
    network that was trained on more rows, if there is one.

    ## References
    Shorten and Khoshgoftaar (2019), A survey on image data augmentation; Wei and Zou (2019), EDA: easy data
    augmentation; Bishop (1995), Training with noise is equivalent to Tikhonov regularization.
    """

    family = "generalization"
    severity = Severity.INFO
    message = _("The data set may be too small: {statement}.")

    causes = (
        Cause(
            "few-rows",
            _("there are few rows"),
            examine=few_rows,
            remedies=(ShiftSentences(), ImageAugmentation(), NoiseOnInputs(), PretrainedWeights()),
        ),
        Cause(
            "large-network",
            _("the network has room for every row"),
            examine=large_network,
            remedies=(Dropout(), WeightRegularization()),
        ),
        Cause(
            "wrong-labels",
            _("wrong labels cap the accuracy; look at the rows that the network gets wrong most surely"),
            examine=wrong_labels,
        ),
    )

    examples = (Unhealthy(mislabelled_digits, confirms=()), Healthy(shuffled_digits), Healthy(tumours))

    def check(
        self, data: Data, model: Model, metrics: Mapping[str, Metric], split_labels: SplitLabels | None = None
    ) -> Evidence | None:
        accuracy = _accuracy(metrics)
        if accuracy is None or accuracy.n_validation is None:
            raise NotMeasured(_("a validation accuracy and its number of rows"))
        if data.n_train is None:
            raise NotMeasured(_("the number of training rows"))
        if data.n_train >= model.trainable_parameters:
            return None
        if (
            split_labels is not None
            and split_labels.kind == "classes"
            and not statistics.alike(list(split_labels.train.values()), list(split_labels.validation.values()))
        ):
            raise NotMeasured(_("validation rows with the labels of the training rows"))
        best = float(np.nanmax(accuracy.validation))
        train = statistics.level(accuracy.train, len(accuracy.train) - 1)
        if len(accuracy.train) < statistics.SHORTEST_TREND or not 0 <= best <= 1 or not train <= 1:
            return None
        n = accuracy.n_validation
        centre = (best * n + 2) / (n + 4)
        error = float(np.sqrt(centre * (1 - centre) / max(n, 1)))
        gap = train - best
        if gap < GAP or gap < ERRORS * error:
            return None
        statement = _(
            "{name} is {train:.1%}, val_{name} was never above {best:.1%}: a gap of {points:.0f} points, with {rows:,} "
            "training rows for {weights:,} weights"
        )
        return Evidence(
            statement.format(
                name=accuracy.name,
                train=train,
                best=best,
                points=100 * gap,
                rows=data.n_train,
                weights=model.trainable_parameters,
            ),
            quantity="history",
            where=f"val_{accuracy.name}",
            value=gap,
            threshold=max(GAP, ERRORS * error),
        )


def _accuracy(metrics: Mapping[str, Metric]) -> Metric | None:
    """The first share of right rows that was validated."""
    return next(
        (
            metric
            for metric in metrics.values()
            if metric.proportion and metric.direction == "up" and np.isfinite(metric.validation).any()
        ),
        None,
    )
