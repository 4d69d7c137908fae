"""`majority-predictor`."""
# ruff: noqa: A002 - parts of the record are injected by their names, `compile` too

from __future__ import annotations

import math
from array import array
from dataclasses import replace

import numpy as np

from kerasdoctor.diagnosis import Evidence, Severity, Status, When
from kerasdoctor.examples import shuffled_digits, tumours, with_quantities
from kerasdoctor.locale import _
from kerasdoctor.quantities.confusion_matrix import ConfusionMatrix
from kerasdoctor.quantities.dead_units import DeadUnits
from kerasdoctor.quantities.drawn_range import DrawnRange
from kerasdoctor.quantities.drawn_targets import DrawnTargets
from kerasdoctor.quantities.feature_scale import FeatureScale
from kerasdoctor.quantities.input_range import InputRange
from kerasdoctor.quantities.predicted_classes import PredictedClasses
from kerasdoctor.quantities.split_labels import SplitLabels
from kerasdoctor.quantities.target_form import TargetForm
from kerasdoctor.record import Compile, Data, Fit, Metric, Outcome, TrainingRecord
from kerasdoctor.remedies.class_weights import ClassWeights
from kerasdoctor.remedies.default_initialization import DefaultInitialization
from kerasdoctor.remedies.leaky_activation import LeakyActivation
from kerasdoctor.rule import Cause, Healthy, NotMeasured, Rule, Unhealthy

#: Validations in a row with one predicted class: of a run that has ended, and of one that goes on, for slow starters.
FEWEST, PATIENCE = 5, 10
#: Share of the loss of guessing by the class shares from which on nothing was learned.
GUESSING = 0.95
#: Share of one class from which on always predicting it pays.
IMBALANCED = 0.8
#: Rows of the other classes, at least, that an informative finding needs.
RARE = 5


def _shares(confusion_matrix: ConfusionMatrix) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    rows = confusion_matrix.counts.sum(axis=1).astype(np.float64)
    return np.asarray(rows / max(rows.sum(), 1.0))


def _entropy(shares: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    """Loss of predicting the class shares for every row."""
    kept = shares[shares > 0]
    return float(-(kept * np.log(kept)).sum())


def imbalanced_classes(confusion_matrix: ConfusionMatrix) -> tuple[Status, Evidence]:
    """Whether one class is so frequent that predicting it always is right nearly always."""
    shares = _shares(confusion_matrix)
    largest = float(shares.max())
    name = int(confusion_matrix.classes[int(shares.argmax())])
    statement = _("class {name} is {share:.1%} of the validation rows").format(name=name, share=largest)
    return (Status.CONFIRMED if largest >= IMBALANCED else Status.RULED_OUT), Evidence(
        statement, quantity="confusion_matrix", where=str(name), value=largest, threshold=IMBALANCED
    )


def _constant(feature_scale: FeatureScale | None, drawn_range: DrawnRange | None) -> Evidence | None:
    """That all rows that train have the same inputs, where they have."""
    if feature_scale is not None:
        scales = feature_scale.inputs
        if not all(scale.constant == scale.features for scale in scales.values()):
            return None
        names, quantity = ", ".join(scales), "feature_scale"
    elif drawn_range is not None and drawn_range.train:
        if any(values.values < 2 or values.minimum != values.maximum for values in drawn_range.train.values()):
            return None
        names, quantity = ", ".join(drawn_range.train), "drawn_range"
    else:
        return None
    statement = _("every feature of {names} has the same value in all rows: nothing in the inputs tells rows apart")
    return Evidence(statement.format(names=names), quantity=quantity, value=0.0)


def no_signal(
    fit: Fit,
    loss: Metric | None = None,
    split_labels: SplitLabels | None = None,
    dead_units: DeadUnits | None = None,
    feature_scale: FeatureScale | None = None,
    drawn_range: DrawnRange | None = None,
) -> tuple[Status, Evidence]:
    """Whether the inputs say nothing about the labels: then the training loss stays that of guessing, too."""
    constant = _constant(feature_scale, drawn_range)
    if constant is not None:
        return Status.CONFIRMED, constant
    dead, _statement, _layer = _dead(dead_units)
    if dead:
        return Status.RULED_OUT, Evidence(
            _("a dead layer lets nothing through, whatever the inputs say"), quantity="dead_units", value=1.0
        )
    if split_labels is None or split_labels.kind != "classes" or fit.class_weight or fit.sample_weight:
        return Status.POSSIBLE, Evidence(_("not measured: what guessing costs on the rows that train is not recorded"))
    counts = np.array(list(split_labels.train.values()), dtype=np.float64)
    if not counts.sum() or loss is None or not len(loss.train):
        return Status.POSSIBLE, Evidence(_("not measured: no epoch has ended"))
    guess, last = _entropy(counts / counts.sum()), float(loss.train[-1])
    if last < GUESSING * guess:
        return Status.RULED_OUT, Evidence(
            _("the training loss is {loss:.3g}, better than guessing ({guess:.3g}): the inputs say something").format(
                loss=last, guess=guess
            ),
            quantity="history",
            value=last,
            threshold=GUESSING * guess,
        )
    statement = _(
        "measured, undecided: the training loss is {loss:.3g}, that of guessing is {guess:.3g}; the inputs may "
    )
    statement += _("say nothing, stand in another order than the labels, or the steps may be too short or too long")
    return Status.POSSIBLE, Evidence(
        statement.format(loss=last, guess=guess), quantity="history", value=last, threshold=GUESSING * guess
    )


def _dead(dead_units: DeadUnits | None) -> tuple[bool, str, str]:
    """Whether a layer has no living unit left, with the most dead layer in words."""
    if dead_units is None or not len(dead_units) or len(dead_units.units) != len(dead_units.columns):
        return False, "", ""
    share = dead_units.maximum[-1] / np.maximum(np.array(dead_units.units, dtype=np.float64), 1)
    if not len(share) or np.isnan(share).all():
        return False, "", ""
    worst = int(np.nanargmax(share))
    name = dead_units.columns[worst]
    statement = _("{dead:.0f} of {units} units of {layer} are 0 for every row").format(
        dead=float(dead_units.maximum[-1][worst]), units=dead_units.units[worst], layer=name
    )
    return bool(share[worst] >= 1), statement, name


def dead_network(
    dead_units: DeadUnits, feature_scale: FeatureScale | None = None, drawn_range: DrawnRange | None = None
) -> tuple[Status, Evidence]:
    """Whether every unit of a layer is 0 for every row, so that the output cannot depend on the input."""
    dead, statement, name = _dead(dead_units)
    if dead and _constant(feature_scale, drawn_range) is not None:
        undecided = _("measured, undecided: {statement}, but all rows are the same").format(statement=statement)
        return Status.POSSIBLE, Evidence(undecided, quantity="dead_units", where=name, value=1.0)
    if not statement:
        return Status.POSSIBLE, Evidence(_("not measured: no layer was looked at over enough rows"))
    return (Status.CONFIRMED if dead else Status.RULED_OUT), Evidence(
        statement, quantity="dead_units", where=name, value=float(dead), threshold=1.0
    )


def _rare_and_without_signal() -> TrainingRecord:
    """One class of two has 95 % of the rows, and the inputs are noise."""
    record = tumours()
    for name in ("batch_loss", "epoch_begin", "row_order", "input_range", "target_range"):
        del record.quantities[name]
    history = {
        "accuracy": "0.935 " + "0.948 " * 19,
        "loss": "0.556 0.366 0.253 0.217 0.208 0.206 0.205 0.205 0.204 0.204 0.204 0.204 0.204 0.203 0.203 0.203 0.203 "
        "0.203 0.203 0.203",
        "val_accuracy": "0.948 " * 20,
        "val_loss": "0.454 0.291 0.226 0.209 0.206 0.205 0.205 0.205 0.206 0.206 0.206 0.206 0.207 0.207 0.207 0.207 "
        "0.207 0.208 0.208 0.208",
    }
    record.history = {key: [float(value) for value in series.split()] for key, series in history.items()}
    record.data = replace(record.data, n_train=3200, n_validation=800)
    record.outcome = replace(record.outcome, epochs=20)
    labels = SplitLabels("classes", {"0": 3032, "1": 168}, {"0": 758, "1": 42}, "validation_split")
    return _measured(record, labels, [1] * 20, [[758, 0], [42, 0]])


def _measured(
    record: TrainingRecord, labels: SplitLabels, predicted: list[int], counts: list[list[int]]
) -> TrainingRecord:
    steps = [15 * (epoch + 1) for epoch in range(len(predicted))]
    return with_quantities(
        record,
        split_labels=labels,
        predicted_classes=PredictedClasses(
            step=array("q", steps), value=array("d", [float(count) for count in predicted]), true=len(counts)
        ),
        confusion_matrix=ConfusionMatrix(np.arange(len(counts)), np.array(counts), steps[-1]),
    )


def _telling_tumours() -> TrainingRecord:
    record = tumours()
    return _measured(record, record.quantities["split_labels"], [2] * 10, [[36, 2], [4, 72]])


def _telling_digits() -> TrainingRecord:
    record = shuffled_digits()
    labels = record.quantities["split_labels"]
    return _measured(record, labels, [10] * 20, np.diag(list(labels.validation.values())).tolist())


def _targets_vary(target_form: TargetForm | None, drawn_targets: DrawnTargets | None) -> bool:
    """Whether there is something to tell apart."""
    measured = target_form or drawn_targets
    return measured is not None and any(form.minimum < form.maximum for form in measured.outputs.values())


class MajorityPredictor(Rule):
    """Every row is answered alike: predicted to be of one class at the loss of guessing, or with inputs all the same.

    ## What it sees
    The last validations (five of a run that has ended, ten of one that goes on, for some networks start slowly)
    predicted one class for every row, of which there were several, and the validation loss is at least 95 % of what
    predicting the class shares costs. The accuracy is then the share of that class, and looks fine where it is large.
    Where one class has 80 % of the rows or more, and the run has ended, a lower loss is told as well, as good to know:
    the probabilities tell rows apart, and none passes the threshold. Whatever is predicted, inputs that are the same in
    all rows, under targets that are not, are told at once.

    ## How it is told apart
    Imbalanced classes: one has 80 % of the rows or more. No signal: the training loss is that of guessing, too, and for
    certain where every feature has one value in all rows. A dead layer: all of its units are 0 for every row, so that
    nothing of the input gets through.

    ## Remedies
    Class weights by the inverse of the class shares, and a metric that does not reward the majority (AUC of precision
    and recall). Without a signal no remedy of the training helps: look at five rows beside their labels.

    ## References
    keras-team/keras#10292 (82 % accuracy by always predicting 0), #18044. Measured: 95 % of one class and inputs
    without a signal give an accuracy of .977 at a share of .972, with one class predicted. Karpathy (2019), A Recipe
    for Training Neural Networks: the input-independent baseline.
    """

    family = "data"
    severity = Severity.WARNING
    message = _("The model has one answer for every row: {statement}.")

    causes = (
        Cause(
            "imbalanced-classes",
            _("one class is far more frequent than the others"),
            examine=imbalanced_classes,
            remedies=(ClassWeights(),),
        ),
        Cause(
            "dead-network",
            _("a layer is dead"),
            examine=dead_network,
            probe="overfit_batch",
            remedies=(LeakyActivation(), DefaultInitialization()),
        ),
        Cause(
            "no-signal",
            _("the inputs say nothing about the labels; look whether both are of the same rows"),
            examine=no_signal,
            explains=("dead-units", "learning-rate-too-low", "saturated-units", "underfitting", "vanishing-gradients"),
        ),
    )

    examples = (
        Unhealthy(_rare_and_without_signal, confirms=("imbalanced-classes",)),
        Healthy(_telling_tumours),
        Healthy(_telling_digits),
    )

    def severity_in(self, record: TrainingRecord) -> Severity:
        loss, matrix = record.metrics.get("loss"), record.quantities.get("confusion_matrix")
        if loss is None or not len(loss.validation) or not isinstance(matrix, ConfusionMatrix):
            return self.severity
        # rare rows below a threshold are no fault of the training
        return Severity.INFO if loss.validation[-1] < GUESSING * _entropy(_shares(matrix)) else self.severity

    def check(
        self,
        compile: Compile,
        outcome: Outcome,
        data: Data,
        loss: Metric | None = None,
        predicted_classes: PredictedClasses | None = None,
        confusion_matrix: ConfusionMatrix | None = None,
        feature_scale: FeatureScale | None = None,
        drawn_range: DrawnRange | None = None,
        target_form: TargetForm | None = None,
        drawn_targets: DrawnTargets | None = None,
        input_range: InputRange | None = None,
    ) -> Evidence | None:
        constant = _constant(feature_scale, drawn_range)
        # of text, and of numbers without an axis of features, no scale is measured
        whole = input_range is None or feature_scale is None or len(input_range.inputs) == len(feature_scale.inputs)
        if constant is not None and whole and not data.contents and _targets_vary(target_form, drawn_targets):
            return constant
        if loss is None:
            raise NotMeasured("loss")
        if predicted_classes is None or confusion_matrix is None:
            raise NotMeasured("predicted_classes")
        wanted = PATIENCE if outcome.status == "running" else FEWEST
        if len(predicted_classes) < wanted or predicted_classes.true < 2 or len(compile.losses) != 1:
            return None
        if any(value > 1 for value in predicted_classes.value[-wanted:]) or not len(loss.validation):
            return None
        guess, last = _entropy(_shares(confusion_matrix)), float(loss.validation[-1])
        if "crossentropy" not in compile.losses[0].name.replace("_", "") or not math.isfinite(last):
            return None
        predicted = int(confusion_matrix.counts.sum(axis=0).argmax())
        share = float(_shares(confusion_matrix)[predicted])
        statement = _(
            "class {name}, which {share:.1%} of the validation rows have; val_loss is {loss:.3g}, and guessing by the "
            "class shares costs {guess:.3g}"
        )
        if last < GUESSING * guess:
            # the probabilities tell rows apart, though none passes the threshold
            others = int(confusion_matrix.counts.sum() - confusion_matrix.counts[predicted].sum())
            if outcome.status == "running" or share < IMBALANCED or others < RARE:
                return None
            statement = _(
                "class {name}, which {share:.1%} of the validation rows have; val_loss is {loss:.3g}, below the "
                "{guess:.3g} of guessing, so the probabilities tell rows apart, and none passes the threshold"
            )
        return Evidence(
            statement.format(name=int(confusion_matrix.classes[predicted]), share=share, loss=last, guess=guess),
            quantity="predicted_classes",
            where="val_loss",
            when=When(step=int(predicted_classes.step[-1])),
            value=last,
            threshold=GUESSING * guess,
        )
