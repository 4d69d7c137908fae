"""`vanishing-gradients`."""

from __future__ import annotations

import numpy as np

from kerasdoctor.diagnosis import Evidence, Severity, Status, When
from kerasdoctor.examinations import falls_below_zero, kernels
from kerasdoctor.examples import deep_digits, digits_with_steps
from kerasdoctor.locale import _
from kerasdoctor.quantities.gradient_norm import GradientNorm
from kerasdoctor.quantities.initial_weights import InitialWeights
from kerasdoctor.quantities.zero_share import ZeroShare
from kerasdoctor.record import Fit, Metric, Model
from kerasdoctor.remedies.batch_normalization import BatchNormalization
from kerasdoctor.remedies.default_initialization import DefaultInitialization
from kerasdoctor.remedies.layer_normalization import LayerNormalization
from kerasdoctor.remedies.leaky_activation import LeakyActivation
from kerasdoctor.remedies.relu_activation import ReluActivation
from kerasdoctor.rule import Cause, Healthy, Rule, Unhealthy

#: Gradient of a weight of the first kernel over that of the variable with most, root mean squares. Healthy networks of
#: 2 to 20 layers begin with 0.001 to 1; queries of an attention with 1e-6, and their loss falls
#: (tests/accuracy/simulations/OPTIMIZATION.md).
FAINT = 3e-4
#: Fall of the loss since the first epoch that shows that something is learned.
LEARNED = 0.05
#: Epochs and steps that slow starters are given: four layers of sigmoid learn nothing for ten.
PATIENCE, STEPS = 12, 200

_NORMALIZATIONS = {"BatchNormalization", "LayerNormalization", "GroupNormalization", "RMSNormalization"}
_SATURATING = {"sigmoid", "tanh", "hard_sigmoid", "softsign"}


def saturating_activations(model: Model) -> tuple[Status, Evidence]:
    """Whether the hidden layers have activations whose derivative is below 1."""
    hidden = [layer for layer in model.layers[:-1] if layer.activation]
    found = [layer for layer in hidden if layer.activation in _SATURATING]
    if not model.layers:
        return Status.POSSIBLE, Evidence(_("not measured: the layers are not recorded"), quantity="model")
    statement = _("{count} of {total} hidden layers with an activation have sigmoid or tanh").format(
        count=len(found), total=len(hidden)
    )
    evidence = Evidence(statement, quantity="model", value=float(len(found)), threshold=3.0)
    # a sigmoid passes a quarter of the gradient at most: three of them 1.6 %
    return (Status.CONFIRMED if len(found) >= 3 else Status.RULED_OUT), evidence


def deep_without_normalization(model: Model) -> tuple[Status, Evidence]:
    """Whether there are many layers and none normalizes."""
    normalized = [layer.name for layer in model.layers if layer.kind in _NORMALIZATIONS]
    if normalized:
        return Status.RULED_OUT, Evidence(
            _("normalized by {name}").format(name=normalized[0]), quantity="model", where=normalized[0]
        )
    deep = sum(layer.parameters > 0 for layer in model.layers)
    statement = _("{count} layers with weights, none of which is normalized").format(count=deep)
    evidence = Evidence(statement, quantity="model", value=float(deep), threshold=5.0)
    if deep < 5:
        return Status.RULED_OUT, evidence
    statement = _("measured, undecided: {statement}").format(statement=statement)
    return Status.POSSIBLE, Evidence(statement, quantity="model", value=float(deep), threshold=5.0)


def small_initialization(initial_weights: InitialWeights) -> tuple[Status, Evidence]:
    """Whether each layer shrinks what it is given."""
    gains = [
        (spread.gain, path)
        for path, spread in initial_weights.variables.items()
        if path.endswith("kernel") and np.isfinite(spread.gain)
    ]
    if not gains:
        return Status.POSSIBLE, Evidence(_("not measured: no kernel was seen"), quantity="initial_weights")
    gain, path = min(gains)
    statement = _(
        "a unit of {name} began with {gain:.2g} times the variance of its inputs; Glorot's and He's initializations "
        "give "
        "0.3 to 2"
    ).format(name=path, gain=gain)
    found = Evidence(statement, quantity="initial_weights", where=path, value=gain, threshold=0.1)
    return (Status.CONFIRMED if gain < 0.1 else Status.RULED_OUT), found


def dead_units(model: Model, zero_share: ZeroShare) -> tuple[Status, Evidence]:
    """Whether a hidden relu layer puts out nothing but 0."""
    relu = {layer.path for layer in model.layers[:-1] if layer.activation in {"relu", "relu6"}}
    shares = [
        (float(zero_share.mean[-1, index]), path)
        for index, path in enumerate(zero_share.columns)
        if path in relu and len(zero_share)
    ]
    if not shares:
        return Status.RULED_OUT, Evidence(_("no hidden layer has relu"), quantity="model")
    share, path = max(shares)
    statement = _("{share:.1%} of the outputs of {name} are 0").format(share=share, name=path)
    found = Evidence(statement, quantity="zero_share", where=path, value=share, threshold=0.9999)
    return (Status.CONFIRMED if share >= 0.9999 else Status.RULED_OUT), found


class VanishingGradients(Rule):
    """The gradient that reaches the first layer is a tiny part of that of the last, and nothing is learned.

    ## What it sees
    The gradient of a weight of the first kernel against that of the variable with the largest one, root mean squares
    at the median step of the latest quarter: below 3 in 10,000. That alone is no fault, for Adam divides by it; so the
    loss must also have fallen by less than 5 % since the first epoch, after 12 epochs and 200 steps at least and a
    quarter of the run as planned. Networks that start slowly have fainter gradients at first and recover.

    ## How it is told apart
    Three or more hidden layers of sigmoid or tanh, whose derivatives multiply; a small initialization, under which each
    layer shrinks what it is given; a relu layer that is dead and passes nothing back; five layers or more with no
    normalization, which is undecided without another run.

    ## Remedies
    Relu with He's initialization; batch normalization; initialization by the size of the layers; leaky relu.

    ## References
    Glorot and Bengio (2010), Understanding the difficulty of training deep feedforward neural networks; Ioffe and
    Szegedy (2015), Batch normalization.
    """

    family = "optimization"
    severity = Severity.WARNING
    explains = ("learning-rate-too-low", "majority-predictor", "underfitting")
    message = _("The gradients vanish: {statement}.")

    causes = (
        Cause(
            "saturating-activations",
            _("sigmoid or tanh in many layers"),
            examine=saturating_activations,
            remedies=(ReluActivation(), BatchNormalization()),
        ),
        Cause(
            "small-initialization",
            _("the weights begin too small"),
            examine=small_initialization,
            remedies=(DefaultInitialization(),),
        ),
        Cause("dead-units", _("a layer is dead"), examine=dead_units, remedies=(LeakyActivation(),)),
        Cause(
            "deep-without-normalization",
            _("the network is deep, and nothing is normalized"),
            examine=deep_without_normalization,
            remedies=(BatchNormalization(), LayerNormalization()),
        ),
    )

    examples = (Unhealthy(deep_digits, confirms=("saturating-activations",)), Healthy(digits_with_steps))

    def check(
        self, gradient_norm: GradientNorm, initial_weights: InitialWeights, loss: Metric, fit: Fit
    ) -> Evidence | None:
        epochs = loss.train[np.isfinite(loss.train)]
        steps = int(gradient_norm.last[-1]) if len(gradient_norm) else 0
        if len(epochs) < max(PATIENCE, fit.epochs // 4) or steps < STEPS or epochs[0] <= 0 or falls_below_zero(epochs):
            return None
        if (epochs[0] - epochs.min()) / epochs[0] >= LEARNED:
            return None
        columns = kernels(gradient_norm.columns)
        sizes = np.array(
            [
                np.prod(initial_weights.variables[path].shape) if path in initial_weights.variables else np.nan
                for path in gradient_norm.columns
            ]
        )
        if len(columns) < 2 or not (sizes > 0).any():
            return None
        latest = gradient_norm.mean[-max(1, len(gradient_norm) // 4) :]
        typical = np.median(np.nan_to_num(latest, nan=np.inf), axis=0) / np.sqrt(np.where(sizes > 0, sizes, np.nan))
        known = typical[np.isfinite(typical)]
        first = typical[columns[0]]
        if not len(known) or not np.isfinite(first) or known.max() <= 0 or first / known.max() >= FAINT:
            return None
        share = float(first / known.max())
        statement = _(
            "a weight of {first} gets {share:.1g} times the gradient of {largest}, and after {epochs} epochs the loss "
            "has gone from {start:.4g} to {last:.4g}"
        ).format(
            first=gradient_norm.columns[columns[0]],
            share=share,
            largest=gradient_norm.columns[int(np.nanargmax(np.where(np.isfinite(typical), typical, np.nan)))],
            epochs=len(epochs),
            start=epochs[0],
            last=epochs[-1],
        )
        return Evidence(
            statement,
            quantity="gradient_norm",
            where=gradient_norm.columns[columns[0]],
            when=When(step=steps),
            value=share,
            threshold=FAINT,
        )
