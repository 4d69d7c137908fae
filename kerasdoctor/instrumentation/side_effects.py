"""What running a traced step once more would leave behind: which variables, and what nobody can put back."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from kerasdoctor.locale import _

#: Operations with a state of their own that read, check, call or look up, and leave nothing; the mode of a function is
#: that of its body.
_HARMLESS = frozenset(
    {
        *("ReadVariableOp", "ResourceGather", "ResourceGatherNd", "VariableShape", "VarIsInitializedOp"),
        *("Assert", "CheckNumerics", "CheckNumericsV2"),
        *("StatefulPartitionedCall", "If", "While", "Case"),
        *("LookupTableFindV2", "LookupTableSizeV2"),
        # it depends on the device
        "StatelessRandomGetAlg",
    }
)
#: They change a variable alone, which is put back afterwards: the first three families with what they are given, the
#: others by drawing random numbers with it.
_CHANGES = ("Assign", "ResourceScatter", "ResourceStridedSliceAssign", "ResourceApply", "ResourceSparseApply", "Rng")
_DRAWS = frozenset(
    {
        *("StatefulRandomBinomial", "StatefulStandardNormal", "StatefulStandardNormalV2", "StatefulTruncatedNormal"),
        *("StatefulUniform", "StatefulUniformFullInt", "StatefulUniformInt"),
    }
)
#: Their random state is their own in a graph; run one by one they take their seeds from outside, which are put back.
_RANDOM = frozenset(
    {
        *("RandomUniform", "RandomUniformInt", "RandomStandardNormal", "ParameterizedTruncatedNormal"),
        *("TruncatedNormal", "RandomShuffle", "Multinomial", "RandomGamma", "RandomPoisson", "RandomPoissonV2"),
    }
)
#: Stateless by declaration only.
_PYTHON = frozenset({"PyFunc", "PyFuncStateless", "EagerPyFunc"})

#: Traced step -> what was found of it, by whether it is to run eagerly.
_known: weakref.WeakKeyDictionary[Any, dict[bool, str]] = weakref.WeakKeyDictionary()


def lasting(traced: Any, *, eagerly: bool = False) -> str:
    """Why running a traced step once more would leave something that cannot be put back; empty where it would not.

    Only what is known to be harmless is.

    Args:
        traced: a concrete function.
        eagerly: whether its operations are to be run one by one.
    """
    known = _known.setdefault(traced, {})
    if eagerly not in known:
        known[eagerly] = _lasting(traced.graph.as_graph_def(), eagerly=eagerly)
    return known[eagerly]


def _lasting(graph: Any, *, eagerly: bool) -> str:
    from tensorflow.python.framework import op_def_registry

    functions = {function.signature.name: function for function in graph.library.function}
    for node, inline in _nodes(graph, functions):
        if node.op in functions or (eagerly and inline and node.op in _RANDOM):
            continue
        definition = op_def_registry.get(node.op)
        if node.op in _PYTHON:
            return _("{operation} calls Python, which may do anything").format(operation=node.op)
        if definition is None or (definition.is_stateful and not _is_harmless(node)):
            return _("{operation} keeps a state of its own, or writes somewhere").format(operation=node.op)
    return ""


def draws(graph: Any) -> bool:
    """Whether an operation of a graph, or of its functions, draws random numbers from a state of its own."""
    functions = {function.signature.name: function for function in graph.library.function}
    return any(node.op in _RANDOM for node, _inline in _nodes(graph, functions))


def _nodes(graph: Any, functions: dict[str, Any]) -> Iterator[tuple[Any, bool]]:
    """Every operation, also within functions, and whether it is no part of a function that is called as a whole."""
    seen: set[tuple[str, bool]] = set()
    waiting: list[tuple[Any, bool]] = [(graph.node, True)]
    while waiting:
        nodes, inline = waiting.pop()
        for node in nodes:
            yield node, inline
            within = inline and node.op in {"If", "While", "Case", "StatelessIf", "StatelessWhile", "StatelessCase"}
            named = [name for value in node.attr.values() for name in (value.func.name, *_names(value.list.func))]
            for name in {*named, node.op} & functions.keys():
                if (name, within) not in seen:
                    seen.add((name, within))
                    waiting.append((functions[name].node_def, within))


def _names(functions: Any) -> list[str]:
    return [function.name for function in functions]


def _is_harmless(node: Any) -> bool:
    if node.op.startswith("CudnnRNN"):
        # random numbers are drawn for its dropout alone, which Keras does itself
        return not node.attr["dropout"].f
    return node.op in _HARMLESS or node.op in _DRAWS or node.op.startswith(_CHANGES)


@dataclass(frozen=True)
class Captured:
    """A variable that a traced step uses, by its handle: also one that no model knows of."""

    handle: Any
    dtype: Any

    def read_value(self) -> tf.Tensor:
        """Its value."""
        return tf.raw_ops.ReadVariableOp(resource=self.handle, dtype=self.dtype)

    def assign(self, value: tf.Tensor) -> None:
        """Give it a value."""
        tf.raw_ops.AssignVariableOp(resource=self.handle, value=value)


def captured(step: Any) -> list[Captured]:
    """The variables that a step uses, where it is traced."""
    found = []
    for handle, _within in getattr(getattr(step, "graph", None), "captures", ()):
        held = getattr(handle, "_handle_data", None) if handle.dtype == tf.resource else None
        # a table has no value to read
        if held is not None and held.is_set and held.shape_and_type:
            found.append(Captured(handle, tf.dtypes.as_dtype(held.shape_and_type[0].dtype)))
    return found


def handles(variables: Any) -> set[int]:
    """Identities of the handles of Keras or TensorFlow variables, as `captured` gives them."""
    natives = (getattr(variable, "_value", variable) for variable in variables)
    return {id(getattr(native, "handle", None)) for native in natives}
