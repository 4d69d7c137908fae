"""The changes of a remedy made in the cells that the user has: the same text but for what changes."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Sequence
from typing import Any

from kerasdoctor.diagnosis import CellEdit
from kerasdoctor.locale import _
from kerasdoctor.record import Source, TrainingRecord
from kerasdoctor.remedies import (
    AddCallback,
    Change,
    InsertLayer,
    NormalizeFirst,
    Plan,
    PrependLayer,
    SetCompileArgument,
    SetFitArgument,
    SetLayerArgument,
    SetLearningRate,
    SetOptimizerArgument,
)
from kerasdoctor.remedies.building import (
    POSITIONAL,
    Building,
    Element,
    Program,
    Statement,
    Unclear,
    arguments,
    binding,
    building,
    canonical,
)
from kerasdoctor.remedies.call import FIT_PARAMETERS, LINE, number
from kerasdoctor.remedies.cell import comment, with_keyword
from kerasdoctor.remedies.cell_text import CellText, Items, Splice, with_short_lines

_MODEL = (InsertLayer, PrependLayer, SetCompileArgument, SetLayerArgument, SetLearningRate, SetOptimizerArgument)
_CALL = (AddCallback, SetFitArgument)
#: A cell longer than this is not shown as a diff.
_MOST_CHARACTERS = 10_000
#: `compile`'s parameters in their order (keras.Model.compile, Keras 3).
_COMPILE = ("optimizer", "loss", "loss_weights", "metrics", "weighted_metrics")


def needed(record: TrainingRecord, plan: Plan) -> bool:
    """Whether no cell but an edit can be written: Keras cannot copy a subclassed model with other layers."""
    layers = (InsertLayer, NormalizeFirst, PrependLayer, SetLayerArgument)
    return record.model.kind == "subclassed" and any(isinstance(change, layers) for change in plan.changes)


def joined(made: Sequence[CellEdit]) -> str | None:
    """The edited cells as one; None where a magic of its own heads one of them."""
    sources = [edit.new for edit in made]
    if not sources or any(source.lstrip().startswith("%%") for source in sources[1:]):
        return None
    return "\n\n".join(source.rstrip("\n") for source in sources)


def edits(record: TrainingRecord, plan: Plan) -> tuple[CellEdit, ...]:
    """The cells that build, compile or train the model with the changes of `plan`; nothing else in them differs.

    Returns:
        Nothing where a change has no place in them, or where they do not tell for certain where it belongs.
    """
    if record.source is None or not record.source.cells or not plan.changes:
        return ()
    if not all(isinstance(change, _MODEL + _CALL) for change in plan.changes):
        return ()
    try:
        return _Edit(record, record.source, plan).made()
    except (SyntaxError, Unclear):
        return ()


class _Edit:
    def __init__(self, record: TrainingRecord, source: Source, plan: Plan) -> None:
        self._record = record
        self._source = source
        self._plan = plan
        self._note = comment(plan.reason)
        self._program = Program(self._source)
        self._splices: dict[CellText, list[Splice]] = {}
        #: Items to come into brackets, by the brackets and the place in them.
        self._additions: dict[tuple[CellText, int, int], tuple[Items, int, list[str]]] = {}
        #: Where in a cell is what the reason is to stand above; None where it is written.
        self._noted: dict[CellText, int | None] = {}
        self._imports: dict[CellText, list[str]] = {}
        #: New attributes of a subclassed model, and the comments that say what is to be filled in where.
        self._attributes: set[str] = set()
        self._extra: list[str] = []
        self._placeholders: set[CellText] = set()

    def made(self) -> tuple[CellEdit, ...]:
        changes = self._plan.changes
        built = None
        if any(isinstance(change, _MODEL) for change in changes):
            built = building(self._program, self._record.model)
        for change in changes:
            if built is not None and isinstance(change, _MODEL):
                self._change_model(built, change)
            else:
                self._change_call(change)
        self._add_items()
        touched = [cell for cell in self._program.cells if cell in self._splices]
        return tuple(self._edited(cell) for cell in touched)

    def _edited(self, cell: CellText) -> CellEdit:
        if len(cell.text) > _MOST_CHARACTERS:
            raise Unclear("a long cell")
        splices = self._splices[cell]
        place = self._noted.get(cell)
        if place is not None:
            splices.insert(0, cell.above(place, self._note))
        splices = [*self._import_lines(cell), *splices]
        for splice in splices:
            if cell.has_comment(splice.start, splice.end):
                raise Unclear("a comment would be lost")
        new = cell.spliced(splices)
        limit = max(LINE, *(len(line) for line in cell.text.split("\n") if not line.lstrip().startswith("#")), 0)
        new = with_short_lines(new, cell.text, limit)
        comments = CellText(new).comments
        added = {self._note, *self._extra}
        if self._note not in comments or [text for text in comments if text not in added] != cell.comments:
            raise Unclear("the comments are not the same")
        known = self._program.cells[cell]
        return CellEdit(
            old=cell.text, new=new, number=known.number, cell_id=known.id, placeholders=cell in self._placeholders
        )

    def _splice(self, statement: Statement, start: int, end: int, text: str) -> None:
        self._splices.setdefault(statement.cell, []).append(Splice(start, end, text))

    def _replace(self, cell: CellText, node: ast.expr, text: str) -> None:
        if cell.segment(node) == text:
            return
        self._splices.setdefault(cell, []).append(Splice(cell.start(node), cell.end(node), text))
        self._noted.setdefault(cell, cell.start(node))

    # items ---------------------------------------------------------------------------------------------------------

    def _into(self, cell: CellText, node: ast.Call | ast.List, index: int, text: str) -> None:
        """A new item behind that at `index` of the node's brackets."""
        items = cell.items(node)
        inside = isinstance(node, ast.List) and items.items
        place = items.items[max(index, 0)].start if inside else cell.start(node)
        self._additions.setdefault((cell, items.open, index), (items, place, []))[2].append(text)

    def _add_items(self) -> None:
        for (cell, _open, index), (items, place, texts) in self._additions.items():
            note = "" if cell in self._noted else self._note
            splices, noted = cell.into(items, index, texts, note)
            self._splices.setdefault(cell, []).extend(splices)
            if note:
                self._noted[cell] = None if noted else place

    # model ---------------------------------------------------------------------------------------------------------

    def _change_model(self, built: Building, change: Change) -> None:
        match change:
            case InsertLayer(after, source):
                self._insert(_element(built, after), source)
            case PrependLayer(source):
                self._prepend(built, source)
            case SetLayerArgument(layer, argument, source):
                self._set_layer(_element(built, layer), argument, source)
            case SetLearningRate(value):
                self._set_optimizer(built, "learning_rate", number(value))
            case SetOptimizerArgument(argument, source):
                self._set_optimizer(built, argument, source)
            case SetCompileArgument(argument, source):
                if self._record.compile.source.get(argument) == source:
                    raise Unclear("no change of the text")
                self._set_compile(built, argument, source)

    def _insert(self, element: Element, source: str) -> None:
        at = element.at
        layer = self._spelled(source, at.cell, near=element.constructor)
        if element.within is not None:
            self._into(at.cell, element.within, element.index, layer)
        elif element.model:
            self._behind(at, f"{element.model}.add({layer})")
        elif element.attribute:
            self._insert_attribute(element, layer)
        else:
            if len(element.calls) != 1:
                raise Unclear("a layer that is called twice")
            statement, call = element.calls[0]
            node = statement.node
            target = node.targets[0] if isinstance(node, ast.Assign) and len(node.targets) == 1 else None
            whole = isinstance(node, ast.Assign) and node.value is call and statement.cell.alone_on_its_lines(node)
            if whole and isinstance(target, ast.Name):
                self._behind(statement, f"{target.id} = {layer}({target.id})")
            else:
                self._wrap(statement, call, layer)

    def _insert_attribute(self, element: Element, layer: str) -> None:
        """A further layer of a subclassed model, made behind the other and called behind it."""
        itself = element.attribute.partition(".")[0]
        taken = {node.attr for node in ast.walk(element.at.cell.tree) if isinstance(node, ast.Attribute)}
        # keras.layers.Dropout(0.3) -> dropout
        kind = ast.unparse(_call(layer).func).rpartition(".")[2].lower()
        names = (kind, *(f"{kind}_{number}" for number in range(2, 1000)))
        name = next(name for name in names if name not in taken | self._attributes)
        self._attributes.add(name)
        self._behind(element.at, f"{itself}.{name} = {layer}")
        statement, call = element.calls[0]
        itself = ast.unparse(call.func).partition(".")[0]
        node = statement.node
        target = node.targets[0] if isinstance(node, ast.Assign) and len(node.targets) == 1 else None
        if len(element.calls) > 1:
            self._placeholders.add(statement.cell)
            note = comment(
                _("fill in: {layer} behind one call of {other}, or behind each").format(
                    layer=f"{itself}.{name}(...)", other=ast.unparse(call.func)
                )
            )
            self._extra.append(note)
            splice = statement.cell.above(statement.cell.start(node), note)
            self._splices.setdefault(statement.cell, []).append(splice)
        elif isinstance(node, ast.Assign) and node.value is call and isinstance(target, ast.Name):
            self._behind(statement, f"{target.id} = {itself}.{name}({target.id})")
        else:
            self._wrap(statement, call, f"{itself}.{name}")

    def _behind(self, statement: Statement, line: str) -> None:
        if not statement.cell.alone_on_its_lines(statement.node):
            raise Unclear("several statements on a line")
        lines = [line] if statement.cell in self._noted else [self._note, line]
        self._noted.setdefault(statement.cell, None)
        splice = statement.cell.behind_statement(statement.node, lines)
        self._splices.setdefault(statement.cell, []).append(splice)

    def _wrap(self, statement: Statement, node: ast.expr, layer: str) -> None:
        cell = statement.cell
        start, end = cell.start(node), cell.end(node)
        self._splice(statement, start, start, f"{layer}(")
        self._splice(statement, end, end, ")")
        self._noted.setdefault(cell, start)

    def _prepend(self, built: Building, source: str) -> None:
        if self._record.model.kind == "Sequential":
            self._prepend_to_list(built, source)
            return
        inputs = [element for element in built.order if element.kind == "InputLayer"]
        if len(inputs) != 1:
            raise Unclear("several inputs")
        entry = inputs[0]
        target = entry.at.node.targets[0] if isinstance(entry.at.node, ast.Assign) else None
        if not isinstance(target, ast.Name) or len(getattr(entry.at.node, "targets", ())) != 1:
            raise Unclear("an input without a name")
        uses = {node: statement for statement, node, bound in built.reads if bound.node is entry.at.node}
        if len(uses) != 1:
            raise Unclear("the input goes to several layers")
        node, statement = next(iter(uses.items()))
        first = next(element for element in built.order if element.calls and element.constructor)
        self._wrap(statement, node, self._spelled(source, statement.cell, near=first.constructor))

    def _prepend_to_list(self, built: Building, source: str) -> None:
        first = built.order[0]
        if first.kind != "InputLayer" and {"input_shape", "batch_input_shape", "input_dim"} & set(arguments(first)):
            raise Unclear("the first layer tells the shape of the inputs")
        layer = self._spelled(source, first.at.cell, near=built.order[-1].constructor)
        behind = first.kind == "InputLayer"
        if first.within is not None:
            self._into(first.at.cell, first.within, 0 if behind else -1, layer)
        elif behind:
            self._behind(first.at, f"{first.model}.add({layer})")
        else:
            raise Unclear("no place in front")

    def _set_layer(self, element: Element, argument: str, source: str) -> None:
        constructor, cell = element.constructor, element.written
        if constructor is None:
            raise Unclear("a layer without a constructor")
        if argument == "layer":
            inner = arguments(element).get("layer")
            if not isinstance(inner, ast.Call):
                raise Unclear("the wrapped layer stands elsewhere")
            kind = self._program.dotted(inner.func).rpartition(".")[2]
            for name, value in _inner_arguments(source):
                self._set_argument(cell, inner, POSITIONAL.get(kind), name, value)
            return
        self._set_argument(cell, constructor, POSITIONAL.get(element.kind), argument, source)

    def _set_argument(
        self,
        cell: CellText,
        call: ast.Call,
        parameters: Sequence[str] | None,
        argument: str,
        source: str,
    ) -> None:
        """Another value for an argument of a call, which is added where it is not given."""
        value = self._spelled(source, cell)
        given = next((word.value for word in call.keywords if word.arg == argument), None)
        if given is None:
            through = any(word.arg is None for word in call.keywords)
            if through or any(isinstance(part, ast.Starred) for part in call.args):
                raise Unclear("arguments through a variable")
            known = (parameters or ())[: len(call.args)]
            if len(known) < len(call.args):
                raise Unclear("arguments by position")
            if argument in known:
                given = call.args[known.index(argument)]
        if given is not None:
            self._replace(cell, given, value)
        else:
            self._into(cell, call, len(cell.items(call).items) - 1, f"{argument}={value}")

    # compile -------------------------------------------------------------------------------------------------------

    def _compiled(self, built: Building) -> tuple[Statement, ast.Call]:
        if built.compile is None:
            raise Unclear("no call of compile")
        return built.compile

    def _set_compile(self, built: Building, argument: str, source: str) -> None:
        statement, call = self._compiled(built)
        self._set_argument(statement.cell, call, _COMPILE, argument, source)

    def _set_optimizer(self, built: Building, argument: str, source: str) -> None:
        statement, call = self._compiled(built)
        cell = statement.cell
        if any(word.arg is None for word in call.keywords) or any(isinstance(part, ast.Starred) for part in call.args):
            raise Unclear("arguments through a variable")
        given = next((word.value for word in call.keywords if word.arg == "optimizer"), None)
        given = given or (call.args[0] if call.args else None)
        if isinstance(given, ast.Name):
            position, given = binding(built.before_compile, given.id)
            if position < 0:
                raise Unclear("an optimizer from outside")
            cell = built.before_compile[position].cell
        if isinstance(given, ast.Call):
            if not self._program.dotted(given.func).endswith(self._record.compile.optimizer):
                raise Unclear("an optimizer that other code makes")
            # Keras's optimizers take the learning rate first
            self._set_argument(cell, given, ("learning_rate",), argument, source)
            return
        whole = self._record.compile.source.get("optimizer")
        if whole is None or (given is not None and not isinstance(given, ast.Constant)):
            raise Unclear("an optimizer that other code makes")
        self._set_argument(cell, call, _COMPILE, "optimizer", with_keyword(whole, argument, source))

    # fit -----------------------------------------------------------------------------------------------------------

    def _change_call(self, change: Change) -> None:
        cell, call = self._program.fit[:2]
        match change:
            case SetFitArgument(argument, source):
                self._set_fit(cell, call, argument, source)
            case AddCallback(source):
                self._add_callback(cell, call, source)

    def _set_fit(self, cell: CellText, call: ast.Call, argument: str, source: str) -> None:
        if argument in self._source.hidden:
            raise Unclear("an argument through a variable")
        if argument not in self._source.arguments and any(word.arg is None for word in call.keywords):
            # in front of `**` it would be another text than the user's
            raise Unclear("arguments through a variable")
        self._set_argument(cell, call, FIT_PARAMETERS, argument, source)

    def _add_callback(self, cell: CellText, call: ast.Call, source: str) -> None:
        written = next((word.value for word in call.keywords if word.arg == "callbacks"), None)
        if isinstance(written, ast.List):
            self._into(cell, written, len(written.elts) - 1, self._spelled(source, cell))
            return
        kind = self._record.data.containers.get("callbacks", "none")
        place = FIT_PARAMETERS.index("callbacks")
        if written is None and len(call.args) > place:
            written = call.args[place]
        existing = None if written is None else cell.segment(written)
        if existing is None or kind == "none":
            value = f"[{source}]"
        else:
            value = f"[{'*' if kind in {'list', 'tuple'} else ''}{existing}, {source}]"
        self._set_fit(cell, call, "callbacks", value)

    # names ---------------------------------------------------------------------------------------------------------

    def _spelled(self, source: str, cell: CellText, near: ast.Call | None = None) -> str:
        """`source`, which is written with `keras`, by the names that the user has for its parts."""
        text = CellText(source)
        splices = []
        for node in _chains(text.tree):
            dotted = ast.unparse(node)
            splices.append(Splice(text.start(node), text.end(node), self._name(dotted, cell, near)))
        free = {node.id for node in ast.walk(text.tree) if isinstance(node, ast.Name)} - {"keras"}
        if any(name not in self._source.taken and not hasattr(builtins, name) for name in free):
            raise Unclear("a name that is not the user's")
        return text.spliced(splices)

    def _name(self, dotted: str, cell: CellText, near: ast.Call | None) -> str:
        imports = self._program.imports
        known = {name: canonical(full) for name, full in imports.items()}
        module, _, last = dotted.rpartition(".")
        beside = near.func.value if near is not None and isinstance(near.func, ast.Attribute) else None
        if beside is not None and self._program.dotted(beside) == module:
            return f"{ast.unparse(beside)}.{last}"
        direct = next((name for name, full in known.items() if full == dotted), None)
        if direct:
            return direct
        around = [name for name, full in known.items() if dotted.startswith(f"{full}.")]
        if around:
            name = max(around, key=lambda name: len(known[name]))
            return name + dotted.removeprefix(known[name])
        if "tensorflow" in known.values():
            tensorflow = next(name for name, full in known.items() if full == "tensorflow")
            return f"{tensorflow}.{dotted}"
        return self._imported(dotted, module, last, cell)

    def _imported(self, dotted: str, module: str, last: str, cell: CellText) -> str:
        from_tensorflow = any(full.startswith("tensorflow.keras") for full in self._program.imports.values())
        root = "tensorflow." if from_tensorflow else ""
        siblings = any(full.startswith(f"{root}{module}.") for full in self._program.imports.values())
        if siblings:
            line, name, spelled = f"from {root}{module} import {last}", last, last
        else:
            line, name, spelled = "from tensorflow import keras" if root else "import keras", "keras", dotted
        lines = self._imports.setdefault(cell, [])
        if line not in lines:
            if name in self._source.taken:
                raise Unclear("a name that is the user's for something else")
            lines.append(line)
        return spelled

    def _import_lines(self, cell: CellText) -> Iterable[Splice]:
        lines = self._imports.get(cell, [])
        if not lines:
            return
        leading = None
        for node in cell.tree.body:
            if not isinstance(node, ast.Import | ast.ImportFrom):
                break
            leading = node
        if leading is not None:
            yield cell.behind_statement(leading, lines)
        else:
            place = cell.line_start(cell.start(cell.tree.body[0]))
            yield Splice(place, place, "".join(f"{line}\n" for line in lines))


def _call(source: str) -> ast.Call:
    node = ast.parse(source, mode="eval").body
    if not isinstance(node, ast.Call):
        raise Unclear("no constructor")
    return node


def _element(built: Building, layer: str) -> Element:
    if layer not in built.elements:
        raise Unclear("a layer of a nested model")
    return built.elements[layer]


def _inner_arguments(source: str) -> list[tuple[str, str]]:
    """Arguments that a change of a wrapper's layer gives to the layer inside: `... | {"kernel_regularizer": ...}`."""
    found = [node for node in ast.walk(ast.parse(source, mode="eval")) if isinstance(node, ast.BinOp)]
    if len(found) != 1 or not isinstance(found[0].right, ast.Dict):
        raise Unclear("a layer that is made by other code")
    pairs = zip(found[0].right.keys, found[0].right.values, strict=True)
    return [(str(key.value), ast.unparse(value)) for key, value in pairs if isinstance(key, ast.Constant)]


def _chains(tree: ast.AST) -> Iterable[ast.expr]:
    """The dotted names that begin with `keras`, each as a whole."""
    for node in ast.iter_child_nodes(tree):
        root: Any = node
        while isinstance(root, ast.Attribute):
            root = root.value
        if isinstance(node, ast.Attribute) and isinstance(root, ast.Name) and root.id == "keras":
            yield node
        else:
            yield from _chains(node)
