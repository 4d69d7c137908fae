"""The steps of a `tf.data` pipeline, read from the objects that make it up; nothing is drawn from it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from kerasdoctor.record import PipelineStep, plain

#: Attribute of TensorFlow's dataset objects -> setting; private names, so what is missing is left out.
_SETTINGS = {
    "_buffer_size": "buffer_size",
    "_reshuffle_each_iteration": "reshuffle_each_iteration",
    "_batch_size": "batch_size",
    "_drop_remainder": "drop_remainder",
    "_count": "count",
}
#: Class name in snake case -> method that makes it, where they differ.
_NAMES = {
    "parallel_map": "map",
    "parallel_batch": "batch",
    "tensor_slice": "from_tensor_slices",
    "tensor": "from_tensors",
    "flat_map": "flat_map",
    "memory_cache": "cache",
}
#: TensorFlow's operations that draw random numbers; a "StatelessRandomGetKeyCounter" only prepares one that does.
_RANDOM = re.compile(
    r"(?!.*KeyCounter)(Stateless|Stateful|Sample|Parameterized)?"
    r"(Random|TruncatedNormal|StandardNormal|Uniform|Multinomial|Distorted)"
)


def steps(dataset: Any) -> tuple[PipelineStep, ...]:
    """The steps of a dataset, from its source on; of several sources the first is followed."""
    return tuple(reversed([_step(part) for part in _chain(dataset)]))


def _chain(dataset: Any) -> Iterator[Any]:
    seen: set[int] = set()
    while dataset is not None and id(dataset) not in seen:
        seen.add(id(dataset))
        # a method may return an adapter or options around what it made
        if "Options" not in type(dataset).__name__ and "Adapter" not in type(dataset).__name__:
            yield dataset
        inputs = dataset._inputs() if hasattr(dataset, "_inputs") else []
        dataset = getattr(dataset, "_input_dataset", None) or next(iter(inputs), None)


def _step(part: Any) -> PipelineStep:
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(part).__name__.strip("_").removesuffix("V2")).lower()
    name = name.removesuffix("_dataset")
    settings = {}
    for attribute, setting in _SETTINGS.items():
        value: Any = getattr(part, attribute, None)
        value = value.numpy() if hasattr(value, "numpy") else value
        if plain(value) is not None:
            settings[setting] = plain(value)
    graph = getattr(getattr(getattr(part, "_map_func", None), "function", None), "graph", None)
    drawn = sorted(set(_random(graph)))
    if drawn:
        settings["random"] = drawn
    return PipelineStep(kind=_NAMES.get(name, name), settings=settings, elements=_elements(part))


def _random(graph: Any) -> Iterator[str]:
    """Types of the operations of a traced function that draw random numbers, in the functions that it calls too."""
    if graph is None:
        return
    for operation in graph.get_operations():
        if _RANDOM.match(operation.type):
            yield operation.type
    for function in getattr(graph, "_functions", {}).values():
        yield from _random(getattr(function, "graph", None))


def _elements(part: Any) -> int | None:
    cardinality = int(part.cardinality().numpy())
    # tf.data.INFINITE_CARDINALITY is -1, tf.data.UNKNOWN_CARDINALITY -2
    return None if cardinality == -2 else cardinality
