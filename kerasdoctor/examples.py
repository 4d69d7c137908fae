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
from typing import Any

import numpy as np

from kerasdoctor.quantities.batch_loss import BatchLoss
from kerasdoctor.quantities.batch_norm_shift import BatchNormShift
from kerasdoctor.quantities.batch_norm_variance import BatchNormVariance
from kerasdoctor.quantities.drawn_labels import DrawnLabels, Labels
from kerasdoctor.quantities.drawn_range import DrawnRange, DrawnValues
from kerasdoctor.quantities.drawn_rows import DrawnRows
from kerasdoctor.quantities.epoch_begin import EpochBegin
from kerasdoctor.quantities.input_range import InputRange, Range
from kerasdoctor.quantities.learning_rate import LearningRate
from kerasdoctor.quantities.row_order import RowOrder
from kerasdoctor.quantities.split_labels import SplitLabels
from kerasdoctor.quantities.target_range import TargetRange
from kerasdoctor.record import (
    Compile,
    Data,
    Fit,
    Layer,
    Loss,
    MetricFacts,
    Model,
    Outcome,
    PipelineStep,
    Source,
    TrainingRecord,
)

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
    return Model(
        name="sequential", kind="Sequential", layers=tuple(layers), parameters=total, trainable_parameters=total
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
