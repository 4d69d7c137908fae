"""`strong-dropout`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from kerasdoctor import statistics
from kerasdoctor.diagnosis import Evidence, Severity, Status
from kerasdoctor.examples import digits_with_dropout
from kerasdoctor.locale import _
from kerasdoctor.record import Layer, Metric, Model, TrainingRecord
from kerasdoctor.remedies.predictions_kept import PredictionsKept
from kerasdoctor.remedies.share_to_drop import ShareToDrop
from kerasdoctor.remedies.smaller_dropout import SmallerDropout
from kerasdoctor.rule import Cause, Healthy, Rule, Unhealthy

#: Rate from which on less than a quarter of the units is left. Srivastava et al. (2014) use 0.2 to 0.5.
STRONG = 0.75


def high_rate(model: Model, metrics: Mapping[str, Metric]) -> tuple[Status, Evidence]:
    """Whether few units are left in each step."""
    strong = _strong(model)
    if not strong:
        rates = [layer.rate for layer in _dropouts(model) if layer.rate is not None]
        statement = _("the highest rate is {rate:g}").format(rate=max(rates, default=0.0))
        return Status.RULED_OUT, Evidence(statement, quantity="model", value=max(rates, default=0.0), threshold=STRONG)
    worst = max(strong, key=lambda layer: layer.rate or 0)
    rate = worst.rate or 0.0
    statement = _("{name} passes {share:.0%} of its units on in each step and drops the others").format(
        name=worst.name, share=1 - rate
    )
    for metric in metrics.values():
        if metric.proportion and len(metric.validation) and len(metric.train):
            last = len(metric.train) - 1
            statement += _("; {name} is {train:.1%} with dropout, val_{name} {validation:.1%} without").format(
                name=metric.name,
                train=statistics.level(metric.train, last),
                validation=statistics.level(metric.validation, last),
            )
            break
    return Status.CONFIRMED, Evidence(statement, quantity="model", where=worst.name, value=rate, threshold=STRONG)


def keep_probability(model: Model) -> tuple[Status, Evidence]:
    """Whether the rate looks like the share to keep, which other libraries and TensorFlow 1 ask for."""
    strong = _strong(model)
    if not strong:
        return Status.RULED_OUT, Evidence(_("no rate is high"), quantity="model")
    rate = max(layer.rate or 0 for layer in strong)
    statement = _("measured, undecided: a rate of {rate:g} may be meant as the share to keep; that is rate={keep:g}")
    return Status.POSSIBLE, Evidence(statement.format(rate=rate, keep=round(1 - rate, 3)), quantity="model", value=rate)


def dropout_at_the_output(model: Model) -> tuple[Status, Evidence]:
    """Whether the predictions themselves are dropped."""
    layer = _behind_the_output(model)
    if layer is not None:
        statement = _("{name} is the last layer: in training it sets {rate:.0%} of the predictions to 0")
        return Status.CONFIRMED, Evidence(
            statement.format(name=layer.name, rate=layer.rate or 0.0), quantity="model", where=layer.name
        )
    if len(model.outputs) != 1:
        statement = _("not measured: the order of the layers is known for models of one output")
        return Status.POSSIBLE, Evidence(statement, quantity="model")
    return Status.RULED_OUT, Evidence(_("no dropout stands behind the output layer"), quantity="model")


def nine_of_ten() -> TrainingRecord:
    """Digits with a dropout rate of 0.9 behind both hidden layers: it learns nothing in 25 epochs."""
    record = digits_with_dropout()
    series = {
        "accuracy": "0.093 0.109 0.111 0.109 0.120 0.109 0.110 0.109 0.113 0.106 0.106 0.102 0.101 0.110 0.113 0.097 "
        "0.090 0.091 0.093 0.095 0.099 0.101 0.090 0.104 0.110",
        "loss": "3.830 2.736 2.407 2.364 2.334 2.323 2.304 2.309 2.309 2.305 2.310 2.304 2.300 2.304 2.298 2.299 2.300 "
        "2.301 2.297 2.297 2.297 2.293 2.305 2.290 2.286",
        "val_accuracy": "0.133 0.147 0.144 0.117 0.106 0.133 0.136 0.128 0.139 0.131 0.114 0.122 0.114 0.111 0.106 "
        "0.108 0.111 0.111 0.106 0.100 0.106 0.108 0.106 0.117 0.119",
        "val_loss": "2.295 2.291 2.295 2.298 2.299 2.300 2.299 2.302 2.303 2.304 2.305 2.305 2.305 2.304 2.303 2.303 "
        "2.304 2.303 2.301 2.300 2.299 2.301 2.304 2.300 2.295",
    }
    record.history = {key: [float(value) for value in values.split()] for key, values in series.items()}
    layers = tuple(replace(layer, rate=0.9) if layer.rate else layer for layer in record.model.layers)
    record.model = replace(record.model, layers=layers)
    record.fit = replace(record.fit, epochs=25)
    record.outcome = replace(record.outcome, epochs=25)
    return record


class StrongDropout(Rule):
    """A Dropout layer drops so much, or so late, that the network cannot learn through it.

    ## What it sees
    A fact of the layers: a rate of 0.75 or more, so that less than a quarter of the units is left in each step; or a
    Dropout behind the output layer, which sets predictions to 0. That a training accuracy is below the validation
    accuracy is no sign of it: dropout does that in every healthy run, for it works in training alone.

    ## How it is told apart
    A high rate: stated with what is left. A rate mistaken for the share to keep: TensorFlow 1 asked for that one; only
    the author knows. Dropout at the output: the last layer is one.

    ## Remedies
    A rate of 0.3 in every dropout layer above it; take out the one behind the output.

    ## References
    Srivastava et al. (2014), Dropout: a simple way to prevent neural networks from overfitting.
    """

    family = "generalization"
    severity = Severity.WARNING
    explains = ("better-validation", "underfitting")
    message = _("Dropout is too strong: {statement}.")

    causes = (
        Cause("high-rate", _("too few units are left"), examine=high_rate, remedies=(SmallerDropout(),)),
        Cause(
            "dropout-at-the-output",
            _("the predictions are dropped; take this layer out"),
            examine=dropout_at_the_output,
            remedies=(PredictionsKept(),),
        ),
        Cause(
            "keep-probability",
            _("the rate is meant as the share to keep"),
            examine=keep_probability,
            remedies=(ShareToDrop(),),
        ),
    )

    examples = (Unhealthy(nine_of_ten, confirms=("high-rate",)), Healthy(digits_with_dropout))

    def check(self, model: Model) -> Evidence | None:
        strong, last = _strong(model), _behind_the_output(model)
        if strong:
            worst = max(strong, key=lambda layer: layer.rate or 0)
            statement = _("{name} drops {rate:.0%} of its units in each step").format(name=worst.name, rate=worst.rate)
            return Evidence(statement, quantity="model", where=worst.name, value=worst.rate, threshold=STRONG)
        if last is not None:
            statement = _("{name} stands behind the output layer and drops {rate:.0%} of the predictions")
            statement = statement.format(name=last.name, rate=last.rate or 0.0)
            return Evidence(statement, quantity="model", where=last.name, value=last.rate, threshold=0.0)
        return None


def _dropouts(model: Model) -> list[Layer]:
    return [layer for layer in model.layers if "Dropout" in layer.kind]


def _strong(model: Model) -> list[Layer]:
    return [layer for layer in _dropouts(model) if layer.rate is not None and STRONG <= layer.rate < np.inf]


def _behind_the_output(model: Model) -> Layer | None:
    """The dropout layer that ends a model of one output."""
    top = [layer for layer in model.layers if layer.top_level]
    if model.kind == "subclassed" or len(model.outputs) != 1 or not top:
        return None
    last = top[-1]
    # layers of a Functional model stand in the order of their depth: behind what makes the output is only its end
    drops = "Dropout" in last.kind and (last.rate or 0) > 0 and last.output_shape == model.outputs[0].shape
    return last if drops and any(layer.name == model.outputs[0].layer for layer in model.layers) else None
