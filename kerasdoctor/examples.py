"""Records of short real runs, for the examples of the rules: scikit-learn's data, small networks, seeded.

The series are Keras's own, rounded; the batch losses between them are drawn around each epoch's mean, except where
their course is what the example shows.
"""

from __future__ import annotations

import copy
import itertools
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from kerasdoctor.quantities.batch_loss import BatchLoss
from kerasdoctor.quantities.batch_norm_shift import BatchNormShift
from kerasdoctor.quantities.batch_norm_variance import BatchNormVariance
from kerasdoctor.quantities.drawn_labels import DrawnLabels, Labels
from kerasdoctor.quantities.drawn_range import DrawnRange, DrawnValues
from kerasdoctor.quantities.drawn_rows import DrawnRows
from kerasdoctor.quantities.epoch_begin import EpochBegin
from kerasdoctor.quantities.global_gradient_norm import GlobalGradientNorm
from kerasdoctor.quantities.gradient_norm import GradientNorm
from kerasdoctor.quantities.initial_weights import InitialWeights, Spread
from kerasdoctor.quantities.input_range import InputRange, Range
from kerasdoctor.quantities.learning_rate import LearningRate
from kerasdoctor.quantities.row_order import RowOrder
from kerasdoctor.quantities.saturation import Saturation
from kerasdoctor.quantities.split_labels import SplitLabels
from kerasdoctor.quantities.target_form import Form, TargetForm
from kerasdoctor.quantities.target_range import TargetRange
from kerasdoctor.quantities.update_norm import UpdateNorm
from kerasdoctor.quantities.update_ratio import UpdateRatio
from kerasdoctor.quantities.weight_norm import WeightNorm
from kerasdoctor.quantities.weight_penalty import WeightPenalty
from kerasdoctor.quantities.zero_share import ZeroShare
from kerasdoctor.record import (
    Compile,
    CompiledMetric,
    Data,
    Fit,
    Layer,
    Loss,
    MetricFacts,
    Model,
    Outcome,
    Output,
    PipelineStep,
    Source,
    TrainingRecord,
)
from kerasdoctor.series import Table

_T = TypeVar("_T", bound=Table)

_RANDOM_ORDER = RowOrder(
    equal_neighbours=0.096,
    expected_equal_neighbours=0.0995,
    z=-0.45,
    neighbour_distance=0.99,
    target_autocorrelation=None,
    rising_targets=None,
    time_ordered=None,
)


def shuffled_digits() -> TrainingRecord:
    """1,797 handwritten digits in random order, two hidden layers, Adam: a healthy run."""
    return _digits(
        {
            "accuracy": "0.411 0.785 0.879 0.919 0.937 0.951 0.960 0.968 0.970 0.974 "
            "0.976 0.978 0.980 0.983 0.988 0.988 0.990 0.990 0.991 0.992",
            "loss": "2.081 1.302 0.620 0.368 0.266 0.212 0.177 0.152 0.134 0.119 "
            "0.106 0.096 0.087 0.079 0.072 0.066 0.060 0.055 0.051 0.047",
            "val_accuracy": "0.664 0.833 0.933 0.947 0.958 0.964 0.967 0.967 0.969 0.975 "
            "0.978 0.978 0.978 0.978 0.978 0.981 0.983 0.983 0.986 0.986",
            "val_loss": "1.743 0.863 0.443 0.297 0.228 0.187 0.160 0.141 0.126 0.115 "
            "0.106 0.098 0.091 0.087 0.082 0.078 0.074 0.070 0.068 0.064",
        },
        labels=_classes((139, 145, 130, 155, 139, 150, 144, 152, 144, 139), (39, 37, 47, 28, 42, 32, 37, 27, 30, 41)),
    )


def sorted_digits() -> TrainingRecord:
    """The same digits sorted by label: the last fifth, which validates, holds the eights and nines."""
    return _digits(
        {
            "accuracy": "0.470 0.874 0.955 0.970 0.978 0.981 0.983 0.985 0.989 0.990 "
            "0.992 0.992 0.994 0.998 0.998 0.999 0.999 0.999 0.999 0.999",
            "loss": "1.989 0.968 0.325 0.171 0.120 0.094 0.078 0.066 0.056 0.048 "
            "0.042 0.036 0.031 0.027 0.024 0.021 0.018 0.016 0.014 0.013",
            "val_accuracy": "0.017 0.011 0.011 0.011 0.011 0.017 0.017 0.017 0.017 0.017 "
            "0.017 0.017 0.017 0.017 0.017 0.017 0.017 0.017 0.017 0.017",
            "val_loss": "3.733 6.280 7.664 8.372 8.790 9.169 9.466 9.726 9.979 10.24 "
            "10.43 10.61 10.78 10.97 11.14 11.31 11.49 11.65 11.78 11.90",
        },
        labels=_classes((178, 182, 177, 183, 181, 182, 181, 173, 0, 0), (0, 0, 0, 0, 0, 0, 0, 6, 174, 180)),
        order=replace(_RANDOM_ORDER, equal_neighbours=0.995, z=126.8, neighbour_distance=0.75),
    )


def mislabelled_digits() -> TrainingRecord:
    """Digits with three labels in ten drawn at random, a wide network, 40 epochs: it learns the wrong ones by heart."""
    record = _digits(
        {
            "accuracy": "0.519 0.670 0.693 0.698 0.702 0.704 0.709 0.712 0.715 0.721 0.723 0.725 0.725 0.729 0.734 "
            "0.738 0.744 0.747 0.750 0.752 0.754 0.764 0.769 0.775 0.778 0.782 0.789 0.793 0.799 0.806 0.809 0.814 "
            "0.819 0.825 0.835 0.839 0.850 0.857 0.863 0.873",
            "loss": "1.818 1.382 1.300 1.256 1.223 1.194 1.167 1.142 1.116 1.092 1.068 1.045 1.022 0.998 0.974 0.951 "
            "0.928 0.905 0.883 0.860 0.836 0.814 0.792 0.767 0.746 0.724 0.699 0.676 0.655 0.632 0.608 0.587 0.565 "
            "0.546 0.525 0.505 0.484 0.465 0.447 0.428",
            "val_accuracy": "0.675 0.672 0.681 0.683 0.686 0.689 0.689 0.689 0.692 0.697 0.686 0.689 0.689 0.686 "
            "0.686 0.686 0.686 0.681 0.678 0.678 0.672 0.672 0.661 0.661 0.656 0.656 0.650 0.658 0.656 0.658 0.656 "
            "0.653 0.650 0.647 0.650 0.650 0.644 0.639 0.636 0.631",
            "val_loss": "1.389 1.329 1.321 1.318 1.318 1.313 1.313 1.319 1.323 1.327 1.333 1.339 1.347 1.355 1.365 "
            "1.376 1.393 1.405 1.420 1.434 1.450 1.460 1.479 1.496 1.517 1.536 1.560 1.580 1.602 1.619 1.643 1.661 "
            "1.692 1.714 1.736 1.760 1.793 1.825 1.855 1.887",
        },
        labels=_classes((136, 150, 132, 155, 155, 141, 151, 150, 139, 128), (34, 38, 36, 33, 36, 37, 40, 33, 30, 43)),
    )
    record.model = _network(64, 256, 256, 10)
    return record


def digits_with_dropout() -> TrainingRecord:
    """Digits with Dropout, 40 epochs: a healthy run whose training loss, measured with units left out, stays above."""
    record = _digits(
        {
            "accuracy": "0.237 0.501 0.629 0.722 0.777 0.813 0.850 0.850 0.866 0.886 0.891 0.901 0.912 0.918 0.917 "
            "0.919 0.923 0.934 0.942 0.940 0.941 0.933 0.944 0.940 0.951 0.949 0.957 0.948 0.946 0.949 0.958 0.957 "
            "0.959 0.962 0.969 0.968 0.964 0.971 0.971 0.965",
            "loss": "2.159 1.709 1.261 0.934 0.747 0.626 0.515 0.479 0.418 0.382 0.355 0.315 0.312 0.277 0.263 0.247 "
            "0.252 0.224 0.198 0.202 0.188 0.207 0.187 0.194 0.170 0.165 0.154 0.159 0.156 0.150 0.145 0.139 0.131 "
            "0.128 0.109 0.115 0.115 0.102 0.096 0.108",
            "val_accuracy": "0.550 0.733 0.897 0.922 0.942 0.950 0.956 0.961 0.956 0.964 0.958 0.958 0.961 0.964 "
            "0.964 0.967 0.967 0.967 0.964 0.961 0.967 0.969 0.972 0.969 0.972 0.967 0.969 0.964 0.964 0.972 0.961 "
            "0.967 0.969 0.967 0.972 0.967 0.967 0.964 0.972 0.964",
            "val_loss": "1.884 1.245 0.761 0.506 0.353 0.289 0.234 0.201 0.182 0.170 0.168 0.148 0.132 0.132 0.123 "
            "0.120 0.118 0.109 0.113 0.110 0.101 0.103 0.099 0.099 0.094 0.095 0.088 0.097 0.092 0.086 0.107 0.091 "
            "0.090 0.089 0.080 0.089 0.090 0.090 0.085 0.088",
        },
        labels=_classes((135, 157, 145, 146, 143, 141, 141, 145, 139, 145), (43, 25, 32, 37, 38, 41, 40, 34, 35, 35)),
    )
    record.model = _network(64, 64, 64, 10, rate=0.3)
    return record


def digits_with_long_steps() -> TrainingRecord:
    """Digits with Adam at 0.1, a hundred times its default: every epoch ends somewhere else."""
    record = _digits(
        {
            "accuracy": "0.408 0.734 0.784 0.832 0.832 0.863 0.862 0.896 0.903 0.870 0.878 0.894 0.868 0.857 0.903 "
            "0.896 0.881 0.898 0.911 0.917 0.925 0.914 0.891 0.775 0.798 0.847 0.864 0.868 0.893 0.872",
            "loss": "1.629 0.765 0.646 0.509 0.517 0.474 0.423 0.392 0.317 0.457 0.414 0.395 0.507 0.546 0.398 0.385 "
            "0.456 0.364 0.347 0.281 0.293 0.304 0.387 0.868 0.565 0.467 0.529 0.503 0.419 0.520",
            "val_accuracy": "0.578 0.731 0.794 0.875 0.811 0.867 0.858 0.825 0.803 0.694 0.875 0.867 0.883 0.889 "
            "0.864 0.828 0.853 0.894 0.850 0.864 0.858 0.856 0.842 0.703 0.794 0.817 0.744 0.825 0.864 0.864",
            "val_loss": "1.004 0.829 0.658 0.458 0.592 0.503 0.518 0.745 0.769 1.180 0.488 0.656 0.492 0.488 0.650 "
            "0.716 0.503 0.506 0.661 0.486 0.521 0.642 0.756 1.209 0.688 0.822 0.877 0.840 0.777 0.730",
        },
        labels=_classes((140, 139, 140, 139, 147, 139, 144, 156, 146, 147), (38, 43, 37, 44, 34, 43, 37, 23, 28, 33)),
        rate=0.1,
    )
    losses = record.quantities["batch_loss"]
    # epoch 24 begins with a step that throws the weights back
    losses.value[23 * 45 : 23 * 45 + 4] = array("d", [1.43, 1.61, 1.55, 1.38])
    return record


def tumours_labelled_from_one() -> TrainingRecord:
    """Breast cancer with the labels 1 and 2 in place of 0 and 1, sigmoid and binary cross-entropy."""
    history = {
        "accuracy": "0.077 0.079 0.084 0.127 0.187 0.237 0.281 0.314 0.327 0.338",
        "loss": "1.852 1.271 0.807 0.425 0.085 -0.239 -0.556 -0.872 -1.194 -1.523",
        "val_accuracy": "0.061 0.070 0.079 0.149 0.167 0.184 0.246 0.272 0.289 0.307",
        "val_loss": "1.628 1.002 0.511 0.096 -0.288 -0.655 -1.019 -1.388 -1.768 -2.163",
    }
    return _tumours(history, lowest=1, highest=2)


def tumours() -> TrainingRecord:
    """Breast cancer, labels 0 and 1, standardized inputs: a healthy run with binary cross-entropy."""
    history = {
        "accuracy": "0.371 0.525 0.708 0.804 0.875 0.903 0.923 0.934 0.945 0.952",
        "loss": "0.988 0.721 0.551 0.447 0.377 0.327 0.290 0.260 0.237 0.217",
        "val_accuracy": "0.421 0.658 0.754 0.833 0.886 0.904 0.930 0.930 0.939 0.947",
        "val_loss": "0.890 0.634 0.482 0.389 0.328 0.284 0.253 0.228 0.208 0.192",
    }
    return _tumours(history, lowest=0, highest=1)


def diverged_regression() -> TrainingRecord:
    """Diabetes progression, 25 to 346, by squared error and SGD at 0.1: the loss leaves float32 in five steps."""
    nan = float("nan")
    steps = [24307.2, 184090.8, 1.394e13, 6.634e36, float("inf"), *[nan] * 50]
    return TrainingRecord(
        run="diabetes",
        model=_network(10, 16, 1, activation="linear"),
        compile=_compiled("mean_squared_error", "SGD", 0.1, metrics='["mae"]'),
        data=_data(353, 89),
        fit=Fit(epochs=5, batch_size=32, validation_split=0.2),
        history={key: [nan] * 5 for key in ("loss", "mae", "val_loss", "val_mae")},
        metric_facts={"loss": MetricFacts(direction="down"), "mae": MetricFacts(direction="down")},
        quantities={
            **_steps(steps + [nan] * 5, 0.1, 5),
            "input_range": _inputs((442, 10), -2.76, 3.98),
            "target_range": _targets((442,), 25.0, 346.0, units=1, dtype="float32"),
        },
        outcome=Outcome(status="finished", epochs=5, seconds=1.9),
        source=_source(5),
    )


def digits_with_a_gap() -> TrainingRecord:
    """Digits with one missing value, in row 700 of 1,797: the fifteenth batch meets it."""
    nan = float("nan")
    record = shuffled_digits()
    first = [2.336, 2.372, 2.281, 2.312, 2.283, 2.261, 2.332, 2.233, 2.258, 2.243, 2.230, 2.206, 2.166, 2.152]
    record.fit = replace(record.fit, epochs=3)
    record.history = {
        "accuracy": [0.118, 0.097, 0.097],
        "loss": [nan] * 3,
        "val_accuracy": [0.108] * 3,
        "val_loss": [nan] * 3,
    }
    inputs = Range("float32", (1797, 64), 0.0, 1.0, 1, 700)
    record.quantities["input_range"] = InputRange({"x": inputs}, {}, 1797, 1797)
    record.quantities |= _steps(first + [nan] * (3 * 45 - len(first)), 0.001, 3)
    record.outcome = Outcome(status="finished", epochs=3, seconds=1.6)
    record.source = _source(3)
    return record


def shares_in_time() -> TrainingRecord:
    """A share's price from its last 20 days, a DataFrame with its dates: it validates above where it trains."""
    edges = ("1.81", "1.97", "2.88", "3.14", "3.78", "3.97", "4.19", "4.58", "4.74", "5.10")
    history = _series(
        {
            "loss": "18.21 4.669 0.657 0.048 0.048 0.038 0.036 0.036 0.035 0.035",
            "val_loss": "19.08 3.325 0.132 0.058 0.047 0.022 0.020 0.021 0.022 0.021",
        }
    )
    return TrainingRecord(
        run="shares",
        model=_network(20, 32, 1, activation="linear"),
        compile=_compiled("mean_squared_error", "Adam", 0.001),
        data=replace(_data(544, 136), containers={"x": "DataFrame", "y": "Series"}),
        fit=Fit(epochs=10, batch_size=32, validation_split=0.2),
        history=history,
        metric_facts={"loss": MetricFacts(direction="down")},
        quantities={
            "split_labels": SplitLabels(
                kind="bins",
                train=dict(zip(edges, (68, 68, 68, 69, 67, 68, 68, 45, 15, 8), strict=True)),
                validation=dict(zip(edges, (0, 0, 0, 0, 0, 0, 0, 23, 53, 60), strict=True)),
                source="validation_split",
            ),
            "row_order": RowOrder(
                equal_neighbours=None,
                expected_equal_neighbours=None,
                z=None,
                neighbour_distance=0.234,
                target_autocorrelation=0.993,
                rising_targets=0.52,
                time_ordered=True,
            ),
            "input_range": _inputs((680, 20), 1.0, 5.04),
            "target_range": _targets((680,), 1.17, 5.1, units=1, dtype="float32"),
            **_steps(_around(history["loss"], 17), 0.001, 10),
        },
        outcome=Outcome(status="finished", epochs=10, seconds=3.4),
        source=_source(10),
    )


def flipped_classes() -> TrainingRecord:
    """Two classes of made data, 6 % of the labels flipped, 40 epochs: the accuracy holds while the loss rises."""
    record = _digits(
        {
            "accuracy": "0.583 0.787 0.857 0.886 0.907 0.920 0.929 0.940 0.950 0.953 0.959 0.963 0.965 0.972 0.971 "
            "0.973 0.973 0.977 0.982 0.983 0.985 0.987 0.988 0.988 0.989 0.989 0.992 0.993 0.993 0.995 "
            "0.996 0.998 0.999 0.999 0.999 0.999 0.999 0.999 0.999 0.999",
            "loss": "0.729 0.491 0.389 0.318 0.270 0.237 0.211 0.191 0.174 0.160 0.148 0.137 0.127 0.118 0.110 "
            "0.102 0.095 0.0883 0.0821 0.0763 0.0709 0.0654 0.0609 0.056 0.0517 0.0476 0.0439 0.0405 "
            "0.0374 0.0343 0.0318 0.0292 0.027 0.025 0.0231 0.0214 0.0198 0.0183 0.0172 0.016",
            "val_accuracy": "0.673 0.790 0.850 0.867 0.890 0.897 0.903 0.910 0.917 0.917 0.913 0.913 0.917 0.917 0.917 "
            "0.917 0.917 0.913 0.917 0.913 0.913 0.917 0.913 0.913 0.913 0.913 0.913 0.913 0.917 0.917 "
            "0.917 0.917 0.913 0.913 0.920 0.913 0.917 0.913 0.913 0.913",
            "val_loss": "0.575 0.448 0.372 0.323 0.294 0.278 0.270 0.264 0.260 0.260 0.260 0.261 0.263 0.266 0.269 "
            "0.272 0.277 0.281 0.284 0.290 0.297 0.302 0.309 0.316 0.323 0.330 0.337 0.344 0.351 0.357 "
            "0.365 0.370 0.379 0.386 0.393 0.400 0.407 0.414 0.421 0.432",
        },
        labels=_classes((599, 601), (152, 148)),
    )
    series = record.history["loss"]
    record.run, record.model, record.data = "flipped", _network(20, 64, 64, 2), _data(1200, 300)
    record.compile = _compiled("categorical_crossentropy", "Adam", 0.001, metrics='["accuracy"]')
    record.quantities |= {
        "input_range": _inputs((1500, 20), -9.17, 9.64),
        "target_range": _targets((1500, 2), 0.0, 1.0, units=2, dtype="float32"),
        **_steps(_around(series, 38), 0.001, len(series)),
    }
    return record


def cut(record: TrainingRecord, epochs: int) -> TrainingRecord:
    """The first `epochs` of a run, as if no more had been asked for."""
    record = copy.deepcopy(record)
    record.history = {key: values[:epochs] for key, values in record.history.items()}
    record.fit = replace(record.fit, epochs=epochs)
    record.outcome = replace(record.outcome, epochs=epochs)
    record.source = _source(epochs)
    losses = record.quantities["batch_loss"]
    steps = len(losses) // len(record.quantities["epoch_begin"])
    record.quantities |= _steps(list(losses.value[: steps * epochs]), record.compile.learning_rate or 0.0, epochs)
    return record


def with_batch_norm(record: TrainingRecord, *, steps: int, shift: float, variance: float) -> TrainingRecord:
    """A run with a batch normalization behind its first layer, `steps` updates an epoch, and how far that is off."""
    epochs = len(record.history["loss"])
    normalization = Layer(
        name="batch_normalization",
        kind="BatchNormalization",
        parameters=256,
        output_shape=(64,),
        path="sequential/batch_normalization",
        config={"momentum": 0.99, "gamma_initializer": {"class_name": "Ones", "config": {}}},
    )
    first, *others = record.model.layers
    record.model = replace(record.model, layers=(first, normalization, *others))
    record.quantities |= _steps(_around(record.history["loss"], steps), record.compile.learning_rate or 0.0, epochs)
    ends = np.arange(1, epochs + 1) * steps
    for name, table, value in (
        ("batch_norm_shift", BatchNormShift(), shift),
        ("batch_norm_variance", BatchNormVariance(), variance),
    ):
        table.extend((normalization.path,), ends, np.full((epochs, 1), value))
        record.quantities[name] = table
    return record


def _digits(
    history: Mapping[str, str], *, labels: SplitLabels, order: RowOrder = _RANDOM_ORDER, rate: float = 0.001
) -> TrainingRecord:
    series = _series(history)
    epochs = len(series["loss"])
    return TrainingRecord(
        run="digits",
        model=_network(64, 64, 64, 10),
        compile=_compiled("sparse_categorical_crossentropy", "Adam", rate, metrics='["accuracy"]'),
        data=_data(1437, 360),
        fit=Fit(epochs=epochs, batch_size=32, validation_split=0.2),
        history=series,
        metric_facts=_FACTS,
        quantities={
            "split_labels": labels,
            "row_order": order,
            "input_range": _inputs((1797, 64), 0.0, 1.0),
            "target_range": _targets((1797,), 0.0, 9.0, units=10),
            "target_form": target_form(np.array(_expanded(labels))),
            **_steps(_around(series["loss"], 45), rate, epochs),
        },
        outcome=Outcome(status="finished", epochs=epochs, seconds=0.35 * epochs),
        source=_source(epochs),
    )


def _tumours(history: Mapping[str, str], *, lowest: int, highest: int) -> TrainingRecord:
    series = _series(history)
    return TrainingRecord(
        run="tumours",
        model=_network(30, 16, 1, activation="sigmoid"),
        compile=_compiled("binary_crossentropy", "Adam", 0.001, metrics='["accuracy"]'),
        data=_data(455, 114),
        fit=Fit(epochs=10, batch_size=32, validation_split=0.2),
        history=series,
        metric_facts=_FACTS,
        quantities={
            "split_labels": SplitLabels(
                kind="classes",
                train={str(lowest): 174, str(highest): 281},
                validation={str(lowest): 38, str(highest): 76},
                source="validation_split",
            ),
            "row_order": replace(
                _RANDOM_ORDER, equal_neighbours=0.532, expected_equal_neighbours=0.532, z=0.002, neighbour_distance=0.97
            ),
            "input_range": _inputs((569, 30), -3.11, 12.07),
            "target_range": _targets((569,), lowest, highest, units=1),
            "target_form": target_form(np.array([lowest] * 212 + [highest] * 357)),
            **_steps(_around(series["loss"], 15), 0.001, 10),
        },
        outcome=Outcome(status="finished", epochs=10, seconds=2.2),
        source=_source(10),
    )


def with_quantities(record: TrainingRecord, **quantities: Any) -> TrainingRecord:
    """`record` with further quantities, or others in their place."""
    record.quantities |= quantities
    return record


def piped_digits(*, shuffled: bool = True) -> TrainingRecord:
    """The digits of `shuffled_digits` from two `tf.data` pipelines."""
    record = shuffled_digits()
    for name in ("split_labels", "row_order", "input_range", "target_range"):
        del record.quantities[name]
    source = PipelineStep(kind="from_tensor_slices", elements=1437)
    shuffle = PipelineStep(
        kind="shuffle", settings={"buffer_size": 1437, "reshuffle_each_iteration": True}, elements=1437
    )
    steps = (source, shuffle) if shuffled else (source,)
    batch = {"batch_size": 32, "drop_remainder": False}
    record.data = Data(
        kind="dataset",
        n_validation=360,
        containers={"x": "_BatchDataset", "y": "none", "validation_data": "_BatchDataset"},
        not_examined="the data is a _BatchDataset: drawing from it would change the training",
        validation_kind="dataset",
        pipeline=(*steps, PipelineStep(kind="batch", settings=batch, elements=45)),
        validation_pipeline=(replace(source, elements=360), PipelineStep(kind="batch", settings=batch, elements=12)),
    )
    record.fit = replace(record.fit, batch_size=None, validation_split=0.0)
    record.source = Source(
        call="model.fit(train, validation_data=held_out, epochs=20)",
        assignment="history = ",
        arguments={"x": "train", "validation_data": "held_out", "epochs": "20"},
        model="model",
        taken=("held_out", "history", "keras", "model", "np", "train"),
        modules={"keras": "keras", "numpy": "np"},
        notebook=True,
    )
    counts = {
        "train": (139, 145, 130, 155, 139, 150, 144, 152, 144, 139),
        "validation": (39, 37, 47, 28, 42, 32, 37, 27, 30, 41),
    }
    drawn = {"train": (45, 1437, 0.3054, 0.3760, 436), "validation": (12, 360, 0.3045, 0.3761, 112)}
    pixels = {
        part: DrawnValues("float32", 2, 0.0, 1.0, 64 * rows, mean, deviation**2 * 64 * rows, rows)
        for part, (_, rows, mean, deviation, _) in drawn.items()
    }
    return with_quantities(
        record,
        drawn_range=DrawnRange(
            {"x": pixels["train"]},
            {"x": pixels["validation"]},
            {"y": DrawnValues("int64", 1, 0.0, 9.0, 1437, 4.528, 11676.0, 1437)},
            {"y": DrawnValues("int64", 1, 0.0, 9.0, 360, 4.342, 3059.0, 360)},
        ),
        drawn_labels=DrawnLabels(
            {
                part: Labels(batches, rows, distinct, dict(zip(map(str, range(10)), counts[part], strict=True)))
                for part, (batches, rows, _, _, distinct) in drawn.items()
            }
        ),
        drawn_rows=DrawnRows(
            train=1437,
            validation=360,
            validation_rows=[360, 360],
            validation_batches=[12, 12],
            validation_again=360,
            same_inputs=12,
            same_targets=12,
        ),
    )


_FACTS = {"loss": MetricFacts(direction="down"), "accuracy": MetricFacts(direction="up", proportion=True)}


def _series(history: Mapping[str, str]) -> dict[str, list[float]]:
    return {key: [float(value) for value in values.split()] for key, values in history.items()}


def _classes(train: Sequence[int], validation: Sequence[int]) -> SplitLabels:
    names = [str(label) for label in range(len(train))]
    return SplitLabels(
        kind="classes",
        train=dict(zip(names, train, strict=True)),
        validation=dict(zip(names, validation, strict=True)),
        source="validation_split",
    )


def target_form(y: NDArray[Any]) -> TargetForm:
    """The form of targets `y`, of shape (rows, ...)."""
    form = Form.of(y, len(y))
    return TargetForm({} if form is None else {"y": form}, {})


def with_head(
    record: TrainingRecord,
    *,
    history: Mapping[str, str],
    units: int | None = None,
    activation: str | None = None,
    loss: Loss | None = None,
    y: NDArray[Any] | None = None,
    metrics: tuple[CompiledMetric, ...] = (),
) -> TrainingRecord:
    """The record of another run on the same inputs, with another last layer, loss or targets."""
    model, compiled = record.model, record.compile
    *hidden, last = model.layers
    output = model.outputs[0]
    units, activation = units or output.shape[-1] or 1, activation or output.activation
    record.model = replace(
        model,
        layers=(*hidden, replace(last, output_shape=(units,), activation=activation)),
        outputs=(replace(output, shape=(units,), activation=activation),),
    )
    if loss is not None:
        source = f'"{loss.name}"' if loss.by_name else f"keras.losses.{_class_name(loss)}"
        record.compile = replace(compiled, losses=(loss,), source={**compiled.source, "loss": source})
    record.compile = replace(record.compile, metrics=metrics)
    if y is not None:
        low, high = float(y.min()), float(y.max())
        record.quantities["target_form"] = target_form(y)
        record.quantities["target_range"] = _targets(y.shape, low, high, units=units, dtype=str(y.dtype))
        del record.quantities["split_labels"], record.quantities["row_order"]
    record.history = _series(history)
    epochs = len(record.history["loss"])
    steps = len(record.quantities["batch_loss"]) // record.fit.epochs
    record.quantities |= _steps(_around(record.history["loss"], steps), 0.001, epochs)
    record.fit = replace(record.fit, epochs=epochs)
    record.outcome = replace(record.outcome, epochs=epochs)
    return record


def _class_name(loss: Loss) -> str:
    name = "".join(word.capitalize() for word in loss.name.split("_"))
    return f"{name}(from_logits={loss.from_logits})" if "crossentropy" in loss.name else f"{name}()"


def _expanded(labels: SplitLabels) -> list[int]:
    return [int(name) for part in (labels.train, labels.validation) for name in part for _row in range(part[name])]


def _network(*units: int, activation: str = "softmax", rate: float = 0.0) -> Model:
    layers: list[Layer] = []
    for index, (inputs, outputs) in enumerate(itertools.pairwise(units)):
        last = index == len(units) - 2
        layers.append(
            Layer(
                name=f"dense_{index}" if index else "dense",
                kind="Dense",
                parameters=(inputs + 1) * outputs,
                output_shape=(outputs,),
                activation=activation if last else "relu",
            )
        )
        if rate and not last:
            layers.append(Layer(name=f"dropout_{index}", kind="Dropout", rate=rate, output_shape=(outputs,)))
    total = sum(layer.parameters for layer in layers)
    head = Output(name=layers[-1].name, shape=(units[-1],), layer=layers[-1].name, kind="Dense", activation=activation)
    return Model(
        name="sequential",
        kind="Sequential",
        layers=tuple(layers),
        outputs=(head,),
        parameters=total,
        trainable_parameters=total,
    )


def _compiled(loss: str, optimizer: str, rate: float, metrics: str = "") -> Compile:
    source = {"optimizer": f"keras.optimizers.{optimizer}(learning_rate={rate})", "loss": f'"{loss}"'}
    return Compile(
        optimizer=optimizer,
        learning_rate=rate,
        losses=(Loss(name=loss),),
        source=source | ({"metrics": metrics} if metrics else {}),
    )


def _data(train: int, validation: int) -> Data:
    return Data(kind="arrays", n_train=train, n_validation=validation, containers={"x": "ndarray", "y": "ndarray"})


def _source(epochs: int) -> Source:
    return Source(
        call=f"model.fit(x, y, validation_split=0.2, epochs={epochs})",
        assignment="history = ",
        arguments={"x": "x", "y": "y", "validation_split": "0.2", "epochs": str(epochs)},
        model="model",
        taken=("history", "keras", "model", "np", "x", "y"),
        modules={"keras": "keras", "numpy": "np"},
        notebook=True,
    )


def _inputs(shape: tuple[int, ...], lowest: float, highest: float) -> InputRange:
    return InputRange({"x": Range("float32", shape, lowest, highest, 0, None)}, {}, shape[0], shape[0])


def _targets(shape: tuple[int, ...], lowest: float, highest: float, *, units: int, dtype: str = "int64") -> TargetRange:
    measured = Range(dtype, shape, lowest, highest, 0, None)
    return TargetRange({"y": measured}, {}, {"y": units}, None, shape[0], shape[0])


def _steps(losses: Sequence[float], rate: float, epochs: int) -> dict[str, Any]:
    """The quantities of every step, in epochs of equal length."""
    n = len(losses) // epochs
    return {
        "batch_loss": BatchLoss(array("q", range(1, len(losses) + 1)), array("d", losses)),
        "learning_rate": LearningRate(array("q", [1]), array("d", [rate])),
        "epoch_begin": EpochBegin(array("q", range(0, epochs * n, n))),
    }


def _around(losses: Sequence[float], steps: int) -> list[float]:
    """A loss for every batch, spread by a fifth around the mean of its epoch."""
    spread = np.exp(0.2 * np.random.default_rng(0).standard_normal((len(losses), steps)))
    values = np.array(losses)[:, None] * spread / spread.mean(axis=1, keepdims=True)
    return [float(value) for value in values.reshape(-1)]


def _optimized(
    history: Mapping[str, str],
    *,
    units: Sequence[int] = (64, 64, 64, 10),
    activation: str = "relu",
    first: str = "",
    optimizer: str = "Adam",
    rate: float = 0.001,
    **measured: Any,
) -> TrainingRecord:
    """A run on the digits whose layers have their paths; `first` are the real losses of its first batches."""
    record = _digits(history, labels=_DIGIT_LABELS, rate=rate)
    network = _network(*units)
    layers = tuple(
        replace(
            layer,
            activation=layer.activation if layer is network.layers[-1] else activation,
            path=f"sequential/{layer.name}",
        )
        for layer in network.layers
    )
    record.model = replace(
        network,
        layers=layers,
        trainable_variables=tuple(f"{layer.path}/{name}" for layer in layers for name in ("kernel", "bias")),
    )
    record.compile = _compiled("sparse_categorical_crossentropy", optimizer, rate, metrics='["accuracy"]')
    for position, value in enumerate(first.split()):
        record.quantities["batch_loss"].value[position] = float(value)
    record.quantities |= measured
    return record


_DIGIT_LABELS = _classes((139, 145, 130, 155, 139, 150, 144, 152, 144, 139), (39, 37, 47, 28, 42, 32, 37, 27, 30, 41))


def _filled(table: _T, columns: Mapping[str, str], steps: int, samples: int) -> _T:
    """A table of `samples` equal samples for each value, `steps` steps apart."""
    values = np.array([[float(value) for value in column.split()] for column in columns.values()]).T
    count = len(values) * samples
    table.extend(tuple(columns), (np.arange(1, count + 1) * steps).astype(np.int64), np.repeat(values, samples, axis=0))
    return table


def _each_step(table: _T, columns: Mapping[str, str], epochs: int = 1) -> _T:
    """A table with a value for each step, 45 equal ones an epoch; what is given once holds for all `epochs`."""
    return _filled(table, columns, 1, 45 * epochs)


def _each_epoch(table: _T, columns: Mapping[str, str]) -> _T:
    """A table with a value for each epoch of 45 steps."""
    return _filled(table, columns, 45, 1)


def _drawn() -> InitialWeights:
    """Weights of three layers by Glorot's initialization."""
    return InitialWeights(
        {
            "sequential/dense/kernel": Spread((64, 64), -0.00195, 0.124, 0.136, 0.99),
            "sequential/dense/bias": Spread((64,), 0.0, 0.0, float("nan"), float("nan")),
            "sequential/dense_1/kernel": Spread((64, 64), 0.00249, 0.124, 0.141, 0.98),
            "sequential/dense_1/bias": Spread((64,), 0.0, 0.0, float("nan"), float("nan")),
            "sequential/dense_2/kernel": Spread((64, 10), 0.00097, 0.168, 0.199, 1.82),
            "sequential/dense_2/bias": Spread((10,), 0.0, 0.0, float("nan"), float("nan")),
        }
    )


def digits_thrown_off() -> TrainingRecord:
    """Digits with Adam at 1.0: the second batch has a loss of 2,250, and the network predicts one class for ever."""
    return _optimized(
        {
            "accuracy": "0.0995 0.0967 0.0995 0.109 0.113 0.112 0.106 0.106 0.106 0.106 0.1 0.1 0.1 0.0988 0.0974",
            "loss": "78 2.37 2.38 2.38 2.37 2.37 2.37 2.37 2.37 2.37 2.38 2.38 2.38 2.38 2.38",
            "val_accuracy": "0.106 0.106 0.106 0.106 0.106 0.106 0.106 0.106 0.106 0.106 0.106 0.106 0.106 0.106 0.106",
            "val_loss": "2.36 2.37 2.39 2.39 2.38 2.38 2.37 2.37 2.37 2.37 2.37 2.37 2.37 2.37 2.37",
        },
        first="2.31 2.25e+03 897 133 41 30.4 21.1 12.1 14.9 11.6 6.42 4.35 3.04 3.67 3.33 "
        "3.23 2.54 2.69 2.51 2.82 2.64 2.32 2.48 2.72 2.4 2.57 2.53 2.49 2.39 2.45 "
        "2.31 2.41 2.5 2.45 2.3 2.45 2.42 2.36 2.28 2.32 2.41 2.27 2.36 2.52 2.29",
        rate=1.0,
        update_ratio=_each_step(
            UpdateRatio(),
            {
                "sequential/dense/kernel": "0.99 0.0013 1.5e-05 1.8e-07 0 0 0 0 0 0 0 0 0 0 0",
                "sequential/dense_1/kernel": "0.99 0.0011 1.4e-05 1.6e-07 8.1e-12 0 0 0 0 0 0 0 0 0 0",
                "sequential/dense_2/kernel": "0.99 0.0013 1.6e-05 1.9e-07 9.6e-11 0 0 0 0 0 0 0 0 0 0",
            },
        ),
    )


def exploded_digits() -> TrainingRecord:
    """The same run with the norms of its gradients, 0.73 in the first step and 1,100 in the second."""
    record = digits_thrown_off()
    norms = (
        "0.731 1.1e+03 344 87.2 10.2 8.47 8 4.15 6.55 7.25 5.86 3.57 0.289 0.364 "
        "0.348 0.344 0.17 0.371 0.171 0.283 0.248 0.231 0.233 0.294 0.221 0.265 0.259 "
        "0.249 0.151 0.211 0.195 0.223 0.283 0.275 0.199 0.224 0.256 0.236 0.178 "
        "0.163 0.275 0.194 0.241 0.297 0.151"
    )
    record.quantities["global_gradient_norm"] = GlobalGradientNorm(
        array("q", range(1, 46)), array("d", [float(norm) for norm in norms.split()])
    )
    return record


def digits_that_creep() -> TrainingRecord:
    """Digits with Adam at a millionth: after 15 epochs no weight has moved by a hundredth."""
    return _optimized(
        {
            "accuracy": "0.146 0.146 0.147 0.148 0.148 0.149 0.149 0.15 0.15 0.15 0.152 0.152 0.153 0.153 0.153",
            "loss": "2.31 2.31 2.31 2.31 2.31 2.31 2.31 2.31 2.31 2.31 2.3 2.3 2.3 2.3 2.3",
            "val_accuracy": "0.167 0.167 0.167 0.167 0.167 0.167 0.167 0.167 0.167 0.167 0.167 0.169 0.169 0.172 0.172",
            "val_loss": "2.31 2.31 2.31 2.31 2.31 2.31 2.31 2.3 2.3 2.3 2.3 2.3 2.3 2.3 2.3",
        },
        first="2.26 2.32 2.28 2.23 2.35 2.36 2.36 2.39 2.32 2.25 2.35 2.29 2.34 2.31 2.24 "
        "2.36 2.33 2.33 2.29 2.24 2.29 2.38 2.26 2.26 2.33 2.32 2.24 2.26 2.32 2.31 "
        "2.28 2.31 2.36 2.35 2.37 2.35 2.3 2.35 2.25 2.34 2.26 2.28 2.3 2.4 2.34",
        rate=1e-6,
        update_norm=_each_step(
            UpdateNorm(),
            {
                "sequential/dense/kernel": "2.9e-05",
                "sequential/dense_1/kernel": "3e-05",
                "sequential/dense_2/kernel": "1.4e-05",
            },
            epochs=15,
        ),
        weight_norm=_each_step(
            WeightNorm(),
            {
                "sequential/dense/kernel": "8",
                "sequential/dense_1/kernel": "8",
                "sequential/dense_2/kernel": "4",
            },
            epochs=15,
        ),
    )


def digits_with_steps() -> TrainingRecord:
    """Digits with Adam at its default and the norms of every step: a healthy run."""
    record = _optimized(
        {
            "accuracy": "0.418 0.792 0.889 0.921 0.94 0.953 0.962 0.968 0.972 0.975 0.978 0.981 0.985 0.985 0.987",
            "loss": "1.98 1.14 0.577 0.355 0.261 0.207 0.171 0.145 0.126 0.111 0.0995 0.0897 0.0811 0.0737 0.0674",
            "val_accuracy": "0.658 0.869 0.906 0.928 0.944 0.953 0.961 0.964 0.967 0.967 0.969 0.972 0.972 0.972 0.978",
            "val_loss": "1.56 0.799 0.452 0.323 0.256 0.212 0.182 0.161 0.147 0.135 0.126 0.118 0.112 0.106 0.101",
        },
        first="2.22 2.37 2.36 2.35 2.33 2.26 2.35 2.22 2.26 2.17 2.25 2.09 2.1 2.16 2.16 "
        "2.02 2.09 2.12 2.04 2.04 1.98 1.96 1.89 1.97 2.04 1.91 1.98 1.82 1.84 1.86 "
        "1.9 1.83 1.85 1.76 1.79 1.81 1.74 1.73 1.62 1.62 1.76 1.63 1.65 1.64 1.53",
        initial_weights=_drawn(),
        update_norm=_each_step(
            UpdateNorm(),
            {
                "sequential/dense/kernel": "0.031 0.029 0.024 0.018 0.016 0.015 0.014 0.013 0.012 0.012 0.011 0.011 "
                "0.01 0.01 0.01",
                "sequential/dense_1/kernel": "0.033 0.032 0.026 0.019 0.016 0.016 0.016 0.014 0.013 0.012 0.012 0.011 "
                "0.011 0.01 0.011",
                "sequential/dense_2/kernel": "0.016 0.016 0.012 0.0081 0.0066 0.0058 0.0054 0.0051 0.0048 0.0047 "
                "0.0046 0.0044 0.0042 0.0042 0.0045",
            },
        ),
        weight_norm=_each_step(
            WeightNorm(),
            {
                "sequential/dense/kernel": "8 8.2 8.4 8.7 8.8 9 9.1 9.2 9.3 9.4 9.5 9.6 9.7 9.8 9.8",
                "sequential/dense_1/kernel": "8 8.2 8.6 8.9 9.1 9.2 9.4 9.6 9.7 9.8 9.9 10 10 10 10",
                "sequential/dense_2/kernel": "4.3 4.6 4.9 5.2 5.3 5.4 5.5 5.6 5.7 5.8 5.8 5.9 5.9 6 6",
            },
        ),
        gradient_norm=_each_step(
            GradientNorm(),
            {
                "sequential/dense/kernel": "0.63 0.72 0.68 0.62 0.59 0.56 0.54 0.52 0.5 0.49 0.47 0.45 0.44 0.42 0.41",
                "sequential/dense_1/kernel": "0.56 0.7 0.68 0.59 0.55 0.51 0.48 0.46 0.44 0.42 0.4 0.38 0.36 0.34 0.33",
                "sequential/dense_2/kernel": "0.42 0.64 0.68 0.6 0.56 0.52 0.5 0.47 0.45 0.43 0.41 0.39 0.37 0.36 0.34",
                "sequential/dense_2/bias": "0.17 0.14 0.093 0.068 0.058 0.052 0.047 0.044 0.041 0.038 0.036 0.034 "
                "0.032 0.03 0.028",
            },
        ),
    )
    norms = (
        "0.803 1.01 1.04 1 1.02 0.927 1.08 0.939 0.812 0.939 1.01 1.2 1.04 0.847 "
        "0.719 0.811 0.81 1 0.831 0.98 0.845 0.961 0.842 0.957 0.838 0.981 1.19 0.953 "
        "0.816 0.933 0.966 0.972 1.18 0.914 1.51 1.08 0.993 0.999 0.934 1.1 1.23 1.2 "
        "1.06 1.23 1.24"
    )
    record.quantities["global_gradient_norm"] = GlobalGradientNorm(
        array("q", range(1, 46)), array("d", [float(norm) for norm in norms.split()])
    )
    return record


def drawn_digits() -> TrainingRecord:
    """A healthy run with the spread of its first weights."""
    return digits_with_steps()


def constant_digits() -> TrainingRecord:
    """Digits in a network whose kernels all begin at 0.1: it learns what one unit can."""
    spreads = {
        path: Spread(spread.shape, 0.1, 0.0, 0.0, 0.64) if path.endswith("kernel") else spread
        for path, spread in _drawn().variables.items()
    }
    record = _optimized(
        {
            "accuracy": "0.104 0.0981 0.0988 0.0932 0.087 0.0912 0.127 0.187",
            "loss": "2.39 2.32 2.31 2.31 2.3 2.3 2.27 2.14",
            "val_accuracy": "0.106 0.106 0.1 0.1 0.1 0.1 0.181 0.197",
            "val_loss": "2.32 2.31 2.3 2.3 2.3 2.3 2.22 2.08",
        },
        first="2.3 2.45 2.87 2.5 2.41 2.33 2.6 2.39 2.55 2.52 2.47 2.36 2.31 2.52 2.52 2.42 "
        "2.29 2.33 2.31 2.35 2.43 2.43 2.31 2.34 2.4 2.44 2.38 2.31 2.37 2.28 2.36 "
        "2.39 2.28 2.3 2.38 2.34 2.28 2.28 2.31 2.32 2.38 2.3 2.33 2.36 2.36",
        initial_weights=InitialWeights(spreads),
    )
    constant = {"kernel_initializer": {"class_name": "Constant", "config": {"value": 0.1}}}
    record.model = replace(record.model, layers=tuple(replace(layer, config=constant) for layer in record.model.layers))
    return record


def dead_digits() -> TrainingRecord:
    """Digits with SGD at 2.0: from the fourth epoch on the second layer puts out 0 for every row."""
    return _optimized(
        {
            "accuracy": "0.124 0.133 0.0939 0.109 0.0939 0.0939 0.0939 0.0939 0.0939 0.0939",
            "loss": "2.49 2.48 2.32 2.3 2.32 2.32 2.32 2.32 2.32 2.32",
            "val_accuracy": "0.0861 0.0861 0.0861 0.0861 0.0861 0.0861 0.0861 0.0861 0.0861 0.0861",
            "val_loss": "2.31 2.31 2.31 2.31 2.31 2.31 2.31 2.31 2.31 2.31",
        },
        first="2.35 2.79 2.5 2.25 2.21 2.21 2.78 2.74 2.37 2.13 3.11 2.3 2.69 2.48 3.29 "
        "2.22 2.26 2.12 2.37 2.2 2.19 2.12 6.27 2.73 2.48 2.49 2.35 2.36 2.4 2.31 2.3 "
        "2.3 2.28 2.33 2.34 2.33 2.31 2.31 2.3 2.34 2.31 2.35 2.28 2.36 2.31",
        optimizer="SGD",
        rate=2.0,
        zero_share=_each_epoch(
            ZeroShare(),
            {
                "sequential/dense": "0.9914 0.9984 0.9976 0.9984 0.9984 0.9984 0.9984 0.9984 0.9984 0.9984",
                "sequential/dense_1": "0.9844 0.9999 0.9998 1 1 1 1 1 1 1",
            },
        ),
        update_ratio=_each_step(
            UpdateRatio(),
            {
                "sequential/dense/kernel": "0.74 0.64 0.0022 0.07 0 0 0 0 0 0",
                "sequential/dense_1/kernel": "0.67 0.74 0.00051 0.046 0 0 0 0 0 0",
                "sequential/dense_2/kernel": "0.88 0.81 0.0013 0.067 0 0 0 0 0 0",
            },
        ),
    )


def living_digits() -> TrainingRecord:
    """A healthy run with the share of its outputs that are 0."""
    record = digits_with_steps()
    record.quantities["zero_share"] = _each_epoch(
        ZeroShare(),
        {
            "sequential/dense": "0.4109 0.2839 0.222 0.2053 0.1945 0.1857 0.1831 0.1822 0.1819 0.1832 "
            "0.1835 0.1854 0.1861 0.1879 0.1898",
            "sequential/dense_1": "0.3497 0.2505 0.227 0.2216 0.2221 0.2217 0.2235 0.225 0.2284 0.2313 "
            "0.2332 0.2344 0.2362 0.2376 0.2355",
        },
    )
    return record


def deep_digits() -> TrainingRecord:
    """Digits in ten hidden layers of sigmoid: the first gets a millionth of the gradient of the last."""
    return _optimized(
        {
            "accuracy": "0.0939 0.0828 0.0842 0.0828 0.0828 0.0828 0.0821 0.0821 0.0821 0.0821 "
            "0.0821 0.0821 0.0821 0.0821 0.0821 0.0821 0.0821 0.0821 0.0821 0.0821",
            "loss": "2.34 2.31 2.31 2.31 2.31 2.31 2.31 2.31 2.31 2.31 2.31 2.31 2.31 2.31 "
            "2.31 2.31 2.31 2.31 2.31 2.31",
            "val_accuracy": "0.1 0.1 0.1 0.1 0.1 0.1 0.1 0.1 0.1 0.1 0.1 0.1 0.1 0.1 0.1 0.1 0.1 0.1 0.1 0.1",
            "val_loss": "2.31 2.3 2.3 2.3 2.3 2.3 2.3 2.3 2.3 2.3 2.3 2.3 2.3 2.3 2.3 2.3 2.3 2.3 2.3 2.3",
        },
        units=(64, *[32] * 10, 10),
        activation="sigmoid",
        first="2.27 2.35 2.41 2.48 2.27 2.41 2.45 2.5 2.4 2.38 2.42 2.38 2.37 2.34 2.31 "
        "2.31 2.34 2.39 2.29 2.38 2.33 2.34 2.29 2.36 2.31 2.28 2.35 2.34 2.29 2.29 "
        "2.33 2.28 2.33 2.29 2.32 2.31 2.33 2.33 2.28 2.34 2.32 2.33 2.3 2.31 2.28",
        initial_weights=InitialWeights(
            {
                "sequential/dense/kernel": Spread((64, 32), 0.0051, 0.142, 0.166, 1.29),
                "sequential/dense/bias": Spread((32,), 0.0, 0.0, float("nan"), float("nan")),
                "sequential/dense_1/kernel": Spread((32, 32), -0.000531, 0.171, 0.188, 0.94),
                "sequential/dense_1/bias": Spread((32,), 0.0, 0.0, float("nan"), float("nan")),
                "sequential/dense_2/kernel": Spread((32, 32), -0.00235, 0.18, 0.219, 1.04),
                "sequential/dense_2/bias": Spread((32,), 0.0, 0.0, float("nan"), float("nan")),
                "sequential/dense_3/kernel": Spread((32, 32), -0.00475, 0.175, 0.216, 0.984),
                "sequential/dense_3/bias": Spread((32,), 0.0, 0.0, float("nan"), float("nan")),
                "sequential/dense_4/kernel": Spread((32, 32), -0.00275, 0.179, 0.209, 1.03),
                "sequential/dense_4/bias": Spread((32,), 0.0, 0.0, float("nan"), float("nan")),
                "sequential/dense_5/kernel": Spread((32, 32), 0.00456, 0.173, 0.203, 0.96),
                "sequential/dense_5/bias": Spread((32,), 0.0, 0.0, float("nan"), float("nan")),
                "sequential/dense_6/kernel": Spread((32, 32), -0.00827, 0.174, 0.199, 0.973),
                "sequential/dense_6/bias": Spread((32,), 0.0, 0.0, float("nan"), float("nan")),
                "sequential/dense_7/kernel": Spread((32, 32), 0.00107, 0.175, 0.198, 0.98),
                "sequential/dense_7/bias": Spread((32,), 0.0, 0.0, float("nan"), float("nan")),
                "sequential/dense_8/kernel": Spread((32, 32), -0.00608, 0.177, 0.207, 1.0),
                "sequential/dense_8/bias": Spread((32,), 0.0, 0.0, float("nan"), float("nan")),
                "sequential/dense_9/kernel": Spread((32, 32), 0.00965, 0.178, 0.2, 1.02),
                "sequential/dense_9/bias": Spread((32,), 0.0, 0.0, float("nan"), float("nan")),
                "sequential/dense_10/kernel": Spread((32, 10), 0.0167, 0.224, 0.299, 1.61),
                "sequential/dense_10/bias": Spread((10,), 0.0, 0.0, float("nan"), float("nan")),
            }
        ),
        gradient_norm=_each_step(
            GradientNorm(),
            {
                "sequential/dense/kernel": "3.5e-07",
                "sequential/dense_1/kernel": "8.4e-07",
                "sequential/dense_2/kernel": "3.2e-06",
                "sequential/dense_3/kernel": "1.5e-05",
                "sequential/dense_4/kernel": "5.8e-05",
                "sequential/dense_5/kernel": "0.00026",
                "sequential/dense_6/kernel": "0.0015",
                "sequential/dense_7/kernel": "0.0062",
                "sequential/dense_8/kernel": "0.029",
                "sequential/dense_9/kernel": "0.12",
                "sequential/dense_10/kernel": "0.49",
                "sequential/dense_10/bias": "0.16",
            },
            epochs=20,
        ),
    )


def decayed_digits() -> TrainingRecord:
    """Digits with a cosine decay over 40 steps, of 900: the epochs were counted, or nearly so."""
    record = _optimized(
        {
            "accuracy": "0.333 0.45 0.45 0.45 0.45 0.45 0.45 0.45 0.45 0.45 0.45 0.45 0.45 0.45 "
            "0.45 0.45 0.45 0.45 0.45 0.45",
            "loss": "2.11 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2",
            "val_accuracy": "0.414 0.414 0.414 0.414 0.414 0.414 0.414 0.414 0.414 0.414 0.414 0.414 "
            "0.414 0.414 0.414 0.414 0.414 0.414 0.414 0.414",
            "val_loss": "2.02 2.02 2.02 2.02 2.02 2.02 2.02 2.02 2.02 2.02 2.02 2.02 2.02 2.02 "
            "2.02 2.02 2.02 2.02 2.02 2.02",
        },
        first="2.36 2.52 2.34 2.43 2.34 2.22 2.3 2.17 2.2 2.25 2.2 2.18 2.21 2.11 2.13 2.15 "
        "2.17 2.11 2.06 2.1 2.08 2.12 2.09 2.07 2.02 2.07 2.09 1.96 2.07 2.06 2.01 "
        "2.02 2 2 1.99 1.97 1.95 1.96 2.07 2 1.98 2.02 2 1.94 2.06",
    )
    rates = 0.0005 * (1 + np.cos(np.pi * np.arange(41) / 40))
    record.quantities["learning_rate"] = LearningRate(array("q", range(1, 42)), array("d", rates))
    schedule = {"class_name": "CosineDecay", "config": {"initial_learning_rate": 0.001, "decay_steps": 40}}
    source = "keras.optimizers.Adam(learning_rate=keras.optimizers.schedules.CosineDecay(0.001, decay_steps=40))"
    record.compile = replace(
        record.compile,
        learning_rate=None,
        optimizer_config={"learning_rate": schedule},
        source={**record.compile.source, "optimizer": source},
    )
    return record


def penalized_digits() -> TrainingRecord:
    """Digits with L2 at 0.1 on 8,192 weights: it begins at 12.8, where the labels have 2.3."""
    record = _optimized(
        {
            "accuracy": "0.195 0.498 0.614 0.651 0.682 0.691 0.709 0.738 0.756 0.781 0.79 0.796 "
            "0.803 0.809 0.815 0.822 0.827 0.834 0.836 0.841",
            "loss": "11.8 7.05 4.52 3.23 2.57 2.22 2.03 1.91 1.83 1.77 1.71 1.67 1.63 1.59 "
            "1.55 1.52 1.5 1.47 1.45 1.42",
            "val_accuracy": "0.375 0.669 0.689 0.697 0.714 0.731 0.739 0.767 0.783 0.794 0.797 0.808 "
            "0.811 0.811 0.822 0.822 0.828 0.839 0.844 0.85",
            "val_loss": "8.9 5.49 3.73 2.84 2.37 2.11 1.96 1.86 1.79 1.74 1.69 1.64 1.61 1.57 "
            "1.54 1.51 1.49 1.46 1.44 1.42",
        },
        first="15.1 14.9 14.8 14.6 14.4 14.2 14.1 13.9 13.7 13.6 13.4 13.3 13.1 12.9 12.8 "
        "12.6 12.5 12.4 12.2 12.1 11.9 11.8 11.6 11.5 11.4 11.2 11.1 11 10.8 10.7 "
        "10.6 10.5 10.4 10.2 10.1 10 9.88 9.8 9.65 9.55 9.44 9.31 9.21 9.1 9.01",
    )
    return _penalized(
        record,
        0.1,
        "12.8 6.73 3.42 1.75 0.977 0.673 0.582 0.566 0.571 0.583 0.596 0.606 0.612 "
        "0.614 0.615 0.614 0.613 0.612 0.61 0.608",
        "15.1 8.87 5.44 3.67 2.77 2.3 2.03 1.88 1.78 1.71 1.65 1.6 1.56 1.52 1.48 1.45 1.42 1.4 1.37 1.35",
    )


def lightly_penalized_digits() -> TrainingRecord:
    """Digits with L2 at 0.01: most of the small loss that is left is penalty, and all is well."""
    record = _optimized(
        {
            "accuracy": "0.45 0.764 0.868 0.907 0.93 0.938 0.948 0.954 0.958 0.959 0.962 0.962 "
            "0.963 0.965 0.967 0.969 0.971 0.972 0.973 0.974 0.975 0.975 0.976 0.976 "
            "0.977 0.978 0.978 0.978 0.978 0.979",
            "loss": "3.15 2.23 1.5 1.16 1 0.905 0.837 0.784 0.742 0.707 0.676 0.65 0.627 "
            "0.607 0.589 0.572 0.558 0.545 0.532 0.521 0.511 0.501 0.492 0.484 0.476 "
            "0.469 0.462 0.456 0.45 0.444",
            "val_accuracy": "0.644 0.853 0.906 0.925 0.928 0.936 0.956 0.953 0.961 0.964 0.964 0.967 "
            "0.969 0.969 0.969 0.969 0.969 0.972 0.972 0.972 0.972 0.972 0.972 0.972 "
            "0.972 0.972 0.972 0.972 0.972 0.972",
            "val_loss": "2.69 1.78 1.29 1.08 0.964 0.886 0.827 0.781 0.742 0.71 0.683 0.658 0.636 "
            "0.617 0.6 0.585 0.571 0.558 0.547 0.536 0.527 0.517 0.509 0.501 0.494 "
            "0.487 0.481 0.475 0.469 0.463",
        },
        first="3.62 3.69 3.53 3.53 3.52 3.54 3.44 3.42 3.39 3.39 3.36 3.39 3.38 3.3 3.27 "
        "3.26 3.28 3.19 3.26 3.2 3.18 3.15 3.19 3.12 3.06 3.16 3.12 3.05 3.05 3.05 "
        "2.96 3.05 2.97 2.89 2.92 2.82 2.93 2.84 2.78 2.87 2.76 2.82 2.74 2.76 2.74",
    )
    return _penalized(
        record,
        0.01,
        "1.29 0.888 0.723 0.667 0.625 0.588 0.556 0.527 0.501 0.478 0.457 0.438 0.421 "
        "0.406 0.392 0.379 0.368 0.358 0.349 0.34 0.333 0.326 0.319 0.313 0.307 0.302 "
        "0.297 0.293 0.289 0.285",
        "3.62 2.68 1.76 1.26 1.05 0.939 0.863 0.806 0.76 0.724 0.692 0.664 0.641 0.62 "
        "0.601 0.584 0.569 0.557 0.545 0.532 0.521 0.512 0.503 0.494 0.486 0.479 "
        "0.472 0.465 0.459 0.453",
    )


def _penalized(record: TrainingRecord, l2: float, penalties: str, losses: str) -> TrainingRecord:
    """A record with an L2 penalty on two kernels, and the loss of the first batch of each epoch."""
    *hidden, last = record.model.layers
    config = {"kernel_regularizer": {"class_name": "L2", "config": {"l2": l2}}}
    hidden = [replace(layer, config=config, regularized=True) for layer in hidden]
    record.model = replace(record.model, layers=(*hidden, last))
    for epoch, loss in enumerate(losses.split()):
        record.quantities["batch_loss"].value[45 * epoch] = float(loss)
    values = [float(value) for value in penalties.split()]
    record.quantities["weight_penalty"] = WeightPenalty(array("q", range(1, 45 * len(values), 45)), array("d", values))
    return record


def digits_in_one_batch() -> TrainingRecord:
    """Digits in batches of 2,000 rows, of which there are 1,437: 15 epochs are 15 updates."""
    record = _optimized(
        {
            "accuracy": "0.0793 0.0926 0.109 0.132 0.151 0.186 0.209 0.226 0.241 0.253 0.268 0.278 0.291 0.308 0.319",
            "loss": "2.39 2.37 2.34 2.32 2.3 2.28 2.26 2.23 2.21 2.19 2.17 2.15 2.13 2.11 2.09",
            "val_accuracy": "0.0639 0.0722 0.0944 0.122 0.156 0.178 0.194 0.206 0.219 0.239 0.244 "
            "0.25 0.275 0.292 0.308",
            "val_loss": "2.38 2.36 2.33 2.31 2.29 2.27 2.25 2.23 2.21 2.19 2.18 2.16 2.14 2.12 2.1",
        }
    )
    record.quantities |= _steps(record.history["loss"], 0.001, 15)
    record.fit = replace(record.fit, batch_size=2000)
    return record


def saturated_digits() -> TrainingRecord:
    """Digits from 0 to 4,080 in layers of tanh: the first is at an end for 98 % of its outputs."""
    return _optimized(
        {
            "accuracy": "0.4 0.717 0.806 0.858 0.885 0.907 0.92 0.928 0.931 0.943 0.945 0.948 0.953 0.953 0.948",
            "loss": "1.9 1.11 0.74 0.584 0.458 0.38 0.324 0.284 0.265 0.23 0.207 0.196 0.19 0.176 0.18",
            "val_accuracy": "0.689 0.781 0.817 0.844 0.875 0.9 0.886 0.889 0.906 0.922 0.894 0.925 0.928 0.914 0.925",
            "val_loss": "1.37 0.882 0.673 0.546 0.465 0.377 0.341 0.346 0.308 0.278 0.269 0.256 0.243 0.241 0.257",
        },
        activation="tanh",
        first="2.76 2.43 2.47 2.61 2.48 2.36 2.47 2.3 2.25 2.07 2.19 2.01 2 2.16 2.27 2.13 "
        "2.04 1.89 1.99 1.88 1.97 1.95 1.7 1.8 1.8 1.93 1.68 1.6 1.61 1.7 1.68 1.59 "
        "1.51 1.58 1.59 1.43 1.53 1.54 1.44 1.66 1.33 1.53 1.59 1.47 1.32",
        initial_weights=_drawn(),
        input_range=_inputs((1797, 64), 0.0, 255.0),
        saturation=_each_epoch(
            Saturation(),
            {
                "sequential/dense": "0.9849 0.9849 0.9855 0.9846 0.9843 0.9856 0.9865 0.9856 0.9859 0.9858 "
                "0.9865 0.9849 0.9854 0.9859 0.987",
                "sequential/dense_1": "0.0043 0.0023 0.0029 0.003 0.003 0.003 0.0037 0.0033 0.0041 0.0038 "
                "0.0056 0.0079 0.0103 0.0079 0.0111",
            },
        ),
    )


def unsaturated_digits() -> TrainingRecord:
    """Digits from 0 to 1 in layers of tanh: a healthy run."""
    return _optimized(
        {
            "accuracy": "0.557 0.871 0.927 0.953 0.957 0.965 0.971 0.974 0.978 0.985 0.988 0.99 0.992 0.994 0.995",
            "loss": "1.65 0.616 0.321 0.22 0.172 0.141 0.118 0.1 0.0855 0.0737 0.0641 0.056 0.0491 0.0432 0.0381",
            "val_accuracy": "0.811 0.914 0.942 0.953 0.964 0.967 0.969 0.972 0.975 0.978 0.975 0.975 0.975 0.978 0.981",
            "val_loss": "0.93 0.429 0.269 0.206 0.173 0.151 0.135 0.124 0.115 0.108 0.103 0.0991 0.0957 0.0928 0.0903",
        },
        units=(64, 64, 64, 64, 64, 10),
        activation="tanh",
        first="2.52 2.34 2.3 2.38 2.29 2.24 2.36 2.13 2.17 2.06 1.97 2.04 1.91 2.01 1.92 "
        "1.83 1.8 1.8 1.86 1.66 1.75 1.67 1.57 1.61 1.57 1.51 1.39 1.31 1.39 1.32 "
        "1.43 1.47 1.32 1.21 1.35 1.52 1.12 1.03 1.04 0.983 1.11 1.05 0.957 1.04 "
        "0.838",
        saturation=_each_epoch(
            Saturation(),
            {
                "sequential/dense_2": "0 0 0 0 0 0 0 0 0.0001 0.0001 0.0001 0.0002 0.0002 0.0002 0.0003",
                "sequential/dense_3": "0 0 0 0.0006 0.0017 0.0031 0.0052 0.0078 0.0108 0.0141 0.0173 0.0215 "
                "0.0252 0.0293 0.0328",
            },
        ),
    )


def digits_with_a_spike() -> TrainingRecord:
    """Digits with SGD at 0.1, and at 12 for two steps in the middle, by a mistake in the schedule."""
    record = _optimized(
        {
            "accuracy": "0.454 0.81 0.893 0.922 0.935 0.949 0.955 0.966 0.969 0.971 0.14 0.104 0.104 0.104 0.104",
            "loss": "1.91 0.93 0.459 0.299 0.228 0.187 0.161 0.142 0.128 0.116 43.6 3.43 3.34 3.27 3.21",
            "val_accuracy": "0.736 0.881 0.947 0.956 0.958 0.958 0.964 0.967 0.969 0.975 0.0861 "
            "0.0861 0.0861 0.0861 0.0861",
            "val_loss": "1.39 0.601 0.344 0.245 0.198 0.171 0.154 0.141 0.133 0.125 3.34 3.24 3.17 3.11 3.06",
        },
        first="2.31 2.26 2.26 2.24 2.19 2.24 2.21 2.22 2.16 2.16 2.18 2.11 2.11 2.06 2.09 "
        "2.01 1.99 2.09 2.05 2.06 2 2.04 1.87 1.93 1.91 1.84 1.75 1.83 1.83 1.83 1.76 "
        "1.71 1.89 1.64 1.66 1.72 1.63 1.67 1.49 1.58 1.57 1.42 1.51 1.46 1.42",
        optimizer="SGD",
        rate=0.1,
    )
    losses = (
        "0.129 0.0749 0.128 0.0156 0.19 0.0517 0.0825 0.0655 0.0545 0.0607 0.215 "
        "0.0559 154 1.26e+03 107 277 24.7 3.73 3.46 2.57 3.62 3.08 4.69 3.59 3.53 "
        "3.04 4.52 3.06 3.48 2.77 3.86 3.08 3.07 4.59 2.75 3.18 4.24 3.42 3.36 4.6 "
        "3.68 3.07 3.49 3.56 3.12 3.33 2.93 3.27 2.77 2.96 5.47 3.66 2.85 3.79 3.54 "
        "3.68 4.37 3.15 4.2 4.88 3.7 3.39 3.6 3.29 2.5 3.41 2.94 4.45 3.39 3.36 2.93 "
        "4.34 2.95 3.32 2.64 3.69 2.94 2.94 4.39 2.63"
    )
    for position, value in enumerate(losses.split()):
        record.quantities["batch_loss"].value[440 + position] = float(value)
    return record


def frozen_digits() -> TrainingRecord:
    """Digits with `model.trainable = False`: the loss is that of the first weights in every epoch."""
    record = _optimized(
        {
            "accuracy": "0.0967 0.0967 0.0967",
            "loss": "2.33 2.33 2.33",
            "val_accuracy": "0.1 0.1 0.1",
            "val_loss": "2.32 2.32 2.32",
        }
    )
    layers = tuple(replace(layer, trainable=False) for layer in record.model.layers)
    record.model = replace(record.model, layers=layers, trainable_parameters=0, trainable_variables=())
    return record


def unfrozen_digits() -> TrainingRecord:
    """Digits whose first layer was frozen while the last was trained, then unfrozen without `compile`."""
    record = digits_with_steps()
    record.model = replace(record.model, iterations=675, optimizer_variables=record.model.trainable_variables[2:])
    return record
