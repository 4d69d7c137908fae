"""The `fit` call as text that is changed argument by argument."""

from __future__ import annotations

import inspect

import keras
import pytest

from kerasdoctor.remedies.call import FIT_PARAMETERS, FitCall


def test_the_parameters_are_kerass():
    assert list(FIT_PARAMETERS) == list(inspect.signature(keras.Model.fit).parameters)[1:]


def test_what_is_not_changed_keeps_its_text():
    text = "model.fit( x,y ,\n   epochs = 3 )  "
    assert str(FitCall(text)) == text.strip()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("model.fit(x, y)", "model.fit(x, y, epochs=9)"),
        ("model.fit(x, y, epochs=1)", "model.fit(x, y, epochs=9)"),
        ("model.fit(x, y, 32, 1)", "model.fit(x, y, 32, 9)"),
        ("model.fit(x, y, **options)", "model.fit(x, y, epochs=9, **options)"),
        ("self.nets[0].fit(x['a'], y='b')", "self.nets[0].fit(x['a'], y='b', epochs=9)"),
        ("größe.fit(данные, y)", "größe.fit(данные, y, epochs=9)"),
        ("model.fit(\n    x,\n    y,\n)", "model.fit(\n    x,\n    y,\n    epochs=9,\n)"),
    ],
)
def test_set(text, expected):
    call = FitCall(text)
    call.set("epochs", "9")
    assert str(call) == expected


def test_set_and_remove_what_comes_through_a_mapping():
    call = FitCall("model.fit(x, y, **options)")
    call.set("epochs", "9", hidden=True)
    assert str(call) == 'model.fit(x, y, **{**options, "epochs": 9})'
    call.set("shuffle", "False", hidden=True)
    call.remove("validation_split", hidden=True)
    mapping = '{**options, "epochs": 9, "shuffle": False, "validation_split": 0.0}'
    assert str(call) == f"model.fit(x, y, **{mapping})"


def test_remove_names_what_followed_by_position():
    call = FitCall("model.fit(x, y, 32, 5, 0, None, 0.2, None, False)")
    call.remove("validation_split")
    assert str(call) == "model.fit(x, y, 32, 5, 0, None, validation_data=None, shuffle=False)"


def test_a_long_call_takes_a_line_an_argument():
    call = FitCall("model.fit(x, y, validation_split=0.2, epochs=20, batch_size=128)")
    call.set("class_weight", "{0: 1.0, 1: 12.5, 2: 1.0}")
    assert str(call).splitlines()[0] == "model.fit("
    assert str(call).splitlines()[-1] == ")"


@pytest.mark.parametrize("text", ["fit(x)", "model", "1 +", ""])
def test_what_is_no_call_of_a_method(text):
    with pytest.raises(ValueError, match="not a call"):
        FitCall(text)
