"""`exploding-gradients`."""
# ruff: noqa: A002 - parts of the record are injected by their names, `compile` too

from __future__ import annotations

import math

import numpy as np

from kerasdoctor.diagnosis import Evidence, Severity, Status, When
from kerasdoctor.examinations import at_rate, block_losses, far, first_loss, kernels, rows_per_step, scale_of_inputs
from kerasdoctor.examples import digits_with_steps, exploded_digits
from kerasdoctor.locale import _
from kerasdoctor.quantities.batch_loss import BatchLoss
from kerasdoctor.quantities.far_rows import FarRows
from kerasdoctor.quantities.global_gradient_norm import GlobalGradientNorm
from kerasdoctor.quantities.initial_weights import InitialWeights
from kerasdoctor.quantities.input_range import InputRange
from kerasdoctor.quantities.learning_rate import LearningRate
from kerasdoctor.quantities.update_ratio import UpdateRatio
from kerasdoctor.record import Compile, Data, Fit, Model
from kerasdoctor.remedies.clip_gradients import ClipGradients
from kerasdoctor.remedies.default_initialization import DefaultInitialization
from kerasdoctor.remedies.min_max_normalization import MinMaxNormalization
from kerasdoctor.remedies.smaller_learning_rate import SmallerLearningRate
from kerasdoctor.rule import Cause, Healthy, Rule, Unhealthy

#: Largest gradient over the first one, in a run whose loss went to three times the first. 69 healthy runs: at most 67,
#: and none of them with such a loss (tests/accuracy/simulations/OPTIMIZATION.md).
GROWTH = 100.0
#: Times the first loss that the loss of 64 rows reached.
LOSS = 3.0
#: Mean square of the weights times the inputs of a unit; Glorot's and He's initializations give 0.3 to 2.3.
LARGE_GAIN = 8.0
#: First loss of a cross-entropy over the logarithm of the classes. Inputs of 0 to 255 reach 45, with gains below 3.
LARGE_START = 20.0

_RECURRENT = {"SimpleRNN", "LSTM", "GRU", "RNN", "Bidirectional", "ConvLSTM2D"}


def _large_gains(weights: InitialWeights | None) -> list[tuple[float, str]]:
    if weights is None:
        return []
    # of equal units `constant-initialization` tells
    gains = (
        (spread.gain, path)
        for path, spread in weights.variables.items()
        if path.endswith("kernel") and spread.deviation > 0 and spread.between_units != 0
    )
    return sorted(((gain, path) for gain, path in gains if gain >= LARGE_GAIN), reverse=True)


def long_steps(
    compile: Compile,
    update_ratio: UpdateRatio,
    learning_rate: LearningRate | None = None,
    far_rows: FarRows | None = None,
) -> tuple[Status, Evidence]:
    """Whether single steps changed the weights by much of their size, and no odd rows lengthened them."""
    columns = kernels(update_ratio.columns)
    values = update_ratio.maximum[:, columns] if columns else np.empty((0, 0))
    if not np.isfinite(values).any():
        return Status.POSSIBLE, Evidence(_("not measured: no update of a kernel was seen"), quantity="update_ratio")
    longest = float(np.nanmax(values))
    statement = _("the longest step changed a kernel by {share:.0%} of its norm").format(share=longest)
    statement += at_rate(compile, learning_rate)
    if longest >= 0.3 and far_rows is not None and far_rows.count:
        undecided = _("measured, undecided: {statement}; {far}").format(statement=statement, far=far(far_rows))
        return Status.POSSIBLE, Evidence(undecided, quantity="update_ratio", value=longest, threshold=0.3)
    found = Evidence(statement, quantity="update_ratio", value=longest, threshold=0.3)
    return (Status.CONFIRMED if longest >= 0.3 else Status.RULED_OUT), found


def unclipped_recurrence(model: Model, compile: Compile) -> tuple[Status, Evidence]:
    """Whether a recurrent layer multiplies gradients over its steps and nothing limits them."""
    recurrent = [layer for layer in model.layers if layer.kind in _RECURRENT]
    if not recurrent:
        return Status.RULED_OUT, Evidence(_("no layer is recurrent"), quantity="model")
    config = compile.optimizer_config
    clipped = [name for name in ("clipnorm", "global_clipnorm", "clipvalue") if config.get(name)]
    if clipped:
        statement = _("the gradients are clipped by {name}={value}").format(name=clipped[0], value=config[clipped[0]])
        return Status.RULED_OUT, Evidence(statement, quantity="compile")
    statement = _("{name} is a {kind} layer, and no gradient is clipped").format(
        name=recurrent[0].name, kind=recurrent[0].kind
    )
    return Status.CONFIRMED, Evidence(statement, quantity="model", where=recurrent[0].name)


def unscaled_inputs(model: Model, input_range: InputRange, far_rows: FarRows | None = None) -> tuple[Status, Evidence]:
    """Whether the inputs are far larger than a network is initialized for."""
    return scale_of_inputs(model, input_range, far_rows)


def large_initialization(initial_weights: InitialWeights) -> tuple[Status, Evidence]:
    """Whether each layer enlarges what it is given."""
    gains = _large_gains(initial_weights)
    if not gains:
        known = [spread.gain for spread in initial_weights.variables.values() if math.isfinite(spread.gain)]
        highest = max(known, default=0.0)
        statement = _("no unit begins with more than {gain:.2g} times the variance of its inputs").format(gain=highest)
        return Status.RULED_OUT, Evidence(statement, quantity="initial_weights", value=highest, threshold=LARGE_GAIN)
    gain, path = gains[0]
    statement = _(
        "a unit of {name} began with {gain:.3g} times the variance of its inputs; Glorot's and He's initializations "
        "give 0.3 "
        "to 2"
    ).format(name=path, gain=gain)
    return Status.CONFIRMED, Evidence(
        statement, quantity="initial_weights", where=path, value=gain, threshold=LARGE_GAIN
    )


class ExplodingGradients(Rule):
    """The gradients grow from layer to layer, or from step to step, until the loss is lost.

    ## What it sees
    The norm of the whole gradient, before any clipping. From step to step: it reaches a hundred times that of the first
    batch, and the loss of 64 rows three times its first value. From layer to layer: two kernels or more begin with
    weights far larger than the sizes of their layers allow, and a cross-entropy begins at twenty times the logarithm of
    its classes. A large gradient alone is no fault, nor is a run that begins with a large loss of unscaled targets.

    ## How it is told apart
    Long steps: one step changed a kernel by 30 % of its norm or more; undecided where rows that lie
    far from the others lengthen it. Recurrence: a recurrent layer, with no clipping.
    Large inputs. A large initialization: the variance that a unit begins with, over that of its inputs.

    ## Remedies
    Clipped gradients; a smaller learning rate; normalized inputs; initialization by the size of the layers.

    ## References
    Pascanu, Mikolov and Bengio (2013), On the difficulty of training recurrent neural networks; Google, Deep Learning
    Tuning Playbook (log the unclipped norm).
    """

    family = "optimization"
    severity = Severity.WARNING
    message = _("The gradients explode: {statement}.")

    causes = (
        Cause(
            "unclipped-recurrence",
            _("a recurrent layer multiplies the gradient over its steps"),
            examine=unclipped_recurrence,
            remedies=(ClipGradients(),),
        ),
        Cause(
            "large-initialization",
            _("the weights begin too large"),
            examine=large_initialization,
            remedies=(DefaultInitialization(),),
        ),
        Cause(
            "unscaled-inputs",
            _("large inputs make large gradients"),
            examine=unscaled_inputs,
            remedies=(MinMaxNormalization(),),
        ),
        Cause(
            "long-steps",
            _("the steps are too long"),
            examine=long_steps,
            remedies=(SmallerLearningRate(), ClipGradients()),
        ),
    )

    examples = (Unhealthy(exploded_digits, confirms=("long-steps",)), Healthy(digits_with_steps))

    def check(
        self,
        global_gradient_norm: GlobalGradientNorm,
        batch_loss: BatchLoss,
        fit: Fit,
        data: Data,
        compile: Compile,
        model: Model,
        initial_weights: InitialWeights | None = None,
    ) -> Evidence | None:
        rows = rows_per_step(fit, data)
        start = first_loss(batch_loss, rows)
        if start is None or not len(global_gradient_norm):
            return None
        at_first = _from_layer_to_layer(start, compile, model, initial_weights)
        if at_first is not None:
            return at_first
        norms, blocks = global_gradient_norm.values, block_losses(batch_loss, rows)
        first = norms[0]
        finite, losses = norms[np.isfinite(norms)], blocks[np.isfinite(blocks)]
        if len(finite) < 2 or not np.isfinite(first) or first <= 0 or not len(losses):
            return None
        highest, loss = float(finite.max()), float(losses.max())
        if highest < GROWTH * first or loss < LOSS * start:
            return None
        step = int(global_gradient_norm.steps[int(np.nanargmax(np.where(np.isfinite(norms), norms, np.nan)))])
        statement = _(
            "the norm of the gradient went from {first:.3g} in the first step to {highest:.3g} in step {step}, and the "
            "loss from {start:.3g} to {loss:.3g}"
        ).format(first=first, highest=highest, step=step, start=start, loss=loss)
        return Evidence(
            statement,
            quantity="global_gradient_norm",
            when=When(step=step),
            value=float(highest / first),
            threshold=GROWTH,
        )


def _from_layer_to_layer(
    start: float, compile: Compile, model: Model, weights: InitialWeights | None
) -> Evidence | None:
    """Weights so large that the first loss is far above that of a guess."""
    entropies = [loss for loss in compile.losses if "crossentropy" in loss.name.replace("_", "").lower()]
    gains = _large_gains(weights)
    shape = model.outputs[0].shape if model.outputs else (model.layers[-1].output_shape if model.layers else None)
    units = shape[-1] if shape else None
    if len(compile.losses) != 1 or not entropies or len(gains) < 2 or not units:
        return None
    guess = math.log(max(units, 2))
    if start < LARGE_START * guess:
        return None
    statement = _(
        "before the first step the loss is {start:.3g}, where guessing has {guess:.2g}: each of {count} kernels "
        "enlarges what it is given"
    ).format(start=start, guess=guess, count=len(gains))
    return Evidence(statement, quantity="batch_loss", when=When(step=1), value=start / guess, threshold=LARGE_START)
