"""How the user's cells build the watched model: which line constructs which of its layers."""

from __future__ import annotations

import ast
import functools
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from kerasdoctor.record import Cell, Layer, Model, Source
from kerasdoctor.remedies.call import FitCall
from kerasdoctor.remedies.cell_text import CellText

#: Parameters that are commonly given by position, in their order (keras.layers, Keras 3).
POSITIONAL: Mapping[str, tuple[str, ...]] = {
    "Dense": ("units", "activation", "use_bias", "kernel_initializer", "bias_initializer", "kernel_regularizer"),
    "Conv1D": ("filters", "kernel_size", "strides", "padding"),
    "Conv2D": ("filters", "kernel_size", "strides", "padding"),
    "Conv3D": ("filters", "kernel_size", "strides", "padding"),
    "SeparableConv1D": ("filters", "kernel_size", "strides", "padding"),
    "SeparableConv2D": ("filters", "kernel_size", "strides", "padding"),
    "DepthwiseConv2D": ("kernel_size", "strides", "padding"),
    "LSTM": ("units", "activation"),
    "GRU": ("units", "activation"),
    "SimpleRNN": ("units", "activation"),
    "Embedding": ("input_dim", "output_dim"),
    "Dropout": ("rate", "noise_shape", "seed"),
    "SpatialDropout1D": ("rate",),
    "SpatialDropout2D": ("rate",),
    "GaussianDropout": ("rate",),
    "AlphaDropout": ("rate",),
    "GaussianNoise": ("stddev",),
    "Activation": ("activation",),
    "BatchNormalization": ("axis", "momentum", "epsilon"),
    "LayerNormalization": ("axis", "epsilon"),
    "TimeDistributed": ("layer",),
    "Bidirectional": ("layer", "merge_mode"),
    "Rescaling": ("scale", "offset"),
    "RandomRotation": ("factor",),
    "RandomZoom": ("height_factor", "width_factor"),
    "RandomTranslation": ("height_factor", "width_factor"),
    "RandomFlip": ("mode",),
    "RandomContrast": ("factor",),
    "RandomBrightness": ("factor", "value_range"),
}
#: Functions of keras.layers that call a layer of the same name.
_MERGES = {"add", "average", "concatenate", "dot", "maximum", "minimum", "multiply", "subtract"}
_BLOCKS = (ast.For, ast.While, ast.If, ast.Try, ast.With)


class Unclear(Exception):
    """The cells do not tell for certain how the model is built."""


@dataclass(frozen=True)
class Statement:
    """A statement in its cell."""

    cell: CellText
    node: ast.stmt


@dataclass(frozen=True, eq=False)
class Element:
    """What makes one layer of the model."""

    kind: str
    at: Statement
    #: None for what is no constructor: a function that calls a layer, a model in the model.
    constructor: ast.Call | None
    #: Cell in which the constructor stands.
    written: CellText
    #: The list that it stands in, and where; else it is given to `add`, or called.
    within: ast.Call | ast.List | None = None
    index: int = 0
    #: The variable that `add` is called on.
    model: str = ""
    #: The attribute that holds it in a subclassed model, "self.dense".
    attribute: str = ""
    #: In a functional or subclassed model: the calls of the layer, with their statements.
    calls: list[tuple[Statement, ast.Call]] = field(default_factory=list)


@dataclass(frozen=True)
class Building:
    """How the model is built and compiled."""

    #: Name of the layer -> what makes it; the input of a Sequential is left out.
    elements: Mapping[str, Element]
    #: Its last call of `compile` before `fit`; None where that is not a statement of its own.
    compile: tuple[Statement, ast.Call] | None
    #: The statements in front of it, in its scope.
    before_compile: tuple[Statement, ...]
    #: Where a layer or function is given a variable: statement, name, and the statement that has bound it.
    reads: tuple[tuple[Statement, ast.Name, Statement], ...]
    #: All elements, a Sequential's input too, in the order of the source.
    order: tuple[Element, ...]


class Program:
    """The cells that have run, up to the call of `fit`.

    Raises:
        Unclear: where the call of `fit` is not found in them, or more than once.
    """

    def __init__(self, source: Source) -> None:
        """Reads the cells.

        Args:
            source: the call with the cells that have run before it.
        """
        self.cells: dict[CellText, Cell] = {}
        for cell in source.cells:
            try:
                self.cells[_read(cell.number, cell.text)] = cell
            except SyntaxError:
                continue
        self.source = source
        #: Names that the function of the call is given.
        self.parameters: set[str] = set()
        self.fit = self._find_fit()
        self._top = [Statement(cell, node) for cell in self.cells for node in cell.tree.body]
        self.imports = dict(_imports(self._top))

    def _find_fit(self) -> tuple[CellText, ast.Call, tuple[Statement, ...]]:
        """Cell and node of the call, and the statements of its function; () at the top level."""
        wanted = ast.dump(ast.parse(self.source.call.strip(), mode="eval").body)
        for cell in reversed(self.cells):
            function = self.source.function
            if not function and self.cells[cell] is not self.source.cells[-1]:
                break
            holders = [
                node
                for node in ast.walk(cell.tree)
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == function
            ]
            inside = [
                (node, holder)
                for holder in (holders if function else [cell.tree])
                for node in ast.walk(holder)
                if isinstance(node, ast.Call) and ast.dump(node) == wanted
            ]
            if len(inside) > 1:
                raise Unclear("the call stands there more than once")
            if inside:
                node, holder = inside[0]
                if isinstance(holder, ast.FunctionDef | ast.AsyncFunctionDef):
                    self.parameters = {part.arg for part in ast.walk(holder.args) if isinstance(part, ast.arg)}
                body = () if not function else tuple(Statement(cell, part) for part in holder.body)
                return cell, node, body
        raise Unclear("the call is in no cell")

    def scopes(self) -> tuple[tuple[Statement, ...], ...]:
        """The statements before the call: of its function, and of the top level."""
        _cell, node, body = self.fit
        if body:
            return tuple(_until(body, node)), tuple(_flat(self._top))
        return (tuple(_until(self._top, node)),)

    def dotted(self, node: ast.expr) -> str:
        """What a dotted name stands for, by the imports; with "keras" for TensorFlow's too."""
        if isinstance(node, ast.Attribute):
            return canonical(f"{self.dotted(node.value)}.{node.attr}")
        if isinstance(node, ast.Name):
            return canonical(self.imports.get(node.id, node.id))
        return "?"

    def defined(self, name: str) -> Statement | None:
        """The last definition of a function or class of that name at the top level."""
        found = None
        for statement in self._top:
            node = statement.node
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name:
                found = statement
            elif name in _stored(node):
                found = None
        return found


@functools.lru_cache(maxsize=256)
def _read(_number: int, text: str) -> CellText:
    # a report is made after every epoch
    return CellText(text)


def canonical(dotted: str) -> str:
    """The module of Keras under its own name."""
    return dotted.removeprefix("tensorflow.") if dotted.startswith("tensorflow.keras") else dotted


def building(program: Program, model: Model) -> Building:
    """Which lines make the layers of the watched model.

    Raises:
        Unclear: where a layer of the record cannot be told for certain.
    """
    # as its own function calls it, which may be another name than that of the top level
    name = FitCall(program.source.call).model
    if not name.isidentifier():
        raise Unclear("the model is no variable")
    return _Reader(program, model).read(name)


class _Reader:
    def __init__(self, program: Program, model: Model) -> None:
        self._program = program
        self._model = model
        self._elements: dict[ast.AST, Element] = {}
        #: Variables that hold the model, with their scope and the place of their binding, the innermost last.
        self._names: list[tuple[str, tuple[Statement, ...], int]] = []
        self._reads: list[tuple[Statement, ast.Name, Statement]] = []
        self._scopes: tuple[tuple[Statement, ...], ...] = ()
        #: Names that the innermost scope has from outside: parameters of its function.
        self._given = set(program.parameters)
        #: Whether a class of the user's calls its layers in another order than it makes them, or not by itself.
        self._unordered = False

    def read(self, name: str) -> Building:
        self._scopes = self._program.scopes()
        statement, value = self._bound(name)
        if self._follow(statement, value) != self._model.kind:
            raise Unclear("another model than the cells show")
        elements = self._in_order()
        named = {} if self._unordered else _named(elements, self._model)
        compiled, before = self._compile()
        return Building(named, compiled, before, tuple(self._reads), tuple(elements))

    # names ---------------------------------------------------------------------------------------------------------

    def _bound(self, name: str) -> tuple[Statement, ast.expr]:
        """The assignment that gives the model its name; the scopes end at it afterwards."""
        for depth, scope in enumerate(self._scopes):
            position, value = binding(scope, name)
            if position >= 0:
                self._names.append((name, scope, position))
                self._scopes = (scope[: position + 1], *self._scopes[depth + 1 :])
                return scope[position], value
            if name in self._given:
                raise Unclear("the model comes from outside")
            self._given = set()
        raise Unclear("the model is not assigned in a cell")

    def _follow(self, statement: Statement, value: ast.expr) -> str:
        if isinstance(value, ast.Name):
            return self._follow(*self._bound(value.id))
        if not isinstance(value, ast.Call):
            raise Unclear("the model is not built by a call")
        if isinstance(value.func, ast.Name) and (definition := self._program.defined(value.func.id)):
            if isinstance(definition.node, ast.FunctionDef):
                return self._follow_function(definition.cell, definition.node)
            if isinstance(definition.node, ast.ClassDef):
                return self._subclass(definition.cell, definition.node)
        match self._program.dotted(value.func).removeprefix("keras.models.").removeprefix("keras."):
            case "Sequential":
                self._sequential(statement, value)
                return "Sequential"
            case "Model" | "Functional":
                return self._functional(statement, value)
        raise Unclear("the model is built by other code")

    def _follow_function(self, cell: CellText, function: ast.FunctionDef) -> str:
        returns = [node for node in _walk(function.body) if isinstance(node, ast.Return)]
        if len(returns) != 1 or returns[0] not in function.body or returns[0].value is None or function.decorator_list:
            raise Unclear("the function may return several models")
        body = [Statement(cell, node) for node in function.body]
        self._given = {argument.arg for argument in ast.walk(function.args) if isinstance(argument, ast.arg)}
        scope = tuple(_until(body, returns[0]))
        self._scopes = (scope, *self._scopes[-1:])
        value = returns[0].value
        if isinstance(value, ast.Name):
            return self._follow(*self._bound(value.id))
        return self._follow(Statement(cell, returns[0]), value)

    # subclassed ----------------------------------------------------------------------------------------------------

    def _subclass(self, cell: CellText, definition: ast.ClassDef) -> str:
        methods = {node.name: node for node in definition.body if isinstance(node, ast.FunctionDef)}
        if not any(self._program.dotted(base).endswith("Model") for base in definition.bases):
            raise Unclear("no model of Keras's")
        if not {"__init__", "call"} <= set(methods):
            raise Unclear("a class without its own call")
        init, call = methods["__init__"], methods["call"]
        for statement in _flat(Statement(cell, node) for node in init.body):
            self._attribute(statement, _first_argument(init))
        order = self._called([Statement(cell, node) for node in call.body], _first_argument(call))
        self._unordered = order != list(self._elements.values())
        return "subclassed"

    def _attribute(self, statement: Statement, itself: str) -> None:
        node = statement.node
        target = node.targets[0] if isinstance(node, ast.Assign) and len(node.targets) == 1 else None
        value = node.value if isinstance(node, ast.Assign) else None
        if not (isinstance(value, ast.Call) and isinstance(target, ast.Attribute) and _is_attribute(target, itself)):
            return
        dotted = self._program.dotted(value.func)
        if dotted.startswith("keras.layers.") or not dotted.startswith("keras."):
            kind, attribute = self._kind(value), f"{itself}.{target.attr}"
            self._elements[value] = Element(kind, statement, value, statement.cell, attribute=attribute)

    def _called(self, body: list[Statement], itself: str) -> list[Element]:
        """The layers that the statements of `call` call, in the order of their first calls."""
        by_name = {element.attribute.rpartition(".")[2]: element for element in self._elements.values()}
        found: list[tuple[int, Element]] = []
        for statement in _flat(body):
            for node in ast.walk(statement.node):
                function = node.func if isinstance(node, ast.Call) else None
                if (
                    isinstance(node, ast.Call)
                    and isinstance(function, ast.Attribute)
                    and _is_attribute(function, itself)
                    and function.attr in by_name
                ):
                    element = by_name[function.attr]
                    element.calls.append((statement, node))
                    # an inner call ends first, and is made first
                    found.append((statement.cell.end(node), element))
        return list(dict.fromkeys(element for _end, element in sorted(found, key=lambda pair: pair[0])))

    # Sequential ----------------------------------------------------------------------------------------------------

    def _sequential(self, statement: Statement, value: ast.Call) -> None:
        arguments = [*value.args, *(word.value for word in value.keywords if word.arg == "layers")]
        if any(word.arg is None for word in value.keywords) or len(arguments) > 1:
            raise Unclear("arguments through a variable")
        if arguments:
            at, listed = statement, arguments[0]
            if isinstance(listed, ast.Name):
                at, listed = self._list(listed.id)
            if not isinstance(listed, ast.List):
                raise Unclear("the layers are no list")
            for index, node in enumerate(listed.elts):
                self._listed(at, node, listed, index)
        for name, scope, position in reversed(self._names):
            for following in scope[position + 1 :]:
                self._added(following, name, scope)

    def _list(self, name: str) -> tuple[Statement, ast.expr]:
        scope = self._scopes[0]
        position, value = binding(scope, name)
        uses = [
            node
            for cell in self._program.cells
            for node in ast.walk(cell.tree)
            if isinstance(node, ast.Name) and node.id == name
        ]
        # bound once, used once
        if position < 0 or len(uses) != 2:
            raise Unclear("the list may have been changed")
        return scope[position], value

    def _listed(self, at: Statement, node: ast.expr, listed: ast.List, index: int) -> None:
        statement, constructor = at, node
        if isinstance(node, ast.Name):
            position, constructor = binding(self._scopes[0], node.id)
            if position < 0:
                raise Unclear("a layer from outside")
            statement = self._scopes[0][position]
        self._add(Element(*self._made(constructor, statement), within=listed, index=index), node, at)

    def _added(self, statement: Statement, name: str, scope: tuple[Statement, ...]) -> None:
        calls = [node for node in _walk([statement.node]) if _is_method(node, name, "add", "pop")]
        if not calls:
            return
        call = statement.node.value if isinstance(statement.node, ast.Expr) else None
        if (
            len(calls) > 1
            or not isinstance(call, ast.Call)
            or call.func is not calls[0]
            or _is_method(calls[0], name, "pop")
            or len(call.args) != 1
        ):
            raise Unclear("layers are added by other code")
        node = call.args[0]
        constructor, at = node, statement
        if isinstance(node, ast.Name):
            before = scope[: scope.index(statement)]
            position, constructor = binding(before, node.id)
            if position < 0:
                raise Unclear("a layer from outside")
            at = before[position]
        self._add(Element(*self._made(constructor, at), model=name), node, statement)

    def _made(self, value: ast.expr, statement: Statement) -> tuple[str, Statement, ast.Call | None, CellText]:
        """Kind, statement and constructor of a layer from the expression that makes it."""
        if not isinstance(value, ast.Call) or isinstance(value.func, ast.Call):
            raise Unclear("a layer that no constructor makes")
        return self._kind(value), statement, value, statement.cell

    def _kind(self, constructor: ast.Call) -> str:
        kind = self._program.dotted(constructor.func).rpartition(".")[2]
        kind = {"Input": "InputLayer"}.get(kind, kind).replace("Convolution", "Conv")
        for short, long in (("MaxPool", "MaxPooling"), ("AvgPool", "AveragePooling")):
            if short in kind and "Pooling" not in kind:
                kind = kind.replace(short, long)
        return kind

    def _add(self, element: Element, key: ast.AST, at: Statement) -> None:
        # the statement in which it takes its place, not that in which it is constructed
        placed = Element(
            element.kind, at, element.constructor, element.written, element.within, element.index, element.model
        )
        if key in self._elements:
            raise Unclear("a layer twice")
        self._elements[key] = placed

    def _in_order(self) -> list[Element]:
        return list(self._elements.values())

    # functional ----------------------------------------------------------------------------------------------------

    def _functional(self, statement: Statement, value: ast.Call) -> str:
        given = [*value.args, *(word.value for word in value.keywords if word.arg in {"inputs", "outputs"})]
        if any(word.arg is None for word in value.keywords) or len(given) < 2:
            raise Unclear("arguments through a variable")
        for argument in given[:2]:
            self._trace(argument, statement)
        cells = list(self._program.cells)

        def place(element: Element) -> tuple[int, int]:
            made = element.constructor or element.calls[0][1]
            return cells.index(element.written), element.written.start(made)

        found = sorted(self._elements.items(), key=lambda pair: place(pair[1]))
        self._elements = dict(found)
        return "Functional"

    def _value(self, name: str, before: Statement) -> tuple[Statement, ast.expr]:
        scope = self._scopes[0]
        position = next((i for i, statement in enumerate(scope) if statement.node is before.node), len(scope))
        place, value = binding(scope[:position], name)
        if place < 0:
            raise Unclear("a value from outside")
        return scope[place], value

    def _trace(self, node: ast.expr, at: Statement, *, read: bool = False) -> None:
        match node:
            case ast.Name():
                statement, value = self._value(node.id, at)
                if read:
                    self._reads.append((at, node, statement))
                self._trace(value, statement)
            case ast.List() | ast.Tuple() | ast.Dict() | ast.BinOp() | ast.UnaryOp():
                for part in ast.iter_child_nodes(node):
                    if isinstance(part, ast.expr):
                        self._trace(part, at, read=read)
            case ast.Subscript():
                self._trace(node.value, at, read=read)
            case ast.Constant():
                pass
            case ast.Call():
                self._trace_call(node, at)
            case _:
                raise Unclear("a value that is not followed")

    def _trace_call(self, node: ast.Call, at: Statement) -> None:
        if node in self._elements or any(call is node for part in self._elements.values() for _at, call in part.calls):
            return
        if isinstance(node.func, ast.Call):
            self._elements[node.func] = Element(self._kind(node.func), at, node.func, at.cell, calls=[(at, node)])
        elif self._program.dotted(node.func).rpartition(".")[2] == "Input":
            self._elements[node] = Element("InputLayer", at, node, at.cell)
            return
        elif isinstance(node.func, ast.Name) and not self._program.imports.get(node.func.id):
            if self._program.defined(node.func.id):
                raise Unclear("a function of the user's")
            statement, value = self._value(node.func.id, at)
            if not isinstance(value, ast.Call):
                raise Unclear("a layer that no constructor makes")
            known = self._elements.setdefault(value, Element(self._kind(value), statement, value, statement.cell))
            known.calls.append((at, node))
        else:
            dotted = self._program.dotted(node.func)
            last = dotted.rpartition(".")[2]
            if not dotted.startswith(("keras.", "tensorflow.")):
                raise Unclear("a function from elsewhere")
            if dotted.startswith("keras.layers.") and last in _MERGES:
                self._elements[node] = Element(last.capitalize(), at, None, at.cell, calls=[(at, node)])
        for argument in [*node.args, *(word.value for word in node.keywords if word.arg != "training")]:
            self._trace(argument, at, read=True)

    # compile -------------------------------------------------------------------------------------------------------

    def _compile(self) -> tuple[tuple[Statement, ast.Call] | None, tuple[Statement, ...]]:
        found: tuple[Statement, ast.Call] | None = None
        before: tuple[Statement, ...] = ()
        for name, scope, position in reversed(self._names):
            for place in range(position + 1, len(scope)):
                node = scope[place].node
                calls = [part for part in _walk([node]) if _is_method(part, name, "compile")]
                if calls:
                    value = node.value if isinstance(node, ast.Expr) else None
                    alone = isinstance(value, ast.Call) and value.func is calls[0]
                    found = (scope[place], value) if alone and isinstance(value, ast.Call) else None
                    before = scope[:place]
        return found, before


def _first_argument(function: ast.FunctionDef) -> str:
    return function.args.args[0].arg if function.args.args else ""


def _is_attribute(node: ast.AST | None, name: str) -> bool:
    """Whether the node is an attribute of the variable `name`."""
    return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == name


def _is_method(node: ast.AST, name: str, *methods: str) -> bool:
    """Whether the node is one of those methods of the variable `name`."""
    return (
        isinstance(node, ast.Attribute)
        and node.attr in methods
        and isinstance(node.value, ast.Name)
        and node.value.id == name
    )


# matching ----------------------------------------------------------------------------------------------------------


def _named(elements: list[Element], model: Model) -> dict[str, Element]:
    """Name of the layer -> its element: one for each, and none left over.

    Raises:
        Unclear: where that cannot be.
    """
    top = [layer for layer in model.layers if layer.top_level]
    if model.kind == "Sequential":
        layers = [layer for layer in top if layer.kind != "InputLayer"]
        made = [element for element in elements if element.kind != "InputLayer"]
        if len(layers) != len(made):
            raise Unclear("other layers than the cells show")
        pairs = list(zip(layers, made, strict=True))
    else:
        pairs = _paired(elements, top)
    for layer, element in pairs:
        if not _agrees(layer, element, nested=_has_layers(layer, model)):
            raise Unclear(f"{layer.name} is not what the cells show")
    return {layer.name: element for layer, element in pairs}


def _paired(elements: list[Element], layers: list[Layer]) -> list[tuple[Layer, Element]]:
    """Layers by their given names; the others of a kind by the numbers that Keras counts them with."""
    if len(layers) != len(elements):
        raise Unclear("other layers than the cells show")
    by_name = {layer.name: layer for layer in layers}
    pairs: list[tuple[Layer, Element]] = []
    groups: dict[str, list[Element]] = {}
    for element in elements:
        name = _given_name(element)
        if name is None:
            groups.setdefault(element.kind, []).append(element)
        elif name in by_name:
            pairs.append((by_name.pop(name), element))
        else:
            raise Unclear("a layer of another name")
    models = [layer for layer in by_name.values() if layer.kind not in groups]
    others = [group for kind, group in groups.items() if all(layer.kind != kind for layer in by_name.values())]
    for kind, group in groups.items():
        same = sorted((layer for layer in by_name.values() if layer.kind == kind), key=_number)
        if same and len(same) != len(group):
            raise Unclear("other layers than the cells show")
        pairs += zip(same, group, strict=False) if same else []
    if models or others:
        # one model in the model, by a call that does not tell what it makes
        if len(models) != 1 or len(others) != 1 or len(others[0]) != 1:
            raise Unclear("other layers than the cells show")
        pairs.append((models[0], others[0][0]))
    return pairs


def _number(layer: Layer) -> int:
    """The number that Keras puts behind the names of one kind; 0 for the first.

    Raises:
        Unclear: for a name that Keras did not make.
    """
    stem, _, digits = layer.name.rpartition("_")
    stem, number = (stem, int(digits)) if stem and digits.isdecimal() else (layer.name, 0)
    if stem.replace("_", "") != layer.kind.replace("_", "").lower():
        raise Unclear("a layer of another name")
    return number


def _given_name(element: Element) -> str | None:
    keywords = [] if element.constructor is None else element.constructor.keywords
    for keyword in keywords:
        if keyword.arg is None:
            raise Unclear("arguments through a variable")
        if keyword.arg == "name":
            if isinstance(keyword.value, ast.Constant) and isinstance(keyword.value.value, str):
                return keyword.value.value
            raise Unclear("a name by an expression")
    return None


def _has_layers(layer: Layer, model: Model) -> bool:
    position = model.layers.index(layer) + 1
    return position < len(model.layers) and not model.layers[position].top_level


def _agrees(layer: Layer, element: Element, *, nested: bool) -> bool:
    name = _given_name(element)
    if name is not None and name != layer.name:
        return False
    if nested:
        # `keras.applications.ResNet50(...)` does not tell its class
        return True
    return element.kind == layer.kind and all(
        _same(layer.config[argument], value)
        for argument, value in arguments(element).items()
        if argument in layer.config
    )


def arguments(element: Element) -> dict[str, ast.expr]:
    """The constructor's arguments by their names, as far as they are known."""
    if element.constructor is None:
        return {}
    positional = zip(POSITIONAL.get(element.kind, ()), element.constructor.args, strict=False)
    return dict(positional) | {word.arg: word.value for word in element.constructor.keywords if word.arg}


def _same(recorded: object, node: ast.expr) -> bool:
    """Whether a value that is written out is the recorded one; what is not written out may be."""
    if not isinstance(node, ast.Constant):
        return True
    written = node.value
    if isinstance(written, bool) or isinstance(recorded, bool):
        return written is recorded or not isinstance(written, bool) or not isinstance(recorded, bool)
    if isinstance(written, int | float) and isinstance(recorded, int | float):
        return math.isclose(written, recorded, rel_tol=1e-6)
    if isinstance(written, str) and isinstance(recorded, str):
        return written == recorded
    return True


# statements --------------------------------------------------------------------------------------------------------


def _flat(statements: Iterable[Statement]) -> Iterator[Statement]:
    """The statements, with those of `with` blocks in their place."""
    for statement in statements:
        if isinstance(statement.node, ast.With):
            yield from _flat(Statement(statement.cell, node) for node in statement.node.body)
        else:
            yield statement


def _until(statements: Iterable[Statement], target: ast.AST) -> Iterator[Statement]:
    """The statements that run before the one that holds `target`, with those of the blocks around it."""
    for statement in statements:
        inside = any(node is target for node in ast.walk(statement.node))
        if inside and isinstance(statement.node, _BLOCKS):
            branches = [getattr(statement.node, name, []) for name in ("body", "orelse", "finalbody")]
            branches += [handler.body for handler in getattr(statement.node, "handlers", [])]
            for branch in branches:
                if any(node is target for part in branch for node in ast.walk(part)):
                    yield from _until((Statement(statement.cell, part) for part in branch), target)
            return
        if inside:
            return
        yield from _flat([statement])


def binding(scope: tuple[Statement, ...], name: str) -> tuple[int, ast.expr]:
    """Where the name is bound last, and to what; -1 where it is not.

    Raises:
        Unclear: where it is bound by anything but a plain assignment.
    """
    for position in range(len(scope) - 1, -1, -1):
        node = scope[position].node
        if name not in _stored(node):
            continue
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
        if value is None or not all(isinstance(target, ast.Name) for target in targets):
            raise Unclear("bound in a block")
        return position, value
    return -1, ast.Constant(None)


def _stored(node: ast.stmt) -> set[str]:
    """Names that the statement binds in its own scope."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    names: set[str] = set()
    for part in _walk([node]):
        if isinstance(part, ast.Name) and not isinstance(part.ctx, ast.Load):
            names.add(part.id)
        elif isinstance(part, ast.alias):
            names.add((part.asname or part.name).split(".")[0])
        elif isinstance(part, ast.FunctionDef | ast.ClassDef):
            names.add(part.name)
    return names


def _walk(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """The nodes and what is in them, but not the bodies of functions and classes."""
    for node in nodes:
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            yield from _walk(ast.iter_child_nodes(node))


def _imports(statements: Iterable[Statement]) -> Iterator[tuple[str, str]]:
    """Name -> what it was imported as."""
    for node in _walk(statement.node for statement in statements):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield (alias.asname, alias.name) if alias.asname else (alias.name.split(".")[0],) * 2
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"
