import math

import numpy as np
import pytest

from kerasdoctor.quantities import EvaluationTap
from kerasdoctor.quantities.held_out_outputs import HeldOutOutputs


def measured(outputs: list[list[float]], task: str) -> HeldOutOutputs:
    found = HeldOutOutputs()
    found.on_evaluation(
        EvaluationTap(
            step=1,
            part="validation",
            rows=len(outputs),
            task=task,
            true=np.arange(len(outputs) + 3) % 2,
            outputs=np.array(outputs, dtype="float32"),
        )
    )
    return found


def test_probabilities_of_every_kind_of_output() -> None:
    assert measured([[0.25, 0.75]], "sparse").probabilities == pytest.approx(np.array([[0.25, 0.75]]))
    assert measured([[0.2]], "binary").probabilities == pytest.approx(np.array([[0.8, 0.2]]))
    one = 1 / (1 + math.exp(-2))
    assert measured([[2.0]], "binary logits").probabilities == pytest.approx(np.array([[1 - one, one]]))
    exponentials = [math.exp(value) for value in (1.0, -2.0, 3.0)]
    expected = [value / sum(exponentials) for value in exponentials]
    assert measured([[1.0, -2.0, 3.0]], "sparse").probabilities == pytest.approx(np.array([expected]), rel=1e-5)


def test_labels_are_those_of_the_rows_kept() -> None:
    assert measured([[0.2], [0.4]], "binary").labels.tolist() == [0, 1]


def test_outputs_that_are_not_finite_are_no_probabilities() -> None:
    assert measured([[math.nan, 0.5]], "sparse").probabilities.size == 0
    assert HeldOutOutputs().probabilities.size == 0
