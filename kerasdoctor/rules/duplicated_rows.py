"""`duplicated-rows`."""

from __future__ import annotations

from scipy import stats

from kerasdoctor.diagnosis import Evidence, Severity, Status
from kerasdoctor.examples import shuffled_digits, with_quantities
from kerasdoctor.locale import _
from kerasdoctor.quantities.row_overlap import RowOverlap
from kerasdoctor.quantities.window_overlap import WindowOverlap
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies.drop_repeated_rows import DropRepeatedRows
from kerasdoctor.remedies.forward_split import ForwardSplit
from kerasdoctor.rule import Cause, Healthy, NotMeasured, Rule, Unhealthy

#: Share of the validation rows, and different rows among them, from which on copies matter; one blank image may stand
#: in both parts a hundred times.
LEAST, DISTINCT = 0.01, 5
#: Places in which the closest other row differs from which on a row is equal to none by chance. Of rows of independent
#: columns with few values, of which one in a hundred is equal to one of 500,000 others, one of 2,000 is within 7.
APART = 8
#: Level of the binomial test for rows that may be equal by chance, in one look.
LEVEL = 1e-4
#: Share of the validation windows that overlap a training window, and how many; in order only the border does.
LEAST_WINDOWS, FEWEST_WINDOWS = 0.1, 10
#: Share of repeated rows in the class with the most and in the class with the fewest that says oversampled.
OVERSAMPLED, KEPT = 0.5, 0.1


def _copies(overlap: RowOverlap | None) -> bool:
    """Whether more validation rows are training rows than rows of such data would be by chance."""
    if overlap is None or not overlap.validation or overlap.distinct < DISTINCT:
        return False
    if overlap.shared < LEAST * overlap.validation:
        return False
    if overlap.identifying or overlap.nearest >= APART:
        return True
    # of independent rows, equal by chance, r repeat an earlier one of n, and twice as many one of n others
    # where r is a count, known to its root; both together: no alarm in 1,000 random splits (tests/accuracy/simulations)
    repeated = overlap.repeated + 3 * (overlap.repeated + 1) ** 0.5
    by_chance = min(2 * repeated / max(overlap.train, 1), 1.0)
    return float(stats.binom.sf(overlap.shared - 1, overlap.validation, by_chance)) < LEVEL


def _windows(overlap: WindowOverlap | None) -> bool:
    if overlap is None or overlap.overlapping < max(FEWEST_WINDOWS, LEAST_WINDOWS * overlap.validation):
        return False
    # independent columns of few values agree as often in the same places as moved by one
    return overlap.overlapping > 2 * overlap.aligned


def _is_oversampled(overlap: RowOverlap) -> bool:
    return overlap.most_repeated > OVERSAMPLED and overlap.least_repeated < KEPT


def copies_across_the_split(row_overlap: RowOverlap) -> tuple[Status, Evidence]:
    """Whether rows stand in both parts because the data hold them more than once."""
    statement = _(
        "{shared:,} of {validation:,} validation rows are training rows to the last bit; of the training rows "
        "{repeated:.1%} repeat an earlier one"
    ).format(
        shared=row_overlap.shared,
        validation=row_overlap.validation,
        repeated=row_overlap.repeated / max(row_overlap.train, 1),
    )
    copies = _copies(row_overlap) and not _is_oversampled(row_overlap)
    return (Status.CONFIRMED if copies else Status.RULED_OUT), Evidence(
        statement, quantity="row_overlap", value=float(row_overlap.shared), threshold=LEAST * row_overlap.validation
    )


def oversampled_before_the_split(row_overlap: RowOverlap) -> tuple[Status, Evidence]:
    """Whether one class was repeated to match another, before the split: its copies fall on both sides."""
    most, least = row_overlap.most_repeated, row_overlap.least_repeated
    if not _copies(row_overlap):
        return Status.RULED_OUT, Evidence(
            _("{shared:,} validation rows are training rows").format(shared=row_overlap.shared),
            quantity="row_overlap",
            value=float(row_overlap.shared),
        )
    if not 0 <= most <= 1:
        return Status.POSSIBLE, Evidence(_("not measured: the rows have no classes"), quantity="row_overlap")
    statement = _("of the training rows of one class {most:.0%} repeat an earlier one, of another {least:.0%}")
    return (Status.CONFIRMED if _is_oversampled(row_overlap) else Status.RULED_OUT), Evidence(
        statement.format(most=most, least=least), quantity="row_overlap", value=most, threshold=OVERSAMPLED
    )


def overlapping_windows(window_overlap: WindowOverlap | None = None) -> tuple[Status, Evidence]:
    """Whether windows of a series were shuffled before the split."""
    if window_overlap is None:
        return Status.RULED_OUT, Evidence(_("the rows are no windows of a series"), quantity="window_overlap")
    statement = _("{found:,} of {validation:,} validation rows are a training row moved by one place")
    return (Status.CONFIRMED if _windows(window_overlap) else Status.RULED_OUT), Evidence(
        statement.format(found=window_overlap.overlapping, validation=window_overlap.validation),
        quantity="window_overlap",
        value=float(window_overlap.overlapping),
        threshold=LEAST_WINDOWS * window_overlap.validation,
    )


def _digits_with(overlap: RowOverlap, windows: WindowOverlap) -> TrainingRecord:
    return with_quantities(shuffled_digits(), row_overlap=overlap, window_overlap=windows)


def _digits_once() -> TrainingRecord:
    return _digits_with(RowOverlap(360, 0, 1437, 0, -1, 0, True, 0.0, 0.0), WindowOverlap(360, 0))


def _digits_twice() -> TrainingRecord:
    """A fifth of the digits appended once more before a random split."""
    return _digits_with(RowOverlap(432, 125, 1725, 224, 3, 125, True, 0.173, 0.096), WindowOverlap(432, 0))


def _digits_oversampled() -> TrainingRecord:
    """One digit made rare, then repeated to match the others."""
    return _digits_with(RowOverlap(357, 35, 1427, 110, 2, 20, True, 0.815, 0.0), WindowOverlap(357, 0))


def _shuffled_windows() -> TrainingRecord:
    return _digits_with(RowOverlap(360, 0, 1437, 0, -1, 0, True), WindowOverlap(360, 346))


class DuplicatedRows(Rule):
    """Rows that validate are also rows that train, so that learning by heart looks like learning.

    ## What it sees
    One validation row in a hundred or more, and five different ones at least, whose inputs are training rows to the
    last bit. Rows of few categories are equal by chance: where no feature tells rows apart, and rows have others that
    differ from them in fewer than 8 places, there must be more than twice as many as the rows that repeat within the
    training part, with p < 0.0001 in a binomial test. Sentences as numbers of words are copies. Or one row in ten is a
    training row moved by one place, as shuffled windows of a series are.

    ## How it is told apart
    Copies in the data: they stand on both sides. Oversampling before the split: most rows of one class repeat, hardly
    any of another. Overlapping windows: not equal, but moved by one place.

    ## Remedies
    Leave repeated rows out before the split; split first and oversample, or weigh the classes, afterwards; split a
    series in time. `numpy.unique(x, axis=0, return_index=True)` finds the rows to keep.

    ## References
    keras-team/keras#8725 (validation near 1, test .65), #7759. Barz and Denzler (2020), Do we train on test data?:
    3 % of CIFAR-10's test images have a duplicate in the training set.
    """

    family = "data"
    severity = Severity.WARNING
    message = _("The validation part holds training rows: {statement}. Its figures are too good.")

    causes = (
        Cause(
            "copies-across-the-split",
            _("the data hold rows more than once"),
            examine=copies_across_the_split,
            remedies=(DropRepeatedRows(),),
        ),
        Cause(
            "oversampled-before-the-split",
            _("a class was oversampled before the split"),
            examine=oversampled_before_the_split,
            remedies=(DropRepeatedRows(),),
        ),
        Cause(
            "overlapping-windows",
            _("overlapping windows of a series were shuffled before the split"),
            examine=overlapping_windows,
            remedies=(ForwardSplit(),),
        ),
    )

    examples = (
        Unhealthy(_digits_twice, confirms=("copies-across-the-split",)),
        Unhealthy(_digits_oversampled, confirms=("oversampled-before-the-split",)),
        Unhealthy(_shuffled_windows, confirms=("overlapping-windows",)),
        Healthy(_digits_once),
    )

    def check(
        self, row_overlap: RowOverlap | None = None, window_overlap: WindowOverlap | None = None
    ) -> Evidence | None:
        if row_overlap is None and window_overlap is None:
            raise NotMeasured("row_overlap")
        if row_overlap is not None and _copies(row_overlap):
            return Evidence(
                _(
                    "{shared:,} of its {validation:,} rows, the first of them row {first:,}, are training rows as well"
                ).format(shared=row_overlap.shared, validation=row_overlap.validation, first=row_overlap.first_shared),
                quantity="row_overlap",
                value=row_overlap.shared / row_overlap.validation,
                threshold=LEAST,
            )
        if window_overlap is not None and _windows(window_overlap):
            return Evidence(
                _("{found:,} of its {validation:,} rows share all values but one with a training row").format(
                    found=window_overlap.overlapping, validation=window_overlap.validation
                ),
                quantity="window_overlap",
                value=window_overlap.overlapping / window_overlap.validation,
                threshold=LEAST_WINDOWS,
            )
        return None
