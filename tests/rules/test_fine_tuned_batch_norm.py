from dataclasses import replace

import numpy as np

from kerasdoctor.diagnosis import Status
from kerasdoctor.quantities.inference_metrics import InferenceMetrics
from kerasdoctor.quantities.initial_weights import InitialWeights
from kerasdoctor.rules.fine_tuned_batch_norm import inverted_images
from tests.rules.differential import cause, diagnosis, reason

NAME = "fine-tuned-batch-norm"


def test_names_layer_and_numbers() -> None:
    found = diagnosis(inverted_images(), NAME)
    assert found is not None
    assert "in batch_normalization the validation rows lie 1.9 standard deviations from the mean" in found.message
    assert "val_loss is 2.7, loss 0.298" in found.message
    finding = cause(inverted_images(), NAME, "trainable-batch-norm-in-pretrained")
    assert "a loss of 4.61 in inference mode, where fit reported 1.93" in finding.evidence.statement


def test_fresh_layers_are_not_pretrained() -> None:
    record = inverted_images()
    weights = record.quantities["initial_weights"].variables
    record.quantities["initial_weights"] = InitialWeights(
        {path: replace(spread, mean=1.0, deviation=0.0) for path, spread in weights.items()}
    )
    assert diagnosis(record, NAME) is None


def test_frozen_layers_are_right() -> None:
    record = inverted_images()
    first, layer, *others = record.model.layers
    record.model = replace(record.model, layers=(first, replace(layer, trainable=False), *others))
    assert diagnosis(record, NAME) is None


def test_training_rows_that_are_judged_well_clear_it() -> None:
    record = inverted_images()
    looks = InferenceMetrics()
    looks.extend(("loss",), np.array([40]), np.array([[0.25]]))
    record.quantities["inference_metrics"] = looks
    assert diagnosis(record, NAME) is None


def test_a_subclassed_model_may_say_training_true() -> None:
    record = inverted_images()
    assert cause(record, NAME, "training-true-call").status is Status.RULED_OUT
    record.model = replace(record.model, kind="subclassed")
    assert cause(record, NAME, "training-true-call").status is Status.POSSIBLE


def test_needs_what_it_compares() -> None:
    record = inverted_images()
    del record.quantities["batch_norm_shift"]
    assert reason(record, NAME) == "needs batch_norm_shift, not recorded"
    record = inverted_images()
    del record.quantities["initial_weights"]
    assert reason(record, NAME) == "needs initial_weights, not recorded"
