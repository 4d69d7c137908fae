"""`underfitting`."""
# ruff: noqa: A002 - parts of the record are injected by their names, `compile` too

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from kerasdoctor import statistics
from kerasdoctor.diagnosis import Evidence, Severity, Status
from kerasdoctor.examinations import at_rate, kernels
from kerasdoctor.examples import digits_with_dropout, shuffled_digits, tumours
from kerasdoctor.locale import _
from kerasdoctor.quantities.gradient_norm import GradientNorm
from kerasdoctor.quantities.learning_rate import LearningRate
from kerasdoctor.quantities.neighbour_labels import NeighbourLabels
from kerasdoctor.quantities.split_labels import SplitLabels
from kerasdoctor.quantities.update_ratio import UpdateRatio
from kerasdoctor.quantities.weight_penalty import WeightPenalty
from kerasdoctor.record import Compile, Fit, Layer, Metric, Model, Outcome, TrainingRecord
from kerasdoctor.remedies.another_optimizer import AnotherOptimizer
from kerasdoctor.remedies.batch_normalization import BatchNormalization
from kerasdoctor.remedies.continue_training import ContinueTraining
from kerasdoctor.remedies.layer_normalization import LayerNormalization
from kerasdoctor.remedies.more_epochs import MoreEpochs
from kerasdoctor.remedies.smaller_dropout import SmallerDropout
from kerasdoctor.remedies.wider_layer import WiderLayer
from kerasdoctor.rule import Cause, Healthy, NotMeasured, Rule, Unhealthy

#: Share of the entropy of the class shares that is left, from where on a network has learned little. Of 90 healthy runs
#: without weights of classes: at most 0.28.
LEFT = 0.4
#: Times that val_loss may lie above the training loss: beyond it the network generalizes badly, which is another thing.
ABOVE = 1.25
#: Share of the loss that weight penalties take, from where on they come first; dropout rate that halves twice.
PENALTY, RATE = 0.5, 0.6
#: Sum of all updates over the weights: an upper bound of how far the weights can have moved. Below it they have not
#: (144 healthy runs: at least 0.12), and from `FREE` on they may have gone anywhere.
MOVED, FREE = 0.05, 1.0
#: Share of rows whose nearest other row has the same label, over the accuracy of the network, and the same in sampling
#: errors. Classes that planes separate best: 0 alarms in 720 (tests/accuracy/simulations/GENERALIZATION.md).
BEYOND, ERRORS = 0.1, 4.0


def too_small_network(
    model: Model,
    split_labels: SplitLabels,
    loss: Metric,
    metrics: Mapping[str, Metric],
    update_ratio: UpdateRatio | None = None,
    neighbour_labels: NeighbourLabels | None = None,
) -> tuple[Status, Evidence]:
    """Whether a layer is too narrow to tell the classes apart, or none is hidden and planes do not separate them."""
    classes = _classes(split_labels)
    narrow = _narrowest(model)
    if narrow is None:
        more = _more_to_learn(model, loss, metrics, update_ratio, neighbour_labels)
        if more is not None:
            return Status.CONFIRMED, more
        statement = _("measured, undecided: no hidden Dense layer whose width could be judged")
        if _is_linear(model):
            statement = _("measured, undecided: no hidden layer of weights, so classes are separated by planes alone")
        return Status.POSSIBLE, Evidence(statement, quantity="model", value=0.0)
    units = _units(narrow)
    needed = max(1, math.ceil(math.log2(classes)))
    statement = _(
        "{name} has {units} units for {classes} classes; {needed} yes-or-no answers tell so many apart"
    ).format(name=narrow.name, units=units, classes=classes, needed=needed)
    found = Evidence(statement, quantity="model", where=narrow.name, value=float(units), threshold=float(needed))
    if units <= needed:
        return Status.CONFIRMED, found
    if units >= 4 * classes:
        return Status.RULED_OUT, found
    return Status.POSSIBLE, replace(found, statement=_("measured, undecided: {statement}").format(statement=statement))


def strong_regularization(
    model: Model, loss: Metric, weight_penalty: WeightPenalty | None = None
) -> tuple[Status, Evidence]:
    """Whether penalties or dropout take the better part."""
    share, rate = _penalty_share(loss, weight_penalty), _rate(model)
    statement = _("weight penalties are {share:.0%} of the loss, the highest dropout rate is {rate:g}").format(
        share=share, rate=rate
    )
    status = Status.CONFIRMED if share >= PENALTY or rate >= RATE else Status.RULED_OUT
    return status, Evidence(statement, quantity="weight_penalty", value=max(share, rate), threshold=PENALTY)


def learning_rate(
    update_ratio: UpdateRatio,
    compile: Compile,
    learning_rate: LearningRate | None = None,
    gradient_norm: GradientNorm | None = None,
) -> tuple[Status, Evidence]:
    """Whether the weights have hardly moved in all steps together, though they were given gradients."""
    moved = _moved(update_ratio)
    if not _has_gradients(gradient_norm):
        statement = _("the gradients of all kernels are exactly 0 in every step: no rate makes steps of them")
        return Status.RULED_OUT, Evidence(statement, quantity="gradient_norm", value=0.0)
    statement = _("all updates together are {moved:.2g} times the weights, in the kernel that moved most")
    statement += at_rate(compile, learning_rate)
    found = Evidence(statement.format(moved=moved), quantity="update_ratio", value=moved, threshold=MOVED)
    if moved < MOVED:
        return Status.CONFIRMED, found
    if moved >= FREE:
        return Status.RULED_OUT, found
    undecided = _("measured, undecided: {statement}").format(statement=found.statement)
    return Status.POSSIBLE, replace(found, statement=undecided)


def too_few_epochs(loss: Metric) -> tuple[Status, Evidence]:
    """Whether the training loss was still falling."""
    course = statistics.trend(loss.train)
    statement = _("the training loss fell by {change:.3g} in the last {window} epochs").format(
        change=-course.change, window=course.window
    )
    if course.direction == "flat":
        statement = _("the training loss is flat in the last {window} epochs").format(window=course.window)
        return Status.RULED_OUT, Evidence(statement, quantity="history", value=course.change)
    if not math.isfinite(course.change):
        return Status.POSSIBLE, Evidence(_("measured, undecided: too few epochs to tell"), quantity="history")
    statement = _("measured, undecided: {statement}; more epochs would tell").format(statement=statement)
    return Status.POSSIBLE, Evidence(statement, quantity="history", value=course.change)


def two_units() -> TrainingRecord:
    """Digits through a hidden layer of two units, 25 epochs."""
    record = shuffled_digits()
    series = {
        "accuracy": "0.122 0.149 0.150 0.145 0.145 0.155 0.164 0.180 0.204 0.219 0.244 0.264 0.282 0.299 0.314 0.326 "
        "0.339 0.356 0.370 0.380 0.388 0.394 0.404 0.411 0.417",
        "loss": "2.315 2.299 2.282 2.261 2.241 2.222 2.204 2.186 2.135 2.069 2.022 1.984 1.951 1.921 1.895 1.870 1.848 "
        "1.827 1.807 1.788 1.770 1.753 1.736 1.719 1.703",
        "val_accuracy": "0.131 0.150 0.156 0.153 0.153 0.156 0.156 0.167 0.197 0.197 0.203 0.214 0.228 0.239 0.253 "
        "0.269 0.275 0.286 0.286 0.297 0.297 0.306 0.314 0.328 0.336",
        "val_loss": "2.303 2.293 2.276 2.257 2.240 2.225 2.211 2.191 2.120 2.071 2.033 2.001 1.974 1.949 1.927 1.906 "
        "1.887 1.869 1.852 1.836 1.820 1.804 1.790 1.776 1.762",
    }
    record.history = {key: [float(value) for value in values.split()] for key, values in series.items()}
    first, *_others, last = record.model.layers
    narrow = replace(first, parameters=130, output_shape=(2,))
    layers = (narrow, replace(last, parameters=30))
    record.model = replace(record.model, layers=layers, parameters=160, trainable_parameters=160)
    record.fit = replace(record.fit, epochs=25)
    record.outcome = replace(record.outcome, epochs=25)
    return record


class Underfitting(Rule):
    """The network has learned little, of its training rows too, and something visible holds it back.

    ## What it sees
    A run of ten epochs or more that has ended, with a cross-entropy over classes that no weights scale. Its training
    loss, without the penalties of weights, is 40 % or more of the entropy of the class shares, which is what a network
    has that knows these shares alone; val_loss is hardly higher. That alone is no fault: classes may overlap. So the
    rule fires only where one of its causes is measured as well. Losses of regressions have no such scale: it does not
    look at them.

    ## How it is told apart
    A small network: a hidden layer with no more units than yes-or-no answers are needed for so many classes; or none
    is hidden, the loss is flat though the weights were free to move, and the label of the nearest training row is
    right more often than the network, by ten points and four sampling errors: there is more to learn than planes can
    separate. Strong regularization: penalties are half of the loss, or a dropout rate is 0.6 or more. The learning
    rate: all updates together, an upper bound of the movement, are below 5 % of the weights, though the kernels had
    gradients. Too few epochs: the loss still falls.

    ## Remedies
    More units; smaller dropout rates and penalties; a larger learning rate or another optimizer; BatchNormalization
    between the layers; more epochs. To fit a single batch to the end is the quickest test of a network.

    ## References
    Goodfellow et al. (2016), Deep Learning, 11.5; Karpathy (2019), A recipe for training neural networks; Cover and
    Hart (1967), Nearest neighbor pattern classification (its error is at most twice the least possible).
    """

    family = "generalization"
    severity = Severity.WARNING
    message = _("The network underfits: {statement}.")

    causes = (
        Cause("too-small-network", _("a layer is too narrow"), examine=too_small_network, remedies=(WiderLayer(),)),
        Cause(
            "strong-regularization",
            _("penalties or dropout come before the data"),
            examine=strong_regularization,
            remedies=(SmallerDropout(),),
        ),
        Cause(
            "learning-rate",
            _("the weights hardly move"),
            examine=learning_rate,
            remedies=(AnotherOptimizer(), BatchNormalization(), LayerNormalization()),
            probe="overfit_batch",
        ),
        Cause(
            "too-few-epochs",
            _("it was still learning"),
            examine=too_few_epochs,
            remedies=(ContinueTraining(), MoreEpochs()),
        ),
    )

    examples = (
        Unhealthy(two_units, confirms=("too-small-network",)),
        Healthy(shuffled_digits),
        Healthy(digits_with_dropout),
        Healthy(tumours),
    )

    def check(
        self,
        model: Model,
        compile: Compile,
        outcome: Outcome,
        fit: Fit,
        loss: Metric,
        metrics: Mapping[str, Metric],
        split_labels: SplitLabels,
        weight_penalty: WeightPenalty | None = None,
        update_ratio: UpdateRatio | None = None,
        gradient_norm: GradientNorm | None = None,
        neighbour_labels: NeighbourLabels | None = None,
    ) -> Evidence | None:
        entropies = len(compile.losses) == 1 and "crossentropy" in compile.losses[0].name.replace("_", "")
        if not entropies or split_labels.kind != "classes":
            raise NotMeasured(_("a cross-entropy over classes"))
        if outcome.status not in {"finished", "stopped_early"} or len(loss.train) < statistics.SHORTEST_PLATEAU:
            return None
        if fit.class_weight or fit.sample_weight:
            # a weighted loss has another scale
            return None
        baseline = _entropy(split_labels)
        penalty = _last(weight_penalty)
        train, validation = (statistics.level(part, len(part) - 1) - penalty for part in (loss.train, loss.validation))
        if not (baseline > 0 and train >= LEFT * baseline) or validation > ABOVE * train:
            return None
        narrow = _narrowest(model)
        held_back = (
            (narrow is not None and _units(narrow) <= max(1, math.ceil(math.log2(_classes(split_labels)))))
            or _penalty_share(loss, weight_penalty) >= PENALTY
            or _rate(model) >= RATE
            or (update_ratio is not None and _moved(update_ratio) < MOVED and _has_gradients(gradient_norm))
            or _more_to_learn(model, loss, metrics, update_ratio, neighbour_labels) is not None
        )
        if not held_back:
            return None
        statement = _(
            "after {epochs} epochs the training loss is {train:.3g}, {share:.0%} of the {baseline:.3g} that knowing "
            "the class shares alone gives"
        )
        return Evidence(
            statement.format(epochs=len(loss.train), train=train, share=train / baseline, baseline=baseline),
            quantity="history",
            where="loss",
            value=train / baseline,
            threshold=LEFT,
        )


def _entropy(split_labels: SplitLabels) -> float:
    """Of the class shares of the training rows, in nats."""
    counts = np.array([count for count in split_labels.train.values() if count], dtype=np.float64)
    shares = counts / counts.sum() if len(counts) else counts
    return float(-(shares * np.log(shares)).sum()) if len(counts) else 0.0


def _classes(split_labels: SplitLabels) -> int:
    return max(2, sum(1 for count in split_labels.train.values() if count))


def _narrowest(model: Model) -> Layer | None:
    """The hidden layer of weights with the fewest units; None without one, and where the graph is not known."""
    layers = [layer for layer in model.layers if layer.top_level and layer.parameters and layer.kind == "Dense"]
    last = next((layer for layer in reversed(model.layers) if layer.top_level and layer.parameters), None)
    hidden = [layer for layer in layers if layer is not last and layer.output_shape and layer.output_shape[-1]]
    # in a graph with branches a narrow layer need not be passed
    return min(hidden, key=_units) if hidden and model.kind == "Sequential" else None


def _is_linear(model: Model) -> bool:
    """Whether one Dense layer has all the weights."""
    weighted = [layer for layer in model.layers if layer.parameters and "Normalization" not in layer.kind]
    return model.kind in {"Sequential", "Functional"} and [layer.kind for layer in weighted] == ["Dense"]


def _more_to_learn(
    model: Model,
    loss: Metric,
    metrics: Mapping[str, Metric],
    update_ratio: UpdateRatio | None,
    neighbour_labels: NeighbourLabels | None,
) -> Evidence | None:
    """That a network without a hidden layer has learned all that it can, and that near rows tell more."""
    accuracy = next((metric for metric in metrics.values() if metric.proportion and metric.direction == "up"), None)
    if neighbour_labels is None or accuracy is None or not _is_linear(model):
        return None
    # a loss is flat, too, where the steps are too short
    if update_ratio is None or _moved(update_ratio) < FREE or statistics.trend(loss.train).direction != "flat":
        return None
    levels = [statistics.level(part, len(part) - 1) for part in (accuracy.train, accuracy.validation) if len(part)]
    right, n = max((level for level in levels if math.isfinite(level)), default=1.0), neighbour_labels.rows
    if not (0 <= right <= 1 and 0 <= neighbour_labels.equal <= 1):
        return None
    errors = [math.sqrt(share * (1 - share) / (n + 4)) for share in _pulled([right, neighbour_labels.equal], n)]
    if neighbour_labels.equal - right < max(BEYOND, ERRORS * math.hypot(*errors)):
        return None
    statement = _(
        "no hidden layer of weights, so classes are separated by planes alone: {right:.0%} of the rows are right, "
        "while the nearest other row has the same label for {equal:.0%} of {rows:,} training rows"
    )
    return Evidence(
        statement.format(right=right, equal=neighbour_labels.equal, rows=n),
        quantity="neighbour_labels",
        value=neighbour_labels.equal - right,
        threshold=max(BEYOND, ERRORS * math.hypot(*errors)),
    )


def _pulled(shares: list[float], n: int) -> list[float]:
    """Shares of `n` rows with two right and two wrong ones more, so that none has an error of 0."""
    return [(share * n + 2) / (n + 4) for share in shares]


def _units(layer: Layer) -> int:
    return int((layer.output_shape or (0,))[-1] or 0)


def _last(weight_penalty: WeightPenalty | None) -> float:
    value = weight_penalty.value[-1] if weight_penalty is not None and len(weight_penalty) else 0.0
    return float(value) if math.isfinite(value) else 0.0


def _penalty_share(loss: Metric, weight_penalty: WeightPenalty | None) -> float:
    """Of the last training loss, 0 to 1."""
    total = float(loss.train[-1]) if len(loss.train) else 0.0
    return min(_last(weight_penalty) / total, 1.0) if math.isfinite(total) and total > 0 else 0.0


def _rate(model: Model) -> float:
    rates = [layer.rate for layer in model.layers if "Dropout" in layer.kind and layer.rate is not None]
    return max((rate for rate in rates if math.isfinite(rate)), default=0.0)


def _has_gradients(gradient_norm: GradientNorm | None) -> bool:
    """Whether a kernel had a gradient in any step; where none was recorded, too."""
    if gradient_norm is None or not len(gradient_norm):
        return True
    chosen = kernels(gradient_norm.columns)
    # NaN and infinity are no 0
    return not chosen or bool((gradient_norm.maximum[:, chosen] != 0).any())


def _moved(update_ratio: UpdateRatio) -> float:
    """The largest sum, over all steps, of a kernel's updates over its weights."""
    chosen = kernels(update_ratio.columns)
    if not len(update_ratio) or not chosen:
        return math.inf
    totals = update_ratio.total[:, chosen].sum(axis=0)
    return float(totals.max()) if np.isfinite(totals).all() else math.inf
