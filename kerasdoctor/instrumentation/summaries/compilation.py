"""The arguments of `compile` as plain data, and as source that a cell can write."""

from __future__ import annotations

import inspect
import re
import types
import warnings
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from kerasdoctor.record import Compile, CompiledMetric, Loss, MetricFacts, plain
from kerasdoctor.remedies.call import number

#: Where Keras keeps the public names of what `compile` takes.
_PUBLIC = ("optimizers", "losses", "metrics", "optimizers.schedules", "regularizers", "initializers", "constraints")
#: Arguments of `compile` that the compiled model repeats by itself.
_DEFAULTS: Mapping[str, Any] = {
    "loss_weights": None,
    "weighted_metrics": None,
    "run_eagerly": False,
    "steps_per_execution": 1,
    # what "auto" comes to
    "jit_compile": keras.backend.backend() == "jax",
    "metrics": None,
    "loss": None,
}
#: Metrics that count samples as right or wrong, so that their sampling error is binomial.
_PROPORTIONS = (
    keras.metrics.Accuracy,
    keras.metrics.BinaryAccuracy,
    keras.metrics.CategoricalAccuracy,
    keras.metrics.SparseCategoricalAccuracy,
    keras.metrics.TopKCategoricalAccuracy,
    keras.metrics.SparseTopKCategoricalAccuracy,
)


class Unwritable(Exception):
    """An object that no source can name."""


def summarize(model: keras.Model, names: Mapping[str, Any]) -> Compile:
    """What `compile` was given.

    Args:
        model: a compiled model.
        names: the user's top-level names, by which their own losses and metrics are found.
    """
    given: Mapping[str, Any] = getattr(getattr(model, "_compile_config", None), "config", None) or {}
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    sources: dict[str, str] = {}
    unwritable = []
    for argument, value in {**given, "optimizer": optimizer}.items():
        if argument in _DEFAULTS and _same(value, _DEFAULTS[argument]):
            continue
        try:
            sources[argument] = source_of(value, names)
        except Unwritable:
            unwritable.append(argument)
    return Compile(
        optimizer=type(optimizer).__name__,
        learning_rate=_fixed_rate(optimizer),
        optimizer_config=_config(optimizer),
        losses=tuple(_losses(model.loss)),
        dtype_policy=model.dtype_policy.name,
        source=sources,
        unwritable=tuple(unwritable),
        custom=any(_is_custom(part) for part in keras.tree.flatten(list(given.values()))),
    )


def settings(optimizer: Any) -> dict[str, Any]:
    """Class and `get_config` of an optimizer in plain JSON types, without its name, which counts objects."""
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    return {"class_name": type(inner).__name__, "config": _config(inner)}


def _config(part: Any) -> dict[str, Any]:
    try:
        with warnings.catch_warnings():
            # a lambda that is written down is a matter of saving
            warnings.simplefilter("ignore")
            config = part.get_config()
    except Exception:  # an object of the user's own that cannot be written down
        return {}
    return {name: plain(value) for name, value in config.items() if name != "name"}


def compiled_metrics(model: keras.Model) -> tuple[CompiledMetric, ...]:
    """The metrics of a compiled model that has run a step; the trackers of its losses are none."""
    found = []
    for part, output in _compiled(model):
        function = getattr(part, "_fn", None)
        kind = type(part).__name__
        named = getattr(function, "__name__", "") if kind == "MeanMetricWrapper" else ""
        origin = getattr(function if named else type(part), "__module__", "")
        found.append(
            CompiledMetric(
                name=part.name,
                kind=named or kind,
                output=output,
                builtin=origin.startswith("keras."),
                config=_config(part),
            )
        )
    return tuple(found)


def of_optimizer(optimizer: keras.optimizers.Optimizer) -> Compile:
    """What an optimizer without `compile` tells."""
    return Compile(optimizer=type(optimizer).__name__, learning_rate=_fixed_rate(optimizer))


def _is_custom(part: object) -> bool:
    module = getattr(part, "__module__", "") if callable(part) else type(part).__module__
    return not module.startswith("keras.") and module != "builtins"


def metric_facts(model: keras.Model) -> dict[str, MetricFacts]:
    """Key of the logs -> facts, for the losses and metrics of a compiled model that has run a step."""
    outputs = list(getattr(model, "output_names", None) or [])
    several = len(outputs) > 1
    facts = {"loss": MetricFacts(direction="down")}
    for name in outputs if several else ():
        facts[f"{name}_loss"] = MetricFacts(output=name, direction="down")
    rank = {str(name): len(output.shape) for name, output in zip(outputs, getattr(model, "outputs", []), strict=False)}
    units = {str(name): output.shape[-1] for name, output in zip(outputs, getattr(model, "outputs", []), strict=False)}
    for metric, output in [*_compiled(model), *((metric, None) for metric in model.metrics)]:
        key = metric.name if output is None else f"{output}_{metric.name}"
        name = output or (outputs[0] if outputs and not several else "")
        # accuracy over the steps of a sequence or over many labels counts more than one answer per row
        one_answer = rank.get(name, 2) == 2 and not (
            isinstance(metric, keras.metrics.BinaryAccuracy) and units.get(name, 1) != 1
        )
        found = MetricFacts(
            output=output,
            direction=_direction(metric),
            proportion=isinstance(metric, _PROPORTIONS) and one_answer,
        )
        # the trackers of the losses are metrics too, and known already
        facts.setdefault(key, found)
    return facts


def names_of_logs(model: keras.Model) -> tuple[str, ...]:
    """Keys that an epoch of a model that has run no step will log; empty where that is not certain.

    Of one output, metrics in a plain list, and Keras's own train step.
    """
    owner = next(base for base in type(model).__mro__ if "train_step" in base.__dict__)
    compiled = model._compile_metrics
    own = [metric for layer in model._flatten_layers() for metric in layer.__dict__.get("_metrics") or ()]
    if not owner.__module__.startswith("keras.") or len(getattr(model, "outputs", None) or ()) != 1 or own:
        return ()
    given = [] if compiled is None else [compiled._user_metrics or [], compiled._user_weighted_metrics or []]
    if any(not isinstance(part, list | tuple) for part in given):
        return ()
    metrics = [metric for part in given for metric in part]
    if any(isinstance(metric, list | tuple | dict) for metric in metrics):
        return ()
    known = ["loss", *(_logged_name(metric) for metric in metrics)]
    return tuple(known) if all(known) and len(set(known)) == len(known) else ()


def _logged_name(metric: Any) -> str:
    """By which Keras logs a metric of `compile`; empty where that cannot be told."""
    name = metric if isinstance(metric, str) else getattr(metric, "name", None) or getattr(metric, "__name__", "")
    return name if isinstance(name, str) else ""


def _compiled(model: keras.Model) -> list[tuple[keras.metrics.Metric, str | None]]:
    """Every metric that `compile` was given, with the output that it measures; None where there is only one."""
    lists = [
        part
        for metric in model.metrics
        for kind in ("_flat_metrics", "_flat_weighted_metrics")
        for part in getattr(metric, kind, None) or []
    ]
    return [
        (metric, getattr(part, "output_name", None))
        for part in lists
        for metric in getattr(part, "metrics", None) or []
    ]


def _direction(metric: keras.metrics.Metric) -> Any:
    direction = getattr(metric, "_direction", None)
    if direction in {"up", "down"}:
        return direction
    # a metric made of a loss function ("mse") measures an error
    function = getattr(metric, "_fn", None)
    is_error = function is not None and getattr(keras.losses, getattr(function, "__name__", ""), None) is function
    return "down" if is_error or isinstance(metric, keras.metrics.RootMeanSquaredError) else "unknown"


def _fixed_rate(optimizer: keras.optimizers.Optimizer) -> float | None:
    rate = getattr(optimizer, "_learning_rate", None)
    if isinstance(rate, keras.optimizers.schedules.LearningRateSchedule) or not isinstance(rate, keras.Variable):
        return None
    return _short(float(keras.ops.convert_to_numpy(rate.value)))


def _losses(loss: Any, output: str | None = None) -> list[Loss]:
    if isinstance(loss, Mapping):
        return [found for name, value in loss.items() for found in _losses(value, str(name))]
    if isinstance(loss, list | tuple):
        return [found for value in loss for found in _losses(value, output)]
    if loss is None:
        return []
    try:
        # resolves Keras's many names for one loss ("mse", "MSE", "mean_squared_error")
        known = keras.losses.get(loss) if isinstance(loss, str) else loss
    except ValueError:
        known = loss
    name = getattr(known, "__name__", type(known).__name__)
    module = getattr(known, "__module__", "") or ""
    config = known.get_config() if isinstance(known, keras.losses.Loss) and module.startswith("keras.") else {}
    return [
        Loss(
            name=re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower(),
            output=output,
            builtin=module.startswith("keras."),
            from_logits=bool(config.get("from_logits", False)),
            by_name=isinstance(loss, str),
            subclass=isinstance(known, keras.losses.Loss) and not module.startswith("keras."),
            config={key: plain(value) for key, value in config.items() if key != "name"},
        )
    ]


def source_of(value: Any, names: Mapping[str, Any]) -> str:
    """Python source of an argument, with `keras` for the module and the user's own names for their objects.

    Raises:
        Unwritable: for an object that has no such source.
    """
    if isinstance(value, np.generic):
        value = value.item()
    match value:
        case None | bool() | int():
            return repr(value)
        case float():
            return number(_short(value))
        case str():
            return _string(value)
        case dict() | list() | tuple():
            return _container(value, names)
        case _:
            return _object(value, names)


def _object(value: Any, names: Mapping[str, Any]) -> str:
    own = next((name for name, known in names.items() if known is value and not name.startswith("_")), None)
    # an optimizer belongs to the variables that it has trained
    if own and not isinstance(value, keras.optimizers.Optimizer):
        return own
    if isinstance(value, types.FunctionType):
        function: str = value.__name__
        for part in ("losses", "metrics", "activations"):
            if getattr(getattr(keras, part), function, None) is value:
                return f"keras.{part}.{function}"
    if hasattr(value, "get_config") and (path := _public(type(value))):
        return _constructor(path, type(value), value, names)
    raise Unwritable(type(value).__name__)


def _container(value: dict[Any, Any] | list[Any] | tuple[Any, ...], names: Mapping[str, Any]) -> str:
    if isinstance(value, dict):
        return (
            "{" + ", ".join(f"{source_of(key, names)}: {source_of(item, names)}" for key, item in value.items()) + "}"
        )
    items = ", ".join(source_of(item, names) for item in value)
    if isinstance(value, list):
        return f"[{items}]"
    return f"({items},)" if len(value) == 1 else f"({items})"


def _constructor(path: str, kind: type, value: Any, names: Mapping[str, Any]) -> str:
    try:
        config = value.get_config()
    except Exception as error:  # an object of the user's own that cannot be written down, at any depth
        raise Unwritable(type(value).__name__) from error
    arguments = []
    for name, parameter in inspect.signature(kind).parameters.items():
        if name not in config or name in {"self", "dtype"}:
            continue
        given = config[name]
        schedule = getattr(value, "_learning_rate", None)
        if name == "learning_rate" and isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule):
            given = schedule
        elif _implied(name, given, parameter.default, kind):
            continue
        if isinstance(given, dict) and "class_name" in given:
            given = keras.saving.deserialize_keras_object(given)
        arguments.append(f"{name}={source_of(given, names)}")
    return f"{path}({', '.join(arguments)})"


def _implied(name: str, given: object, default: object, kind: type) -> bool:
    """Whether the argument need not be written."""
    if name == "name":
        return given == default or _automatic(given, kind)
    # the learning rate is what one wants to see and to change
    return name != "learning_rate" and _same(given, default)


def _public(kind: type) -> str | None:
    for part in _PUBLIC:
        module: Any = keras
        for name in part.split("."):
            module = getattr(module, name)
        if getattr(module, kind.__name__, None) is kind:
            return f"keras.{part}.{kind.__name__}"
    return None


def _automatic(name: object, kind: type) -> bool:
    """Whether Keras made the name itself ("auc", "auc_1")."""
    plain = re.sub(r"_\d+$", "", str(name))
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", kind.__name__).lower()
    return plain.replace("_", "") == words.replace("_", "")


def _same(value: object, default: object) -> bool:
    if isinstance(value, float) and isinstance(default, int | float):
        return _short(value) == _short(float(default))
    return type(value) is type(default) and value == default


def _short(value: float) -> float:
    """A float32 as a person wrote it: 0.001, not 0.0010000000474974513."""
    return float(str(np.float32(value))) if np.isfinite(value) else value


def _string(text: str) -> str:
    literal = repr(text)
    return f'"{text}"' if literal == f"'{text}'" and '"' not in text else literal
