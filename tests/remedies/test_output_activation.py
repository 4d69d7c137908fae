"""The activation of the last layer is the one that its loss is made for."""

import pytest

from kerasdoctor.examples import shuffled_digits, with_head
from kerasdoctor.record import Loss
from kerasdoctor.remedies import SetLayerArgument
from kerasdoctor.remedies.output_activation import OutputActivation


@pytest.mark.parametrize(
    ("loss", "units", "activation", "suited"),
    [
        ("binary_crossentropy", 1, "linear", "sigmoid"),
        ("sparse_categorical_crossentropy", 10, "linear", "softmax"),
        ("kl_divergence", 10, "sigmoid", "softmax"),
        ("poisson", 1, "linear", "softplus"),
        ("mean_squared_error", 1, "relu", "linear"),
        # nothing to change
        ("mean_squared_error", 1, "linear", None),
        ("sparse_categorical_crossentropy", 10, "softmax", None),
        # nothing is known of its values
        ("cosine_similarity", 10, "linear", None),
    ],
)
def test_the_loss_tells_the_activation(loss, units, activation, suited):
    record = with_head(
        shuffled_digits(),
        units=units,
        activation=activation,
        loss=Loss(name=loss, by_name=True),
        history={"loss": "0.6 0.5 0.4", "val_loss": "0.6 0.5 0.4"},
    )
    plan = OutputActivation().plan(record)
    last = record.model.layers[-1].name
    expected = None if suited is None else (SetLayerArgument(last, "activation", f'"{suited}"'),)
    assert (plan.changes if plan else None) == expected
