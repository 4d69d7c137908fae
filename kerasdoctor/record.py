"""What one call to `fit` did: plain data, JSON in and out, no Keras objects."""

from __future__ import annotations

import dataclasses
import math
from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar, get_args

import numpy as np
from cattrs import Converter
from numpy.typing import NDArray

T = TypeVar("T")

VERSION = 1

#: How `fit` was given its data; "none" where there is none.
DataKind = Literal["arrays", "dataset", "generator", "py_dataset", "other", "none"]
Direction = Literal["up", "down", "unknown"]
Status = Literal["running", "finished", "stopped_early", "interrupted", "raised", "checked"]
Loop = Literal["", "train_on_batch", "GradientTape"]
#: How much is recorded: "light" reads the data and Keras's logs; "default" also taps the train step.
Level = Literal["light", "default", "full"]
LEVELS: tuple[Level, ...] = get_args(Level)


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One layer of the model, top level first, nested models flattened below it."""

    name: str
    kind: str
    #: Whether the layer stands directly in the model, not inside a nested one.
    top_level: bool = True
    parameters: int = 0
    trainable: bool = True
    #: Without the batch axis; None where Keras does not know it.
    output_shape: tuple[int | None, ...] | None = None
    activation: str | None = None
    #: Rate of a dropout layer.
    rate: float | None = None
    #: Whether a kernel, bias or activity regularizer is set.
    regularized: bool = False
    #: Keras's path, with which the paths of its variables begin; empty where Keras does not know it.
    path: str = ""
    #: What `get_config` tells, in plain JSON types (see `plain`); of a Normalization also "adapted".
    config: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Output:
    """One output of a model whose graph Keras knows."""

    name: str
    #: Without the batch axis.
    shape: tuple[int | None, ...]
    #: Layer or operation that makes it, inside nested models too.
    layer: str
    #: Its class.
    kind: str
    #: Activation that the values have gone through last ("linear" for none); None where it cannot be told.
    activation: str | None


@dataclass(frozen=True, kw_only=True)
class Model:
    """The model as it stood when `fit` began."""

    name: str = ""
    kind: Literal["Sequential", "Functional", "subclassed"] = "subclassed"
    layers: tuple[Layer, ...] = ()
    #: Class names of the operations between the layers of a functional model ("TrueDivide", "Add").
    operations: tuple[str, ...] = ()
    #: Empty for a subclassed model.
    outputs: tuple[Output, ...] = ()
    parameters: int = 0
    trainable_parameters: int = 0
    #: Paths of the trainable variables, in Keras's order.
    trainable_variables: tuple[str, ...] = ()
    #: Paths of the variables that the optimizer was built for; empty before its first update.
    optimizer_variables: tuple[str, ...] = ()
    #: Updates that the optimizer had made before this `fit`; above 0 the weights are not fresh.
    iterations: int = 0
    #: Names of the layers whose `trainable` is not what it was at `compile`; empty where Keras does not keep that.
    changed_layers: tuple[str, ...] = ()
    #: Whether a `fit` had trained this model object before; None where it cannot be told.
    fitted: bool | None = None


@dataclass(frozen=True, kw_only=True)
class Loss:
    """One loss of `compile`, by the Keras name of its class or function."""

    name: str
    output: str | None = None
    #: False for a function or class that Keras does not ship.
    builtin: bool = True
    from_logits: bool = False
    #: Whether it was given by its name, as a string.
    by_name: bool = False
    #: Whether it is an object of a subclass of `keras.losses.Loss` that Keras does not ship.
    subclass: bool = False
    #: What `get_config` of one of Keras's own tells, in plain JSON types.
    config: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class CompiledMetric:
    """One metric of `compile`, as Keras resolved it."""

    name: str
    #: Its class, or the name of the function that it wraps.
    kind: str
    output: str | None = None
    builtin: bool = True
    #: What `get_config` tells, in plain JSON types.
    config: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Compile:
    """The arguments of `compile`."""

    optimizer: str = ""
    #: None for a schedule.
    learning_rate: float | None = None
    #: What the optimizer's `get_config` tells, in plain JSON types; a schedule is a mapping at "learning_rate".
    optimizer_config: Mapping[str, Any] = field(default_factory=dict)
    losses: tuple[Loss, ...] = ()
    #: Known after the first step: Keras resolves "accuracy" only then.
    metrics: tuple[CompiledMetric, ...] = ()
    dtype_policy: str = "float32"
    #: Python source of each argument of `compile` that was given, as a cell can write it; `keras` is the module.
    source: Mapping[str, str] = field(default_factory=dict)
    #: Arguments of `compile` that no source can name; a cell takes them from the old model.
    unwritable: tuple[str, ...] = ()
    #: Whether an argument holds a loss, metric or optimizer that Keras does not ship.
    custom: bool = False


@dataclass(frozen=True, kw_only=True)
class PipelineStep:
    """One transformation of a `tf.data` pipeline, read from its objects; nothing is drawn."""

    #: Name of the method that made it ("shuffle", "batch", "map"), or of the source ("from_tensor_slices").
    kind: str
    #: Numbers that it was given: "buffer_size", "batch_size", "count", "reshuffle_each_iteration"; and "random": the
    #: types of TensorFlow's operations in its function that draw random numbers, where there are any.
    settings: Mapping[str, Any] = field(default_factory=dict)
    #: Elements that come out of it; None where it is not known, -1 for an endless one.
    elements: int | None = None


#: Words; None among numbers; rows of different lengths; arrays or numbers, each a Python object; times; other objects.
#: "mixed" is text in a column that otherwise holds numbers.
ContentKind = Literal["text", "mixed", "missing", "rows", "arrays", "numbers", "dates", "objects"]


@dataclass(frozen=True, kw_only=True)
class Content:
    """What an input or a target holds that is no array of numbers."""

    kind: ContentKind
    #: Column, or place of the first of them; empty where it is all.
    where: str = ""


@dataclass(frozen=True, kw_only=True)
class Data:
    """The size and form of the data; its contents are quantities."""

    kind: DataKind = "other"
    #: Rows that train and that validate; None where a pipeline does not tell.
    n_train: int | None = None
    n_validation: int | None = None
    #: Container of `x`, `y`, `sample_weight` and `validation_data` as the user passed them:
    #: "ndarray", "DataFrame", "Series", "tensor", "list", "tuple", "dict", a class name, or "none".
    containers: Mapping[str, str] = field(default_factory=dict)
    #: Part of `x` or `y`, as quantities name it -> what it holds, where that is no array of numbers.
    contents: Mapping[str, Content] = field(default_factory=dict)
    #: Why the contents were not examined; empty when they were.
    not_examined: str = ""
    #: How `validation_data` was given.
    validation_kind: DataKind = "none"
    #: The steps of a `tf.data` pipeline for training and of one for validation, from the source on.
    pipeline: tuple[PipelineStep, ...] = ()
    validation_pipeline: tuple[PipelineStep, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Fit:
    """The arguments of `fit`, as Keras understood them."""

    #: What trained instead of `fit`: a loop of the user's own, without epochs and without validation that can be seen.
    loop: Loop = ""
    epochs: int = 1
    initial_epoch: int = 0
    batch_size: int | None = None
    steps_per_epoch: int | None = None
    validation_split: float = 0.0
    validation_freq: int = 1
    shuffle: bool = True
    #: Class names of the callbacks that the user passed.
    callbacks: tuple[str, ...] = ()
    #: Plain public attributes of each of them when `fit` began, in the same order.
    callback_settings: tuple[Mapping[str, Any], ...] = ()
    class_weight: bool = False
    #: Class -> weight, where `class_weight` was a mapping.
    class_weights: Mapping[str, float] = field(default_factory=dict)
    validation_steps: int | None = None
    sample_weight: bool = False
    #: Whether the validation rows are weighted too: by the part of `sample_weight` that `validation_split` takes, or
    #: by the third element of `validation_data`; None where a pipeline does not tell.
    validation_weighted: bool | None = None
    #: What `keras.utils.set_random_seed` was given; None where it was not called.
    seed: int | None = None
    #: Keras's backend: "tensorflow", "jax", "torch"; empty where it was not recorded.
    backend: str = ""

    def settings_of(self, kind: str) -> list[Mapping[str, Any]]:
        """Settings of every callback of a class, by its name."""
        return [
            settings for name, settings in zip(self.callbacks, self.callback_settings, strict=False) if name == kind
        ]


@dataclass(frozen=True, kw_only=True)
class MetricFacts:
    """What the logs do not say about one of their keys."""

    output: str | None = None
    direction: Direction = "unknown"
    #: Whether it is a mean over samples that are right or wrong, so its sampling error is binomial.
    proportion: bool = False


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One metric or loss with its series, one value per epoch."""

    name: str
    output: str | None = None
    #: Shape (epochs,); what Keras reported, a mean over the epoch for the training part.
    train: NDArray[np.float64]
    #: Shape (epochs,), NaN for epochs that were not validated; empty without validation.
    validation: NDArray[np.float64]
    direction: Direction = "unknown"
    proportion: bool = False
    n_validation: int | None = None


@dataclass(frozen=True, kw_only=True)
class RaisedBy:
    """Whose code an exception comes from."""

    #: A callback, a generator or pipeline, a layer, the model's own methods, a loss or a metric: code of the user's.
    #: "operation" is one of TensorFlow's in a graph.
    kind: Literal["callback", "data", "layer", "model", "loss", "metric", "operation"]
    #: Class and method, function, or layer; empty where it is not known.
    name: str = ""
    #: The user's line that raised it; empty where it is not known.
    line: str = ""
    #: The operation of a graph.
    operation: str = ""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How the call ended."""

    status: Status = "running"
    #: Epochs of this call that were completed.
    epochs: int = 0
    #: Updates that a loop of the user's own made; 0 for `fit`.
    steps: int = 0
    seconds: float = 0.0
    #: Name of the callback that set `stop_training`, where it can be told.
    stopped_by: str = ""
    #: Class and text of the exception that `fit` raised; of a check, that it would raise.
    exception: str = ""
    #: Whose code raised it; None where it cannot be told.
    raised_by: RaisedBy | None = None
    #: Keys of the logs of a fit that raised, empty where its metrics were not built by then; of a check, those that an
    #: epoch would have, empty where they cannot be told.
    logged: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Instrument:
    """How the fit was watched."""

    level: Level = "default"
    #: Why the train step was not tapped, or not until the end; empty when it was.
    untapped: str = ""
    #: What level less was recorded than asked for, and why; empty when that was not so.
    lowered: str = ""
    #: Why the validation was not tapped; empty when it was, or when there was none.
    unwatched: str = ""
    #: Why no training rows were shown to the model in inference mode; empty when nothing spoke against it.
    unlooked: str = ""
    #: Why the probes of a check measured nothing, or not all; empty when they did, or when there was no check.
    unprobed: str = ""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A notebook cell that this kernel has run, as the user wrote it."""

    text: str
    #: The number in its brackets, "[4]".
    number: int = 0
    #: Its id, where the front end tells it.
    id: str = ""


@dataclass(frozen=True, kw_only=True)
class Source:
    """The call as the user wrote it."""

    #: Source text of the call expression, on one or several lines.
    call: str
    #: The same call as the top level of the notebook can write it, with its own names for what is local to a function;
    #: empty where that is `call`.
    top: str = ""
    #: What stands before the call on its line when its value is assigned ("history = "), else empty.
    assignment: str = ""
    #: What stands between the call and the end of the assignment (".history").
    tail: str = ""
    #: `fit`'s own parameter name -> source of what was passed for it, also through `**` ('options["epochs"]').
    arguments: Mapping[str, str] = field(default_factory=dict)
    #: Parameters that were passed through `**`.
    hidden: tuple[str, ...] = ()
    #: Source of what is passed through `*` or `**` and could not be looked into.
    opaque: str = ""
    #: Expression before `.fit`.
    model: str = ""
    #: Name of the function that holds the call; empty at the top level.
    function: str = ""
    #: Names in it for what the top level has no name for, such as locals of that function.
    local_names: tuple[str, ...] = ()
    #: Lines that import what the call takes from a module of the user's.
    imports: tuple[str, ...] = ()
    #: Every name of the top level, so that a cell chooses others for what it adds.
    taken: tuple[str, ...] = ()
    #: Module or function -> the name that it has at the top level ("numpy" -> "np").
    modules: Mapping[str, str] = field(default_factory=dict)
    #: Whether the call was made in a notebook or at an IPython prompt that has `%kdoctor`.
    notebook: bool = False
    #: Id of the notebook cell, where the front end tells it.
    cell_id: str = ""
    #: The cells that have run, each as it ran last, in that order; the last one is running.
    cells: tuple[Cell, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Earlier:
    """The watched `fit` before this one that trained the same model object, and what has changed since."""

    run: str = ""
    #: Where this call stands to that one: the same line once more ("loop", the record goes on), the same cell run
    #: again, another call with the same text, or none of these.
    place: Literal["loop", "cell", "call", "elsewhere"] = "elsewhere"
    #: Epochs that it was to make, and that it completed.
    asked: int = 1
    epochs: int = 0
    #: `initial_epoch` of this call.
    resumed_at: int = 0
    #: Updates that its optimizer had made at its end, and that the optimizer of this call has made when it begins.
    iterations: int = 0
    iterations_now: int = 0
    #: Whether the trainable variables are the same ones, and have the values that it left.
    same_variables: bool = True
    same_weights: bool = False
    #: The optimizer of this call: the same object, another one with equal settings, or one with others.
    optimizer: Literal["same", "equal", "other"] = "same"
    #: Share of the rows of this call that that one had too, and share of the rows that validate now and trained then,
    #: but did not validate then; None where the rows were not compared.
    known_rows: float | None = None
    moved_rows: float | None = None


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A crash of Keras Doctor's own code, which never stops the training."""

    where: str
    error: str


@dataclass(kw_only=True)
class TrainingRecord:
    """What one call to `fit` did."""

    #: Names the run within its project; short, unique in the kernel.
    run: str = ""
    model: Model = field(default_factory=Model)
    compile: Compile = field(default_factory=Compile)
    data: Data = field(default_factory=Data)
    fit: Fit = field(default_factory=Fit)
    #: Keras's own `History.history`: key -> one value per epoch.
    history: dict[str, list[float]] = field(default_factory=dict)
    #: Key of the history -> what the logs do not say about it.
    metric_facts: dict[str, MetricFacts] = field(default_factory=dict)
    #: Name of the quantity -> what was measured; each type lives in `kerasdoctor.quantities`.
    quantities: dict[str, Any] = field(default_factory=dict)
    outcome: Outcome = field(default_factory=Outcome)
    instrument: Instrument = field(default_factory=Instrument)
    source: Source | None = None
    #: None where no watched `fit` has trained the same model object before.
    earlier: Earlier | None = None
    failures: list[Failure] = field(default_factory=list)
    version: int = VERSION

    @property
    def metrics(self) -> dict[str, Metric]:
        """Losses and metrics by their Keras name ("loss", "accuracy"), training and validation together."""
        epochs = max((len(series) for series in self.history.values()), default=0)
        names = [key for key in self.history if key in self.metric_facts]
        # Keras also validates what it does not report for training, e.g. a metric of `weighted_metrics` alone
        names += [key[4:] for key in self.history if key.startswith("val_") and key[4:] not in self.history]
        return {name: self._metric(name, epochs) for name in names}

    def _metric(self, name: str, epochs: int) -> Metric:
        facts = self.metric_facts.get(name, MetricFacts())
        train = _padded(self.history.get(name, []), epochs)
        validation = self.history.get(f"val_{name}")
        return Metric(
            name=name,
            output=facts.output,
            train=train,
            validation=np.empty(0) if validation is None else self._spread(validation, epochs),
            direction=facts.direction,
            proportion=facts.proportion,
            n_validation=self.data.n_validation,
        )

    def _spread(self, validation: list[float], epochs: int) -> NDArray[np.float64]:
        """Validation values at their own epochs: with `validation_freq` = 2 they belong to every second one."""
        frequency = self.fit.validation_freq
        if frequency == 1 or len(validation) == epochs:
            return _padded(validation, epochs)
        series = np.full(epochs, np.nan)
        slots = np.arange(frequency - 1 - self.fit.initial_epoch % frequency, epochs, frequency)
        slots = slots[: len(validation)]
        series[slots] = validation[: len(slots)]
        return series

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types only; numbers that are not finite are the strings "NaN", "Infinity", "-Infinity"."""
        data: dict[str, Any] = _converter.unstructure(self)
        return data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], quantity_types: Mapping[str, type]) -> TrainingRecord:
        """The record that `to_dict` wrote.

        Args:
            data: what `to_dict` returned, also after a round trip through JSON.
            quantity_types: name -> dataclass of each quantity (`kerasdoctor.quantities.types()`); others are dropped.

        Raises:
            ValueError: for a record of another version.
            cattrs.BaseValidationError: for data of another shape.
        """
        version = data.get("version")
        if version != VERSION:
            raise ValueError(f"a record of version {version!r}; this Keras Doctor reads version {VERSION}")
        quantities: dict[str, Any] = {
            name: _converter.structure(value, quantity_types[name])
            for name, value in data["quantities"].items()
            if name in quantity_types
        }
        record = _converter.structure({**data, "quantities": {}}, cls)
        record.quantities = quantities
        return record


def _padded(values: list[float], epochs: int) -> NDArray[np.float64]:
    return np.array([*values, *[np.nan] * (epochs - len(values))], dtype=np.float64)


def json_number(value: float) -> float | str:
    """`value` as strict JSON can hold it: NaN and infinities as strings."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return float(value)


#: Longest list and string that `plain` keeps: a vocabulary or a table of statistics is no setting.
_MOST_ITEMS, _MOST_CHARACTERS = 32, 200


def plain(value: Any) -> Any:
    """A setting in plain JSON types; what is neither a setting nor a short list of settings is left out as None.

    A serialized Keras object becomes {"class_name": ..., "config": {...}}.
    """
    if isinstance(value, np.generic):
        value = value.item()
    found: Any = None
    match value:
        case None | bool() | int():
            found = value
        case float():
            found = json_number(value)
        case str() if len(value) <= _MOST_CHARACTERS:
            found = value
        case Mapping() if "class_name" in value and "config" in value:
            found = {"class_name": plain(value["class_name"]), "config": plain(value["config"])}
        case Mapping():
            found = {str(key): plain(item) for key, item in list(value.items())[:_MOST_ITEMS]}
        case list() | tuple() if len(value) <= _MOST_ITEMS:
            found = [plain(item) for item in value]
    return found


def _to_array(data: list[Any], _kind: Any) -> array[Any]:
    return array("q", data) if all(type(value) is int for value in data) else array("d", map(float, data))


def _is_ndarray(kind: Any) -> bool:
    return kind is np.ndarray or getattr(kind, "__origin__", None) is np.ndarray


def _from_ndarray(values: NDArray[np.generic]) -> list[Any]:
    flat = [json_number(value) if isinstance(value, float) else value for value in values.reshape(-1).tolist()]
    width = values.shape[-1] if values.ndim > 1 else 0
    return [flat[row * width : (row + 1) * width] for row in range(len(values))] if width else flat


def _to_ndarray(data: list[Any], kind: Any) -> NDArray[np.generic]:
    dtype = get_args(get_args(kind)[1])[0]
    # numbers that JSON cannot hold are words, which float understands
    values: NDArray[np.generic] = np.array(data, dtype=np.float64).astype(dtype)
    return values


def _make_converter() -> Converter:
    converter = Converter()
    converter.register_unstructure_hook(float, json_number)
    converter.register_unstructure_hook(array, lambda a: [json_number(v) if a.typecode == "d" else v for v in a])
    converter.register_structure_hook(array, _to_array)
    converter.register_unstructure_hook_func(_is_ndarray, _from_ndarray)
    converter.register_structure_hook_func(_is_ndarray, _to_ndarray)
    # a quantity keeps its own type behind `Any`
    converter.register_unstructure_hook_func(
        lambda kind: kind is Any,
        lambda value: (
            converter.unstructure(value, unstructure_as=type(value))
            if dataclasses.is_dataclass(value) or isinstance(value, float | array)
            else value
        ),
    )
    return converter


_converter = _make_converter()
