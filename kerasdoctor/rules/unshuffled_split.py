"""`unshuffled-split`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from kerasdoctor import statistics
from kerasdoctor.diagnosis import Evidence, Severity, Status
from kerasdoctor.examples import shares_in_time, shuffled_digits, sorted_digits
from kerasdoctor.locale import _
from kerasdoctor.quantities.row_order import RowOrder
from kerasdoctor.quantities.split_labels import SplitLabels
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies.forward_split import ForwardSplit
from kerasdoctor.remedies.shuffle_jointly import ShuffleJointly
from kerasdoctor.remedies.stratified_split import StratifiedSplit
from kerasdoctor.rule import Cause, Healthy, Rule, Unhealthy

#: Below it neighbouring rows are near copies of each other. Digits sorted by label have 0.75 (the writers follow
#: each other), independent rows 1, windows of 20 values shifted by one 0.2 to 0.4.
NEAR_COPIES = 0.5
#: Kendall's tau of the mean targets of 20 stretches, and distance of the shares of the tail, beyond which a series has
#: a trend that the training part does not reach the end of. Both add no alarm to stationary series of 300 rows, with a
#: lag-1 correlation of .99 too, and 2 to 4 of 100 to random walks (tests/accuracy/simulations).
TREND, BEYOND = 0.8, 0.5


def _is_series(order: RowOrder) -> bool:
    """Whether the rows follow each other, in time or as windows of one signal."""
    near = order.neighbour_distance
    return bool(order.time_ordered) or (near is not None and near < NEAR_COPIES)


def _trends(order: RowOrder) -> bool:
    return order.target_trend is not None and abs(order.target_trend) >= TREND


def _label_correlation(labels: SplitLabels, order: RowOrder | None) -> float:
    """How far rows repeat the label before them, 0 to 1; 0 for sorted rows, whose order is the fault looked for."""
    if order is None:
        return 0.0
    if order.target_autocorrelation is not None:
        return 0.0 if _is_sorted(order) else max(order.target_autocorrelation, 0.0)
    equal, expected = order.equal_neighbours, order.expected_equal_neighbours
    if equal is None or expected is None or expected >= 1:
        return 0.0
    rows = sum(labels.train.values()) + sum(labels.validation.values())
    runs = 1 + (1 - equal) * (rows - 1)
    # many more runs than labels are blocks (recordings, subjects), each of which counts once
    return max((equal - expected) / (1 - expected), 0.0) if runs > 3 * len(labels.train) else 0.0


def _is_sorted(order: RowOrder) -> bool:
    rising = order.rising_targets
    return rising is not None and (rising > 0.99 or rising < 0.01)


def _labels(labels: SplitLabels) -> str:
    """The labels that the tail has too many of, with their shares."""
    train, validation = _shares(labels.train), _shares(labels.validation)
    surplus = sorted(labels.train, key=lambda label: train[label] - validation[label])
    surplus = [label for label in surplus if validation[label] > 2 * train[label]][:3] or surplus[:1]
    shares = {
        "validation": sum(validation[label] for label in surplus),
        "train": sum(train[label] for label in surplus),
    }
    if len(surplus) == 1:
        statement = _("label {label} is {validation:.0%} of them and {train:.0%} of the rows that train")
        return statement.format(label=surplus[0], **shares)
    # in the order of the labels, not of the surplus
    names = ", ".join(label for label in labels.train if label in surplus)
    return _("labels {names} are {validation:.0%} of them and {train:.0%} of the rows that train").format(
        names=names, **shares
    )


def _tenths(labels: SplitLabels) -> str:
    """The bound of a tenth of the targets that tells the two parts apart best."""
    train = np.cumsum(list(_shares(labels.train).values()))
    validation = np.cumsum(list(_shares(labels.validation).values()))
    bound = int(np.argmax(np.abs(train - validation)))
    return _(
        "the target is above {bound} in {validation:.0%} of them and in {train:.0%} of the rows that train"
    ).format(bound=f"{float(list(labels.train)[bound]):.4g}", validation=1 - validation[bound], train=1 - train[bound])


def _shares(counts: Mapping[str, int]) -> dict[str, float]:
    total = sum(counts.values())
    return {label: count / total for label, count in counts.items()}


def ordered_labels(row_order: RowOrder) -> tuple[Status, Evidence]:
    """Whether the rows are independent, and stand in the order of their labels."""
    near = row_order.neighbour_distance
    if row_order.time_ordered:
        return Status.RULED_OUT, Evidence(
            _("the rows stand in the order of a datetime index: the labels follow the time"), quantity="row_order"
        )
    if near is not None and near < NEAR_COPIES:
        return Status.RULED_OUT, Evidence(
            _(
                "neighbouring rows are near copies, {value:.2f} times as far apart as rows with the same labels at "
                "random: a shuffle would put copies of training rows into the validation part"
            ).format(value=near),
            quantity="row_order",
            value=near,
            threshold=NEAR_COPIES,
        )
    if row_order.z is not None and row_order.equal_neighbours is not None:
        # a normal z of 4 has p < 1e-4; random orders beyond it: 0.0 % (tests/accuracy/simulations)
        statement = _(
            "{share:.1%} of neighbouring rows share their label, {expected:.1%} in a random order: {z:.0f} standard "
            "deviations apart"
        ).format(share=row_order.equal_neighbours, expected=row_order.expected_equal_neighbours or 0.0, z=row_order.z)
        found = Evidence(statement, quantity="row_order", value=row_order.z, threshold=4.0)
        return (Status.CONFIRMED if row_order.z > 4 else Status.RULED_OUT), found
    if row_order.rising_targets is not None:
        statement = _("the target rises or stays from row to row in {share:.1%} of the steps").format(
            share=row_order.rising_targets
        )
        found = Evidence(statement, quantity="row_order", value=row_order.rising_targets, threshold=0.99)
        return (Status.CONFIRMED if _is_sorted(row_order) else Status.RULED_OUT), found
    return Status.POSSIBLE, Evidence(_("not measured: the targets have no order to compare"), quantity="row_order")


def time_order(row_order: RowOrder) -> tuple[Status, Evidence]:
    """Whether the rows follow each other in time."""
    if row_order.time_ordered:
        return Status.CONFIRMED, Evidence(_("a datetime index runs in one direction"), quantity="row_order")
    near, correlation = row_order.neighbour_distance, row_order.target_autocorrelation
    if near is not None and near < NEAR_COPIES:
        return Status.POSSIBLE, Evidence(
            _(
                "measured, undecided: neighbouring rows are near copies, {value:.2f} times as far apart as rows with "
                "the same labels at random, as overlapping windows of a series are"
            ).format(value=near),
            quantity="row_order",
            value=near,
            threshold=NEAR_COPIES,
        )
    if correlation is not None and correlation > 0.5 and not _is_sorted(row_order):
        return Status.POSSIBLE, Evidence(
            _("measured, undecided: neighbouring targets correlate by {value:.2f}, as in a series").format(
                value=correlation
            ),
            quantity="row_order",
            value=correlation,
            threshold=0.5,
        )
    if row_order.time_ordered is False:
        return Status.RULED_OUT, Evidence(_("the datetime index does not run in one direction"), quantity="row_order")
    if near is None:
        return Status.POSSIBLE, Evidence(
            _("not measured: there is no datetime index, and whether neighbouring rows are alike was not examined"),
            quantity="row_order",
        )
    return Status.RULED_OUT, Evidence(
        _(
            "there is no datetime index, and neighbouring rows are {value:.2f} times as far apart as rows with the "
            "same labels at random"
        ).format(value=near),
        quantity="row_order",
        value=near,
        threshold=NEAR_COPIES,
    )


def appended_rows(row_order: RowOrder) -> tuple[Status, Evidence]:
    """Whether only the tail differs, in rows that otherwise have no order."""
    if _is_series(row_order):
        return Status.RULED_OUT, Evidence(_("the rows follow each other all along"), quantity="row_order")
    ordered = row_order.z is not None and row_order.z > 4
    correlation = row_order.target_autocorrelation
    if ordered or (correlation is not None and correlation > 0.5):
        return Status.RULED_OUT, Evidence(
            _("the rows are ordered all along, not only at the end"),
            quantity="row_order",
            value=row_order.z if ordered else correlation,
            threshold=4.0 if ordered else 0.5,
        )
    return Status.POSSIBLE, Evidence(
        _("measured, undecided: neighbouring rows are as mixed as in a random order, and yet the end differs"),
        quantity="row_order",
        value=row_order.z if row_order.z is not None else correlation,
    )


class UnshuffledSplit(Rule):
    """The validation part is not a sample of the data: the split took the tail of ordered rows.

    ## What it sees
    `validation_split` takes the last rows, before any shuffling; `shuffle=True` shuffles only what is left to train
    with. The label shares of that tail (or the tenths of a continuous target) differ from those of the rest by more
    than 0.05 beyond what a random split gives, with p < .001 in Pearson's chi-squared test; where rows follow each
    other they count for less. Rows that look like a series alarm only when the two parts hardly overlap, or when the
    target rises or falls all along and the tail is beyond most of it: there, a difference between past and future is to
    be expected.

    ## How it is told apart
    Labels in order: equal labels stand next to each other far more often than in a random order. Time order: a
    datetime index runs one way, or neighbouring rows are near copies of each other, more alike than rows with the
    same labels taken at random. Then the order is the point: a shuffle would put copies of training rows into the
    validation part, and none is advised. Appended rows: the order looks random and yet the tail differs.

    ## Remedies
    A seeded joint permutation of inputs, targets and weights; a stratified split. In time order, validation on
    several later parts; of a target with a trend, its change from row to row is the better target. All start from fresh
    weights: the old ones have seen the new validation rows.

    ## References
    keras-team/keras#597 and the Keras documentation of `validation_split` (the last samples, before shuffling).
    Pearson's test stands in for the G-test of Sokal and Rohlf (1994), which fails with many labels of few rows each.
    """

    family = "data"
    severity = Severity.ERROR
    explains = ("majority-predictor", "overfitting", "stopped-too-early", "trained-too-long")
    message = _(
        "The last {fit.validation_split:.0%} of the rows, which validate, are no sample of the data: {statement}."
    )

    causes = (
        Cause(
            "ordered-labels",
            _("independent rows stand in the order of their labels"),
            examine=ordered_labels,
            remedies=(ShuffleJointly(), StratifiedSplit()),
        ),
        Cause("time-order", _("the rows follow each other in time"), examine=time_order, remedies=(ForwardSplit(),)),
        Cause(
            "appended-rows",
            _("the last rows come from another source"),
            examine=appended_rows,
            remedies=(ShuffleJointly(), StratifiedSplit()),
        ),
    )

    examples = (
        Unhealthy(sorted_digits, confirms=("ordered-labels",)),
        Unhealthy(shares_in_time, confirms=("time-order",)),
        Healthy(shuffled_digits),
    )

    def severity_in(self, record: TrainingRecord) -> Severity:
        # to validate on what comes last is right for a series; that the model must reach beyond what it saw is worth a
        # warning
        order = record.quantities.get("row_order")
        return Severity.WARNING if isinstance(order, RowOrder) and _is_series(order) else self.severity

    def check(self, split_labels: SplitLabels, row_order: RowOrder | None = None) -> Evidence | None:
        if split_labels.source != "validation_split":
            return None
        train, validation = list(split_labels.train.values()), list(split_labels.validation.values())
        difference = statistics.share_difference(train, validation)
        if difference is None:
            return None
        if difference.p < 1e-3 and difference.distance > 0.8:
            threshold = 0.8
        elif row_order is not None and _is_series(row_order):
            # of stationary series of 300 rows 2 % are beyond 0.8 with a lag-1 correlation of .95, 14 % with .99
            if not _trends(row_order) or difference.p >= 1e-3 or difference.distance <= BEYOND:
                return None
            threshold = BEYOND
        else:
            correlation = _label_correlation(split_labels, row_order)
            difference = statistics.share_difference(train, validation, correlation=correlation)
            # random splits, 2 to 1,000 labels, 100 to 10,000 rows: at most 0.3 % alarm (tests/accuracy/simulations)
            if difference is None or difference.p >= 1e-3 or difference.distance <= difference.expected + 0.05:
                return None
            threshold = difference.expected + 0.05
        statement = _tenths(split_labels) if split_labels.kind == "bins" else _labels(split_labels)
        if row_order is not None and _is_series(row_order) and _trends(row_order):
            statement = _("{statement}, for it {moves} all along").format(
                statement=statement, moves=_("rises") if (row_order.target_trend or 0) > 0 else _("falls")
            )
        return Evidence(statement, quantity="split_labels", value=difference.distance, threshold=threshold)
