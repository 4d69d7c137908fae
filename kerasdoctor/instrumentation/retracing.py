"""What Keras's own step was traced for, and whether a trace of ours is the same.

Keras compiles a step once and goes on with it: for batches whose signature is narrower, and also when Python values
that its tracing read have changed since. A watched fit must do the same, to train as Keras would.
"""

from __future__ import annotations

import functools
import weakref
from collections import Counter
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from kerasdoctor.instrumentation import side_effects

#: Operations that a trace may have more or fewer of without computing anything else.
_NEUTRAL = frozenset({"Identity", "NoOp", "Placeholder"})


def traces_of(function: Any) -> list[Any]:
    """The concrete functions of a batch with which Keras's train or test function goes on."""
    try:
        names, cells = function.__code__.co_freevars, function.__closure__
        step = cells[names.index("one_step_on_data")].cell_contents.__wrapped__
        traces = step._list_all_concrete_functions()
    except (AttributeError, TypeError, ValueError):  # of another version, or eager
        return []
    return [trace for trace in traces if not _initializes(trace)]


#: Concrete function -> what `_initializes` said of it: a graph has thousands of operations, and is asked every epoch.
_INITIALIZES: weakref.WeakKeyDictionary[Any, bool] = weakref.WeakKeyDictionary()


def _initializes(trace: Any) -> bool:
    """Whether it is the first trace of a step, which makes the optimizer's variables and is called once."""
    if trace not in _INITIALIZES:
        _INITIALIZES[trace] = any(one.type == "VarIsInitializedOp" for one in trace.graph.get_operations())
    return _INITIALIZES[trace]


def spec_of(trace: Any) -> Any:
    """The signature of the batches that a concrete function takes."""
    return tf.nest.map_structure(
        lambda part: tf.TensorSpec(part.shape, part.dtype) if isinstance(part, tf.TensorSpec) else part,
        trace.structured_input_signature[0][0],
    )


def signature(spec: Any, known: Sequence[Any]) -> Any:
    """What a `tf.function` with `reduce_retracing=True` is traced for, or was, when it is called with `spec`.

    Args:
        spec: signature of the batches that come.
        known: those that it was traced for, in their order.
    """
    known = [one for one in known if _form(one) == _form(spec)]
    if any(tf.nest.flatten(one) == tf.nest.flatten(spec) for one in known):
        return spec
    wide = [one for one in known if _is_within(spec, one)]
    if wide:
        return next((one for one in wide if all(_is_within(one, other) for other in wide)), wide[0])
    for one in known:
        common = [
            mine.most_specific_common_supertype([other])
            for mine, other in zip(tf.nest.flatten(spec), tf.nest.flatten(one), strict=True)
        ]
        if None not in common:
            spec = tf.nest.pack_sequence_as(spec, common)
    return spec


def computes_the_same(ours: Any, added: set[str], theirs: Any) -> bool:
    """Whether two traces of a step hold the same operations on the same constants, and none with a state of its own.

    An operation that draws random numbers goes on with them in its own trace alone.

    Args:
        ours: the graph of the one.
        added: names of its operations that are not the step's.
        theirs: the graph of the other.
    """
    other = theirs.as_graph_def()
    return not side_effects.draws(other) and _contents(ours.as_graph_def(), added) == _contents(other, set())


def _form(spec: Any) -> str:
    return repr(keras.tree.map_structure(lambda part: type(part).__name__, spec))


def _is_within(spec: Any, other: Any) -> bool:
    pairs = zip(tf.nest.flatten(spec), tf.nest.flatten(other), strict=True)
    return all(one.is_subtype_of(another) for one, another in pairs)


def _contents(graph: Any, without: set[str]) -> Counter[tuple[Any, ...]]:
    """How often each operation with its constants and the functions that it calls occurs; names do not count."""
    library = {function.signature.name: function for function in graph.library.function}

    def told(node: Any) -> tuple[Any, ...]:
        constant = node.attr["value"].tensor.SerializeToString(deterministic=True) if node.op == "Const" else b""
        called = [value.func.name for value in node.attr.values() if value.HasField("func")]
        return node.op, constant, *sorted(body(name) for name in called)

    @functools.cache
    def body(name: str) -> int:
        nodes = library[name].node_def if name in library else ()
        return hash(frozenset(Counter(told(node) for node in nodes).items()))

    return Counter(told(node) for node in graph.node if node.name not in without and node.op not in _NEUTRAL)
