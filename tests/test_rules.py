"""What every rule promises."""

import ast
import inspect
import json
import re
import subprocess
import sys
from array import array
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kerasdoctor import engine, quantities
from kerasdoctor.diagnosis import Applicability, Diagnosis, Status
from kerasdoctor.quantities.batch_loss import BatchLoss
from kerasdoctor.quantities.batch_norm_shift import BatchNormShift
from kerasdoctor.quantities.batch_norm_variance import BatchNormVariance
from kerasdoctor.quantities.confusion_matrix import ConfusionMatrix
from kerasdoctor.quantities.dead_units import DeadUnits
from kerasdoctor.quantities.drawn_labels import DrawnLabels, Labels
from kerasdoctor.quantities.drawn_range import DrawnRange, DrawnValues
from kerasdoctor.quantities.drawn_rows import DrawnRows
from kerasdoctor.quantities.epoch_begin import EpochBegin
from kerasdoctor.quantities.far_rows import FarRows
from kerasdoctor.quantities.feature_scale import FeatureScale, Scale
from kerasdoctor.quantities.global_gradient_norm import GlobalGradientNorm
from kerasdoctor.quantities.gradient_cosine import GradientCosine
from kerasdoctor.quantities.gradient_norm import GradientNorm
from kerasdoctor.quantities.inference_metrics import InferenceMetrics
from kerasdoctor.quantities.initial_weights import InitialWeights, Spread
from kerasdoctor.quantities.input_range import InputRange, Range
from kerasdoctor.quantities.learning_rate import LearningRate
from kerasdoctor.quantities.neighbour_labels import NeighbourLabels, Vote
from kerasdoctor.quantities.nonfinite_values import Missing, NonfiniteValues
from kerasdoctor.quantities.part_scale import Difference, PartScale
from kerasdoctor.quantities.predicted_classes import PredictedClasses
from kerasdoctor.quantities.row_order import RowOrder
from kerasdoctor.quantities.row_overlap import RowOverlap
from kerasdoctor.quantities.saturation import Saturation
from kerasdoctor.quantities.split_labels import SplitLabels
from kerasdoctor.quantities.target_range import TargetRange
from kerasdoctor.quantities.target_scale import Moments, TargetScale
from kerasdoctor.quantities.update_norm import UpdateNorm
from kerasdoctor.quantities.update_ratio import UpdateRatio
from kerasdoctor.quantities.weight_norm import WeightNorm
from kerasdoctor.quantities.weight_penalty import WeightPenalty
from kerasdoctor.quantities.window_overlap import WindowOverlap
from kerasdoctor.quantities.zero_share import ZeroShare
from kerasdoctor.record import (
    Compile,
    Data,
    Earlier,
    Fit,
    Layer,
    Loss,
    MetricFacts,
    Model,
    Outcome,
    PipelineStep,
    TrainingRecord,
)
from kerasdoctor.report import Report
from kerasdoctor.rule import Healthy, Rule, Unhealthy, discover

RULES = discover()
HEADINGS = ["What it sees", "How it is told apart", "Remedies", "References"]
FAMILIES = {"data", "model", "optimization", "generalization", "loop"}

EXAMPLES = [(rule, example) for rule in RULES for example in rule.examples]
UNHEALTHY = [pair for pair in EXAMPLES if isinstance(pair[1], Unhealthy)]
HEALTHY = [pair for pair in EXAMPLES if isinstance(pair[1], Healthy)]

every_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)


def ids(value: Any) -> str:
    return value.name if isinstance(value, Rule) else value.record.__name__


def made(rule: Rule, example: Unhealthy) -> Diagnosis:
    """The diagnosis of an example by its rule, whatever else is found in it."""
    (diagnosis,) = engine.diagnose(example.record(), candidates=[rule]).diagnoses
    return diagnosis


def test_the_first_rules_are_there() -> None:
    assert {rule.name for rule in RULES} >= {
        "unshuffled-split",
        "nan-loss",
        "negative-loss",
        "overfitting",
        "oscillating-validation",
    }


@every_rule
def test_file_class_and_name_agree(rule: Rule) -> None:
    module = type(rule).__module__.rpartition(".")[2]
    assert rule.name == module.replace("_", "-")
    assert type(rule).__name__ == "".join(word.capitalize() for word in module.split("_"))
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", rule.name)


def test_names_are_unique() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)


@every_rule
def test_the_docstring_is_the_documentation(rule: Rule) -> None:
    text = inspect.getdoc(type(rule)) or ""
    summary, *sections = re.split(r"^## ", text, flags=re.MULTILINE)
    assert summary.strip().endswith(".")
    assert "\n" not in summary.strip()
    assert [section.partition("\n")[0].strip() for section in sections] == HEADINGS
    assert all(section.partition("\n")[2].strip() for section in sections)


@every_rule
def test_causes_are_a_differential(rule: Rule) -> None:
    names = [cause.name for cause in rule.causes]
    assert len(names) >= 2
    assert len(set(names)) == len(names)
    for cause in rule.causes:
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", cause.name)
        assert cause.explanation
        assert inspect.getdoc(cause.examine)
    assert rule.family in FAMILIES


@every_rule
def test_explains_what_is_no_worse_and_never_itself(rule: Rule) -> None:
    known = {other.name: other for other in RULES}
    assert set(rule.explains) <= set(known)
    assert all(known[name].severity <= rule.severity for name in rule.explains)
    reached, rest = set(), list(rule.explains)
    while rest:
        name = rest.pop()
        if name not in reached:
            reached.add(name)
            rest += known[name].explains
    assert rule.name not in reached
    certain = {name for cause in rule.causes for name in cause.explains}
    assert certain <= set(known) - {rule.name}
    assert all(known[name].severity <= rule.severity for name in certain)


@every_rule
def test_has_both_kinds_of_example(rule: Rule) -> None:
    kinds = {type(example) for example in rule.examples}
    assert kinds == {Healthy, Unhealthy}


@pytest.mark.parametrize(("rule", "example"), UNHEALTHY, ids=ids)
def test_unhealthy_example_confirms_what_it_says(rule: Rule, example: Unhealthy) -> None:
    confirmed = {cause.name for cause in made(rule, example).causes if cause.status is Status.CONFIRMED}
    assert confirmed == set(example.confirms)


@pytest.mark.parametrize(("rule", "example"), HEALTHY, ids=ids)
def test_healthy_example_is_healthy_for_every_rule(rule: Rule, example: Healthy) -> None:
    report = engine.diagnose(example.record())
    assert report.diagnoses == ()
    assert rule.name not in {skipped.name for skipped in report.skipped}


@pytest.mark.parametrize(("rule", "example"), UNHEALTHY, ids=ids)
def test_every_cause_ends_with_its_evidence(rule: Rule, example: Unhealthy) -> None:
    diagnosis = made(rule, example)
    assert {cause.name for cause in diagnosis.causes} == {cause.name for cause in rule.causes}
    for cause in diagnosis.causes:
        assert cause.evidence.statement
        if cause.status is Status.POSSIBLE:
            assert cause.evidence.statement.startswith(("measured, undecided", "not measured"))
        if cause.status is Status.RULED_OUT:
            assert cause.prescriptions == ()


@pytest.mark.parametrize(("rule", "example"), UNHEALTHY, ids=ids)
def test_confirmed_causes_with_remedies_are_prescribed_for(rule: Rule, example: Unhealthy) -> None:
    remedies = {cause.name: cause.remedies for cause in rule.causes}
    diagnosis = made(rule, example)
    for cause in diagnosis.causes:
        if cause.status is Status.CONFIRMED and remedies[cause.name]:
            assert cause.prescriptions


@pytest.mark.parametrize(("rule", "example"), UNHEALTHY, ids=ids)
def test_prescriptions_are_python(rule: Rule, example: Unhealthy) -> None:  # noqa: ARG001 (the id)
    for _diagnosis, _cause, prescription in engine.diagnose(example.record()).prescriptions():
        ast.parse(prescription.source.replace("%kdoctor fit ", ""))
        assert "%kdoctor fit " in prescription.source
        assert prescription.applicability in Applicability


def test_a_placeholder_is_announced() -> None:
    for rule, example in UNHEALTHY:
        for _diagnosis, _cause, prescription in engine.diagnose(example.record()).prescriptions():
            assert ("= ..." in prescription.source) == (prescription.applicability is Applicability.HAS_PLACEHOLDERS), (
                rule.name
            )


def test_rules_need_neither_keras_nor_a_front_end() -> None:
    script = (
        "import sys; from kerasdoctor.rule import discover; discover();"
        "print(sorted({'keras', 'tensorflow', 'IPython', 'matplotlib', 'jinja2'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(("rule", "example"), EXAMPLES, ids=ids)
def test_examples_survive_the_store(rule: Rule, example: Healthy | Unhealthy) -> None:  # noqa: ARG001 (the id)
    record = example.record()
    loaded = TrainingRecord.from_dict(json.loads(json.dumps(record.to_dict(), allow_nan=False)), quantities.types())
    assert engine.diagnose(loaded).to_dict() == engine.diagnose(record).to_dict()


# any record

numbers = st.one_of(
    st.floats(),
    st.floats(0, 5),
    st.sampled_from([0.0, 1.0, -1.0, 0.5, 1e308, -1e308, 5e-324, float("nan"), float("inf"), float("-inf")]),
)
counts = st.integers(0, 10**6)
texts = st.text(max_size=6)
maybe = st.none() | numbers


@st.composite
def series(draw: st.DrawFn, epochs: int) -> list[float]:
    size = draw(st.sampled_from([0, epochs, max(0, epochs - 1)]))
    if draw(st.booleans()):
        return [draw(st.sampled_from([0.0, 0.3, 1e300]))] * size
    return draw(st.lists(numbers, min_size=size, max_size=size))


@st.composite
def ranges(draw: st.DrawFn) -> Range:
    nonfinite = draw(st.integers(0, 3))
    return Range(
        dtype=draw(st.sampled_from(["float32", "int64", "object"])),
        shape=draw(st.sampled_from([(10,), (10, 3), ()])),
        minimum=draw(numbers),
        maximum=draw(numbers),
        nonfinite=nonfinite,
        first_nonfinite_row=draw(counts) if nonfinite else None,
    )


@st.composite
def split_labels(draw: st.DrawFn) -> SplitLabels:
    kind = draw(st.sampled_from(["classes", "bins"]))
    size = draw(st.integers(1, 6))
    keys = [str(float(key)) if kind == "bins" else f"{{{key}}}" for key in range(size)]
    return SplitLabels(
        kind=kind,  # type: ignore[arg-type]
        train={key: draw(counts) for key in keys},
        validation={key: draw(counts) for key in keys},
        source=draw(st.sampled_from(["validation_split", "validation_data"])),  # type: ignore[arg-type]
    )


@st.composite
def tables(draw: st.DrawFn, kind: Any, columns: list[tuple[str, ...]]) -> Any:
    """A growing table with values of any kind; its columns may be those of the layers or not."""
    table, names, rows = kind(), draw(st.sampled_from(columns)), draw(st.integers(1, 5))
    values = [[draw(numbers) for _ in names] for _ in range(rows)]
    with np.errstate(all="ignore"):
        table.extend(
            names, np.sort(np.array(draw(st.lists(st.integers(0, 50), min_size=rows, max_size=rows)))), np.array(values)
        )
    return table


@st.composite
def measured_data(draw: st.DrawFn) -> dict[str, Any]:
    names, few = st.sampled_from(["x", "y", "{x}"]), st.integers(0, 40)
    missing = st.builds(Missing, few, few, few, few, few, few)
    values = st.builds(
        DrawnValues, st.sampled_from(["uint8", "float32"]), few, numbers, numbers, few, numbers, st.floats(0), few, few
    )
    labels = st.builds(Labels, few, few, few, st.dictionaries(st.sampled_from(["0", "1", "{2}"]), counts))
    scale = st.builds(Scale, few, few, numbers, numbers, few, few, numbers)
    size = draw(st.integers(1, 3))
    table = [draw(st.integers(0, 9)) for _ in range(size * size)]
    validations = draw(few)
    dtypes = st.sampled_from(["uint8", "float32"])
    return {
        "nonfinite_values": NonfiniteValues(
            draw(st.dictionaries(names, missing)), draw(st.dictionaries(names, missing)), draw(st.booleans())
        ),
        "feature_scale": FeatureScale(draw(st.dictionaries(names, scale))),
        "target_scale": TargetScale(
            draw(st.dictionaries(names, st.builds(Moments, *[numbers] * 6), min_size=1, max_size=2))
        ),
        "part_scale": PartScale(
            draw(
                st.dictionaries(
                    names, st.builds(Difference, dtypes, dtypes, *[numbers] * 4, few, numbers, numbers, few)
                )
            )
        ),
        "row_overlap": draw(st.builds(RowOverlap, few, few, few, few, few, few, st.booleans(), numbers, numbers)),
        "far_rows": draw(st.builds(FarRows, few, few, few, numbers, numbers, st.booleans())),
        "neighbour_labels": draw(
            st.builds(NeighbourLabels, few, numbers, numbers, st.none() | st.builds(Vote, few, numbers, few, few))
        ),
        "window_overlap": draw(st.builds(WindowOverlap, st.integers(1, 40), few)),
        "drawn_range": DrawnRange(*(draw(st.dictionaries(names, values)) for _ in range(4))),
        "drawn_labels": DrawnLabels(draw(st.dictionaries(st.sampled_from(["train", "validation"]), labels))),
        "drawn_rows": draw(
            st.builds(
                DrawnRows,
                few,
                few,
                few,
                few,
                few,
                st.lists(few, min_size=2, max_size=2),
                st.lists(few, min_size=2, max_size=2),
                few,
                few,
                few,
            )
        ),
        "predicted_classes": PredictedClasses(
            array("q", range(validations)), array("d", [float(draw(st.integers(0, 2))) for _ in range(validations)])
        ),
        "confusion_matrix": ConfusionMatrix(np.arange(size), np.array(table).reshape(size, size), 3),
    }


@st.composite
def measured_steps(draw: st.DrawFn) -> dict[str, Any]:
    """What the rules of the optimization family read, by the paths of kernels and layers."""
    kernels = [("a/b/kernel",), ("a/b/kernel", "c/kernel", "c/bias"), ("{",)]
    outputs = [("a/b",), ("a/b", "c")]
    spreads = st.builds(Spread, st.sampled_from([(3,), (3, 4), (), (0, 2)]), numbers, numbers, numbers, numbers)
    steps = draw(st.integers(0, 12))
    norms = draw(st.lists(numbers, min_size=steps, max_size=steps))
    dead = draw(tables(DeadUnits, outputs))
    dead.units = tuple(draw(st.lists(st.integers(0, 9), max_size=2)))
    dead.at_initialization = tuple(draw(st.lists(numbers, max_size=2)))
    return {
        "update_norm": draw(tables(UpdateNorm, kernels)),
        "weight_norm": draw(tables(WeightNorm, kernels)),
        "gradient_norm": draw(tables(GradientNorm, kernels)),
        "gradient_cosine": draw(tables(GradientCosine, kernels)),
        "zero_share": draw(tables(ZeroShare, outputs)),
        "saturation": draw(tables(Saturation, outputs)),
        "dead_units": dead,
        "global_gradient_norm": GlobalGradientNorm(array("q", range(1, steps + 1)), array("d", norms)),
        "weight_penalty": WeightPenalty(array("q", range(1, steps + 1)), array("d", norms)),
        "initial_weights": InitialWeights(
            draw(st.dictionaries(st.sampled_from(["a/b/kernel", "a/b/bias", "c/kernel", "{"]), spreads))
        ),
    }


@st.composite
def measured(draw: st.DrawFn) -> dict[str, Any]:
    steps = draw(st.integers(0, 40))
    names = st.sampled_from(["x", "y", "{x}"])
    found: dict[str, Any] = {
        "batch_loss": BatchLoss(
            array("q", range(1, steps + 1)), array("d", draw(st.lists(numbers, min_size=steps, max_size=steps)))
        ),
        "learning_rate": LearningRate(array("q", [1, 11]), array("d", [draw(numbers), draw(numbers)])),
        "epoch_begin": EpochBegin(array("q", [0, 10])),
        "split_labels": draw(split_labels()),
        "row_order": RowOrder(
            draw(maybe),
            draw(maybe),
            draw(maybe),
            draw(maybe),
            draw(maybe),
            draw(maybe),
            draw(st.none() | st.booleans()),
            draw(maybe),
        ),
        "input_range": InputRange(
            draw(st.dictionaries(names, ranges(), min_size=1, max_size=2)),
            draw(st.dictionaries(names, ranges(), max_size=2)),
            draw(st.integers(0, 20)),
            draw(st.integers(0, 20)),
        ),
        "target_range": TargetRange(
            draw(st.dictionaries(names, ranges(), min_size=1, max_size=2)),
            draw(st.dictionaries(names, ranges(), max_size=2)),
            draw(st.dictionaries(names, st.integers(1, 5), max_size=2)),
            draw(maybe),
            draw(st.integers(0, 20)),
            draw(st.integers(0, 20)),
        ),
    }
    paths = [("a/b",), ("a/b", "c")]
    found |= {
        "batch_norm_shift": draw(tables(BatchNormShift, paths)),
        "batch_norm_variance": draw(tables(BatchNormVariance, paths)),
        "inference_metrics": draw(tables(InferenceMetrics, [("loss",), ("accuracy", "loss"), ("other",)])),
        "update_ratio": draw(tables(UpdateRatio, [("a/b/kernel",), ("c",)])),
        "weight_penalty": WeightPenalty(array("q", [1]), array("d", [draw(numbers)])),
        "initial_weights": InitialWeights({"a/b/gamma": Spread((3,), 1.0, draw(numbers), float("nan"), float("nan"))}),
    }
    found |= draw(measured_data())
    if draw(st.booleans()):
        found |= draw(measured_steps())
    kept = draw(st.sets(st.sampled_from(sorted(found))))
    return {name: found[name] for name in found if name in kept}


regularizers = st.sampled_from([None, {}, {"class_name": "L2", "config": {"l2": 0.01}}, {"class_name": 3}, "{", 1.0])
settings_of_layers = st.fixed_dictionaries(
    {},
    optional={
        "momentum": maybe | st.just("NaN"),
        "value_range": st.sampled_from([[0, 255], [0, 1], None, "{"]),
        "scale": maybe,
        "offset": maybe,
        "adapted": st.booleans(),
        "gamma_initializer": regularizers,
        "kernel_regularizer": regularizers,
        "activity_regularizer": regularizers,
        "layer": st.sampled_from([None, "{", {"class_name": "Dense", "config": {"activity_regularizer": {}}}])
        | st.builds(lambda one: {"class_name": "Dense", "config": {"activity_regularizer": one}}, regularizers),
    },
)
KINDS_OF_LAYERS = [
    "Dense",
    "Dropout",
    "InputLayer",
    "Embedding",
    "BatchNormalization",
    "Rescaling",
    "Normalization",
    "Functional",
    "TimeDistributed",
]
layers = st.builds(
    Layer,
    name=texts,
    kind=st.sampled_from(KINDS_OF_LAYERS),
    path=st.sampled_from(["", "a/b", "{"]),
    output_shape=st.sampled_from([None, (), (None,), (2,), (10,), (None, 8)]),
    parameters=counts,
    activation=st.none() | st.sampled_from(["softmax", "relu"]),
    rate=maybe,
    regularized=st.booleans(),
    config=settings_of_layers,
)
steps = st.builds(
    PipelineStep,
    kind=st.sampled_from(["from_tensor_slices", "shuffle", "batch", "take", "skip", "cache", "repeat"]),
    settings=st.dictionaries(st.sampled_from(["buffer_size", "count", "reshuffle_each_iteration"]), st.integers(0, 9)),
    elements=st.none() | st.integers(-1, 9),
)
pipelines = st.lists(steps, max_size=4).map(tuple)


settings_of_callbacks = st.fixed_dictionaries(
    {},
    optional={
        "monitor": st.sampled_from([None, 3, "val_loss", "loss", "val_accuracy", "{"]),
        "mode": st.sampled_from([None, "min", "max", "auto", "{"]),
        "patience": st.none() | st.integers(-1, 60) | numbers,
        "start_from_epoch": st.none() | st.integers(-1, 60) | numbers,
        "restore_best_weights": st.none() | st.booleans(),
        "save_best_only": st.none() | st.booleans(),
    },
)


befores = st.builds(
    Earlier,
    place=st.sampled_from(["loop", "cell", "call", "elsewhere"]),
    asked=st.integers(-1, 9),
    epochs=st.integers(0, 9),
    resumed_at=st.integers(0, 9),
    iterations=counts,
    iterations_now=st.integers(0, 2),
    same_variables=st.booleans(),
    same_weights=st.booleans(),
    optimizer=st.sampled_from(["same", "equal", "other"]),
    known_rows=st.none() | st.floats(0, 1),
    moved_rows=st.none() | st.floats(0, 1),
)


@st.composite
def records(draw: st.DrawFn) -> TrainingRecord:
    epochs = draw(st.sampled_from([0, 1, 2, 5, 8, 12, 30]))
    keys = draw(st.sets(st.sampled_from(["loss", "val_loss", "accuracy", "val_accuracy", "a_loss", "val_other"])))
    return TrainingRecord(
        model=Model(
            kind=draw(st.sampled_from(["Sequential", "Functional", "subclassed"])),  # type: ignore[arg-type]
            layers=tuple(draw(st.lists(layers, max_size=3))),
            trainable_parameters=draw(st.integers(0, 1000)),
            changed_layers=draw(st.sampled_from([(), ("{a}",), ("a", "b")])),
            fitted=draw(st.none() | st.booleans()),
        ),
        compile=Compile(
            optimizer=draw(st.sampled_from(["", "Adam", "SGD"])),
            learning_rate=draw(maybe),
            losses=tuple(
                draw(
                    st.lists(
                        st.builds(
                            Loss,
                            name=st.sampled_from(
                                ["binary_crossentropy", "mse", "kl_divergence", "sparse_categorical_crossentropy", "{"]
                            ),
                            builtin=st.booleans(),
                        ),
                        max_size=2,
                    )
                )
            ),
            dtype_policy=draw(st.sampled_from(["float32", "mixed_float16"])),
        ),
        data=Data(
            kind=draw(st.sampled_from(["arrays", "dataset", "generator"])),
            n_train=draw(st.none() | counts),
            n_validation=draw(st.none() | counts),
            validation_kind=draw(st.sampled_from(["none", "arrays", "dataset", "generator"])),
            pipeline=draw(pipelines),
            validation_pipeline=draw(pipelines),
        ),
        fit=Fit(
            epochs=draw(st.integers(1, 50)),
            initial_epoch=draw(st.sampled_from([0, 0, 3])),
            batch_size=draw(st.none() | st.integers(1, 300)),
            steps_per_epoch=draw(st.none() | st.integers(1, 300)),
            validation_split=draw(st.sampled_from([0.0, 0.2])),
            validation_freq=draw(st.sampled_from([1, 2])),
            callbacks=draw(st.sampled_from([(), ("EarlyStopping",), ("ModelCheckpoint", "EarlyStopping")])),
            callback_settings=tuple(draw(st.lists(settings_of_callbacks, max_size=2))),
            class_weight=draw(st.booleans()),
            class_weights=draw(st.dictionaries(st.sampled_from(["0", "1.0", "{0}", "x"]), numbers, max_size=2)),
            sample_weight=draw(st.booleans()),
            seed=draw(st.sampled_from([None, 1])),
            backend=draw(st.sampled_from(["", "tensorflow", "torch"])),
            validation_weighted=draw(st.none() | st.booleans()),
        ),
        history={key: draw(series(epochs)) for key in sorted(keys)},
        metric_facts={
            "loss": MetricFacts(direction="down"),
            "accuracy": MetricFacts(direction="up", proportion=draw(st.booleans())),
        },
        quantities=draw(measured()),
        earlier=draw(st.none() | befores),
        outcome=Outcome(
            status=draw(st.sampled_from(["running", "finished", "stopped_early", "interrupted", "raised"])),
            epochs=epochs,
            exception=draw(
                st.sampled_from(
                    [
                        "",
                        "ValueError: Data cardinality is ambiguous. {x} 'x' sizes: 8, 8 'y' sizes: 3",
                        "`output` must have rank (ndim) `target.ndim - 1`. target.shape=(), output.shape=(3,)",
                        "ValueError: Invalid dtype: object",
                    ]
                )
            ),
        ),
    )


def assert_nothing_failed(report: Report) -> None:
    assert [skipped for skipped in report.skipped if skipped.reason.startswith(("failed", "its cell"))] == []
    assert report.verdict.reading != "failed"
    for diagnosis in report.diagnoses:
        for cause in diagnosis.causes:
            assert "examination failed" not in cause.evidence.statement
            assert cause.evidence.statement
    json.dumps(report.to_dict(), allow_nan=False)


@pytest.mark.filterwarnings("error::RuntimeWarning")
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(records())
def test_no_record_makes_a_rule_fail(record: TrainingRecord) -> None:
    assert_nothing_failed(engine.diagnose(record))


@pytest.mark.parametrize(("rule", "example"), EXAMPLES, ids=ids)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_record_with_holes_makes_no_rule_fail(rule: Rule, example: Healthy | Unhealthy, data: st.DataObject) -> None:
    """Examples with values replaced and parts left out get deeper into a differential than random records."""
    record = example.record()
    for name in data.draw(st.sets(st.sampled_from(sorted(record.quantities)))):
        del record.quantities[name]
    for values in record.history.values():
        for index in data.draw(st.sets(st.integers(0, len(values) - 1), max_size=2)):
            values[index] = data.draw(numbers)
    length = data.draw(st.integers(0, max((len(values) for values in record.history.values()), default=0)))
    record.history = {key: values[:length] for key, values in record.history.items()}
    report = engine.diagnose(record, candidates=[rule])
    assert_nothing_failed(report)
