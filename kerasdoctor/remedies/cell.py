"""Writes a notebook cell from the changes of a remedy: the user's own names, call and layers."""

from __future__ import annotations

import ast
import json
import re
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kerasdoctor.diagnosis import Applicability
from kerasdoctor.locale import _
from kerasdoctor.quantities.input_range import InputRange, Range
from kerasdoctor.quantities.target_range import TargetRange
from kerasdoctor.record import Source, TrainingRecord
from kerasdoctor.remedies import (
    AddCallback,
    BalanceClasses,
    Change,
    DrawBatches,
    DropNonfinite,
    DropRepeats,
    FineTune,
    FreezeBatchNorm,
    InsertLayer,
    KeepWeights,
    NormalizeFirst,
    Plan,
    PrependLayer,
    RemoveFitArgument,
    ReplaceInputs,
    ReplaceLayer,
    ReplaceTargets,
    ScaleInputs,
    ScaleTargets,
    SetCompileArgument,
    SetFitArgument,
    SetLayerArgument,
    SetLearningRate,
    SetMonitor,
    SetOptimizerArgument,
    ShiftSentences,
    ShuffleRows,
    SplitForward,
    SplitStratified,
    TrainOnly,
)
from kerasdoctor.remedies.call import LINE, FitCall, broken, free_names, number, renamed
from kerasdoctor.remedies.call import atom as _atom

#: Changes after which the model may have seen rows that validate now.
_NEW_SPLIT = (ShuffleRows, SplitStratified, SplitForward, DropRepeats)
_NEW_MODEL = (
    InsertLayer,
    NormalizeFirst,
    PrependLayer,
    ReplaceLayer,
    SetCompileArgument,
    SetLayerArgument,
    SetLearningRate,
    SetOptimizerArgument,
)
#: Changes that take effect with `compile`, of a model that keeps its weights.
_COMPILED = (SetCompileArgument, SetLearningRate, SetOptimizerArgument, TrainOnly, FreezeBatchNorm, PrependLayer)
_NEW_LAYERS = (InsertLayer, NormalizeFirst, PrependLayer)
_DATA = ("x", "y", "sample_weight")
#: Columns that a line with its comment may take.
WIDE = 100


@dataclass(frozen=True)
class Written:
    """A cell, and whether the user must fill in something."""

    source: str
    applicability: Applicability = Applicability.SAFE


def write(record: TrainingRecord, plan: Plan) -> Written | None:
    """The cell that makes the changes of `plan` and trains again, watched.

    The model starts from fresh weights, or keeps those that it has; the cell says which. Names that are local to a
    function of the user's, and models that Keras cannot copy, become placeholders.

    Returns:
        None where no right cell can be written, for the reason that `unwritable` tells.
    """
    if record.source is None or unwritable(record):
        return None
    return _Cell(record, record.source, FitCall(record.source.top or record.source.call)).write(plan)


def unwritable(record: TrainingRecord) -> str:
    """Why no cell can be written for a run; empty where one can."""
    source = record.source
    if record.fit.loop:
        return _("a loop of your own trained the model, and only a call of fit can be written anew")
    if source is None:
        return _("the call of fit was not found in the code: write model.fit(...) itself where it is called")
    try:
        call = FitCall(source.top or source.call)
    except ValueError:
        return _("{call} is no call of fit").format(call=source.call)
    opaque = source.opaque or (f"*{call.starred}" if call.starred else "")
    if opaque:
        return _("what {passed} passes to fit is not known: name the arguments in the call").format(passed=opaque)
    return "" if call.method == "fit" else _("{call} is no call of fit").format(call=source.call)


def comment(text: str) -> str:
    """`text` as a comment of one line, whatever characters it holds."""
    printable = "".join(character if character.isprintable() else " " for character in text)
    return "# " + " ".join(printable.split())


def quoted(text: str) -> str:
    """`text` as a Python string literal in double quotes."""
    return json.dumps(text, ensure_ascii=not text.isprintable())


class _Cell:
    def __init__(self, record: TrainingRecord, source: Source, call: FitCall) -> None:
        self._record = record
        self._source = source
        self._call = call
        self._taken = {*source.taken, *source.local_names}
        self._current = {name: source.arguments[name] for name in _DATA if name in source.arguments}
        self._imports = list(source.imports)
        self._modules = dict(source.modules)
        self._containers = dict(record.data.containers)
        #: The share that Keras holds out, 0 once the cell splits by itself.
        self._fraction = record.fit.validation_split
        self._splits = False
        #: Argument -> the rows of it that validate, as they are given or as the cell splits them; "" -> what follows.
        self._held_out = self._given_held_out()
        self._lines: list[str] = []
        self._loop = ""
        #: What is done to the data in each round of the loop.
        self._rounds: list[str] = []
        self._applicability = Applicability.SAFE

    def write(self, plan: Plan) -> Written:
        changes = plan.changes
        for change in changes:
            if isinstance(change, SetFitArgument) and change.argument in _DATA:
                self._replace_data(change.argument, change.source)
        for change in changes:
            self._change_data(change)
        model = self._fresh_model(changes)
        self._change_call(changes)
        self._pass_data()
        stages = next((change for change in changes if isinstance(change, FineTune)), None)
        body = [*model, *self._run()] if stages is None else [*model, *self._fine_tuned(stages, changes)]
        if self._loop:
            body = [self._loop, *textwrap.indent("\n".join([*self._rounds, *body]), "    ").splitlines()]
        head = [*map(comment, (plan.reason, *plan.further)), *self._placeholders()]
        if self._imports:
            blocks = [[*head, *self._imports], self._lines, body]
        elif self._lines:
            blocks = [[*head, *self._lines], body]
        else:
            blocks = [[*head, *body]]
        return Written("\n\n".join("\n".join(block) for block in blocks if block), self._applicability)

    def _pass_data(self) -> None:
        """Passes the changed rows to `fit`."""
        for name in _DATA:
            if self._current.get(name) != self._source.arguments.get(name):
                self._call.set(name, self._current[name], hidden=name in self._source.hidden)
        if self._splits:
            self._call.remove("validation_split", hidden="validation_split" in self._source.hidden)
        if self._held_out != self._given_held_out():
            parts = f"({', '.join(self._held_out.values())})"
            self._call.set("validation_data", parts, hidden="validation_data" in self._source.hidden)

    # names ---------------------------------------------------------------------------------------------------------

    def _free(self, *candidates: str) -> str:
        """The first candidate that the user does not use for something else."""
        numbered = (f"{candidates[0]}_{number}" for number in range(2, 1000))
        name = next(name for name in (*candidates, *numbered) if name not in self._taken)
        self._taken.add(name)
        return name

    def _module(self, module: str, alias: str) -> str:
        if module not in self._modules:
            name = self._modules[module] = self._free(alias, module, f"{module}_module")
            self._imports.append(f"import {module}" if module == name else f"import {module} as {name}")
        return self._modules[module]

    def _import_from(self, module: str, name: str) -> str:
        path = f"{module}.{name}"
        if path not in self._modules:
            alias = self._modules[path] = self._free(name)
            self._imports.append(f"from {module} import {name}" + (f" as {alias}" if alias != name else ""))
        return self._modules[path]

    def _keras(self, source: str) -> str:
        """`source`, written with `keras`, in the notebook's name for it, with the import that it needs."""
        if "keras" not in free_names(ast.parse(source, mode="eval")):
            return source
        return renamed(source, {"keras": self._module("keras", "keras")})

    def _placeholders(self) -> list[str]:
        if not self._source.local_names:
            return []
        self._applicability = Applicability.HAS_PLACEHOLDERS
        note = _("fill in: the notebook has no name for it")
        if self._source.function:
            note = _("fill in: local to {function}() and unknown here").format(function=self._source.function)
        return [comment(note), *(f"{name} = ..." for name in self._source.local_names)]

    # data ----------------------------------------------------------------------------------------------------------

    def _change_data(self, change: Change) -> None:
        match change:
            case ShuffleRows(seed):
                self._shuffle(seed)
            case SplitStratified(fraction, seed):
                self._split_stratified(fraction, seed)
            case SplitForward(folds):
                self._split_forward(folds)
            case ScaleInputs():
                self._scale_inputs()
            case ScaleTargets(low, high):
                self._scale_targets(low, high)
            case DropNonfinite():
                self._drop_nonfinite()
            case ReplaceTargets(source, suffix):
                self._replace_targets(source, suffix)
            case BalanceClasses():
                self._balance_classes()
            case ShiftSentences(seed):
                self._shift_sentences(seed)
            case _:
                self._change_more(change)

    def _change_more(self, change: Change) -> None:
        match change:
            case DropRepeats(seed):
                self._drop_repeated(seed)
            case DrawBatches(part, count):
                self._draw_batches(part, count)
            case ReplaceInputs(part, source):
                self._replace_inputs(part, source)
            case SetMonitor(old, new):
                self._set_monitor(old, new)
            case _:
                # changes of model and call come later
                return

    def _replace_data(self, name: str, source: str) -> None:
        """Passes another expression, which further changes of the data start from."""
        self._current[name] = self._keras(source)
        if "convert_to_tensor" in source:
            self._containers[name] = "tensor"

    def _container(self, name: str) -> str:
        return self._containers.get(name, "ndarray")

    def _write(self, *lines: str) -> None:
        """Adds lines that change the data: in front of the loop, or into it once there is one."""
        (self._rounds if self._loop else self._lines).extend(lines)

    def _target(self, name: str) -> str:
        """What a changed argument is assigned to: the user's own name, or a new one for an expression."""
        source = self._current[name]
        return source if source.isidentifier() else self._free(name, f"{name}_data")

    def _length(self) -> str:
        name = next(name for name in ("y", "x") if name in self._current)
        source = _atom(self._current[name])
        match self._container(name):
            case "list" | "tuple":
                return f"len({source}[0])"
            case "dict":
                return f"len(next(iter({source}.values())))"
            case "tensor":
                return f"{source}.shape[0]"
            case _:
                return f"len({self._current[name]})"

    def _rows(self, name: str, index: str) -> str:
        """Expression for the rows `index` of the argument `name`."""
        source = _atom(self._current[name])
        match self._container(name):
            case "DataFrame" | "Series":
                return f"{source}.iloc[{index}]"
            case "list" | "tuple":
                return f"[part[{index}] for part in {source}]"
            case "dict":
                return f"{{name: part[{index}] for name, part in {source}.items()}}"
            case "tensor":
                return self._keras(f"keras.ops.take({source}, {index}, axis=0)")
            case _:
                return f"{source}[{index}]"

    def _select(self, index: str) -> None:
        targets = {name: self._target(name) for name in self._current}
        rows = {name: self._rows(name, index) for name in self._current}
        line = f"{', '.join(targets.values())} = {', '.join(rows.values())}"
        if len(line) <= LINE:
            self._lines.append(line)
        else:
            self._lines += [f"{targets[name]} = {rows[name]}" for name in targets]
        self._current.update(targets)

    def _shuffle(self, seed: int) -> None:
        numpy = self._module("numpy", "np")
        order = self._free("order", "row_order")
        self._lines.append(f"{order} = {numpy}.random.default_rng({seed}).permutation({self._length()})")
        self._select(order)

    def _split_stratified(self, fraction: float, seed: int) -> None:
        split = self._import_from("sklearn.model_selection", "train_test_split")
        parts: list[str] = []
        names: dict[str, tuple[str, str]] = {}
        for name, source in self._current.items():
            names[name] = self._part_names(name)
            parts.append(source)
        targets = ", ".join(part for pair in names.values() for part in pair)
        labels = _atom(self._current["y"])
        if self._one_hot():
            labels += ".to_numpy().argmax(axis=1)" if self._container("y") == "DataFrame" else ".argmax(axis=1)"
        arguments = [*parts, f"test_size={fraction!r}", f"stratify={labels}", f"random_state={seed}"]
        line = f"{targets} = {split}({', '.join(arguments)})"
        self._lines.append(line if len(line) <= LINE else broken(f"{targets} = {split}", arguments))
        self._hold_out(names)

    def _hold_out(self, parts: dict[str, tuple[str, str]]) -> None:
        """Passes rows that train and rows that validate; `parts` are both for each argument."""
        self._fraction, self._splits = 0.0, True
        self._current.update({name: train for name, (train, _validation) in parts.items()})
        self._held_out = {name: validation for name, (_train, validation) in parts.items()}

    def _part_names(self, name: str) -> tuple[str, str]:
        """Names for the rows of the argument `name` that train and that validate; `x` and `x_train` have the same."""
        stem = self._stem(name)
        return self._free(f"{stem}_train", f"{stem}_fit"), self._free(f"{stem}_val", f"{stem}_validation")

    def _stem(self, name: str) -> str:
        """What the user calls the argument `name`, without "train"."""
        source = self._current[name]
        stem = re.sub(r"^train_(?=[^\W\d])|_train$", "", source) if source.isidentifier() else name
        return name if stem == "train" else stem

    def _one_hot(self) -> bool:
        measured = self._record.quantities.get("target_range")
        return isinstance(measured, TargetRange) and next(iter(measured.outputs.values())).shape[1:] not in {(), (1,)}

    def _split_forward(self, folds: int) -> None:
        splitter = self._import_from("sklearn.model_selection", "TimeSeriesSplit")
        past, future = self._free("past", "train_rows"), self._free("future", "validation_rows")
        split = f"{splitter}(n_splits={folds}).split({self._current['x']})"
        self._loop = f"for {past}, {future} in {split}:"
        self._hold_out({name: (self._rows(name, past), self._rows(name, future)) for name in self._current})

    def _scale_inputs(self) -> None:
        numpy = self._module("numpy", "np")
        source = _atom(self._current["x"])
        target = self._target("x")
        fraction = self._fraction
        rows = f"[: int(len({target}) * (1 - {fraction!r}))]" if fraction else ""
        if rows and self._container("x") == "DataFrame":
            rows = f".iloc{rows}"
        measured = self._record.quantities.get("input_range")
        shape = next(iter(measured.inputs.values())).shape if isinstance(measured, InputRange) else ()
        # one scale for a whole image or sequence, one per column of a table
        axis = "axis=0" if len(shape) == 2 else ""
        low, high, train = self._free("low", "lowest"), self._free("high", "highest"), self._free("train", "train_part")
        scale = f"{numpy}.where({high} > {low}, {high} - {low}, 1)"
        self._write(
            f'{target} = {source}.astype("float32")',
            f"{train} = {target}{rows}  " + comment(_("only the rows that train set the scale")),
            f"{low}, {high} = {train}.min({axis}), {train}.max({axis})",
            f"{target} = ({target} - {low}) / {scale}",
        )
        self._current["x"] = target
        if "x" in self._held_out:
            held_out = self._held_out["x"]
            others = ("x_val", "x_validation") if self._splits else ("held_out", "held_out_scaled")
            name = held_out if self._splits and held_out.isidentifier() else self._free(*others)
            self._write(f"{name} = ({_atom(held_out)} - {low}) / {scale}")
            self._held_out["x"] = name

    def _scale_targets(self, low: float, high: float) -> None:
        # not over the old ones: a cell may be run twice
        target = self._free(f"{self._stem('y')}_scaled")
        self._write(f"{target} = {_scaled(_atom(self._current['y']), low, high)}")
        self._current["y"] = target
        if "y" in self._held_out:
            self._held_out["y"] = _scaled(_atom(self._held_out["y"]), low, high)

    def _replace_targets(self, source: str, suffix: str) -> None:
        # not over the old ones: a cell may be run twice
        target = self._free(f"{self._stem('y')}_{suffix}")
        self._lines.append(f"{target} = {source.format(y=_atom(self._current['y']))}")
        self._current["y"] = target
        if "y" in self._held_out:
            self._held_out["y"] = source.format(y=_atom(self._held_out["y"]))

    def _given_held_out(self) -> dict[str, str]:
        """Expressions for the parts of `validation_data`; empty without it."""
        given = self._source.arguments.get("validation_data")
        if given is None or self._container("validation_data") == "none":
            return {}
        parts = ast.parse(given.strip(), mode="eval").body
        if isinstance(parts, ast.Tuple | ast.List) and len(parts.elts) > 1:
            sources = [ast.get_source_segment(given.strip(), part) or ast.unparse(part) for part in parts.elts]
            return dict(zip(_DATA, sources, strict=False))
        # a tuple in a variable of the user's
        name = _atom(given)
        return {"x": f"{name}[0]", "y": f"{name}[1]", "": f"*{name}[2:]"}

    def _balance_classes(self) -> None:
        numpy = self._module("numpy", "np")
        labels = _atom(self._current["y"])
        if self._one_hot():
            labels += ".to_numpy().argmax(axis=1)" if self._container("y") == "DataFrame" else ".argmax(axis=1)"
        classes, counts = self._free("classes", "class_names"), self._free("counts", "class_counts")
        weights = self._free("class_weight", "class_weights")
        shares = f"{counts}.sum() / (len({counts}) * {counts})"
        self._lines += [
            f"{classes}, {counts} = {numpy}.unique({labels}, return_counts=True)",
            f"{weights} = dict(zip({classes}.tolist(), ({shares}).tolist()))",
        ]
        self._call.set("class_weight", weights, hidden="class_weight" in self._source.hidden)

    def _shift_sentences(self, seed: int) -> None:
        numpy = self._module("numpy", "np")
        fraction = self._fraction
        if fraction:
            # the copies of a row that validates must not train
            names = {name: self._part_names(name) for name in self._current}
            train = {name: part for name, (part, _held_out) in names.items()}
            cut = self._free("cut", "first_held_out")
            self._lines.append(f"{cut} = int({self._length()} * (1 - {fraction!r}))  " + comment(_("as Keras splits")))
            for name, source in self._current.items():
                part = _atom(source)
                self._lines.append(f"{', '.join(names[name])} = {part}[:{cut}], {part}[{cut}:]")
            self._hold_out(names)
        else:
            train = {name: self._free(f"{self._stem(name)}_augmented") for name in self._current}
            self._write(*(f"{train[name]} = {source}" for name, source in self._current.items()))
        generator, shifted = self._free("generator", "shifts"), self._free("shifted", "shifted_sentences")
        row, words = self._free("sentence", "row"), self._free("words", "token_places")
        self._write(
            f"{generator} = {numpy}.random.default_rng({seed})",
            f"{shifted} = {train['x']}.copy()",
            f"for {row} in {shifted}:",
            f"    {words} = {row} != 0  " + comment(_("0 is padding and keeps its place")),
            f"    {row}[{words}] = {numpy}.roll({row}[{words}], {generator}.integers(1, max(2, {words}.sum())))",
            f"{train['x']} = {numpy}.concatenate([{train['x']}, {shifted}])",
            *(f"{train[name]} = {numpy}.concatenate([{train[name]}, {train[name]}])" for name in train if name != "x"),
        )
        self._current.update(train)

    def _drop_nonfinite(self) -> None:
        measured = [self._record.quantities.get(name) for name in ("input_range", "target_range")]
        held_out = self._held_out
        if held_out and any(isinstance(of, InputRange | TargetRange) and _spoilt(of.validation) for of in measured):
            finite = self._free("finite_held_out", "held_out_finite")
            self._mask(finite, [held_out["x"], held_out["y"]], f"len({held_out['y']})")
            self._held_out = {
                name: f"{_atom(part)}[{finite}]" if name else f"*(part[{finite}] for part in {part[1:]})"
                for name, part in held_out.items()
            }
            if not any(
                _spoilt(of.inputs if isinstance(of, InputRange) else of.outputs)
                for of in measured
                if isinstance(of, InputRange | TargetRange)
            ):
                return
        finite = self._free("finite", "finite_rows")
        self._mask(finite, [self._current[name] for name in ("x", "y") if name in self._current], self._length())
        self._select(finite)

    def _drop_repeated(self, seed: int) -> None:
        numpy = self._module("numpy", "np")
        source = _atom(self._current["x"])
        rows = f"{numpy}.asarray({source}).reshape(len({source}), -1)"
        kept = self._free("kept", "kept_rows")
        self._lines += [
            f"{kept} = {numpy}.unique({rows}, axis=0, return_index=True)[1]  " + comment(_("the first of equal rows")),
            f"{kept} = {numpy}.random.default_rng({seed}).permutation({kept})",
        ]
        self._select(kept)

    def _draw_batches(self, part: str, count: int | None) -> None:
        """Arrays in place of a generator, for its batches of inputs, targets and weights."""
        numpy = self._module("numpy", "np")
        validates = part == "validation"
        source = self._source.arguments["validation_data" if validates else "x"]
        batches = self._free(f"{part}_batches")
        batch, joined = self._free("batch"), self._free("part", "part_of_batch")
        drawn = f"[next({source}) for {batch} in range({count})]" if count else f"list({source})"
        if count and not source.isidentifier():
            # a call would make a new generator for every batch
            generator = self._free(f"{part}_generator")
            self._lines.append(f"{generator} = {source}")
            drawn = drawn.replace(f"next({source})", f"next({generator})", 1)
        self._lines.append(f"{batches} = {drawn}  " + comment(_("drawn once")))
        arrays = f"({numpy}.concatenate({joined}) for {joined} in zip(*{batches}))"
        if validates:
            held_out = self._free("held_out", "held_out_rows")
            self._lines.append(f"{held_out} = tuple{arrays}")
            self._call.set("validation_data", held_out, hidden="validation_data" in self._source.hidden)
            return
        rows, targets = self._free("x", "x_drawn"), self._free("y", "y_drawn")
        self._lines.append(f"{rows}, {targets} = {arrays}")
        self._call.set("x", rows, hidden="x" in self._source.hidden)
        self._call.set("y", targets)
        self._call.set("batch_size", f"len({batches}[0][0])")

    def _replace_inputs(self, part: str, source: str) -> None:
        argument = "validation_data" if part == "validation" else "x"
        given = self._source.arguments[argument]
        kind = self._record.data.validation_kind if part == "validation" else self._record.data.kind
        if kind == "dataset":
            # the rest of an element, its targets and weights, stays as it is
            cast = source.format(x='keras.ops.cast(x, "float32")')
            value = self._keras(f"{_atom(given)}.map(lambda x, *rest: ({cast}, *rest))")
        elif part == "training":
            value = source.format(x=_atom(given))
        else:
            parts = ast.parse(given.strip(), mode="eval").body
            if isinstance(parts, ast.Tuple | ast.List) and len(parts.elts) > 1:
                sources = [ast.get_source_segment(given.strip(), each) or ast.unparse(each) for each in parts.elts]
                value = f"({source.format(x=_atom(sources[0]))}, {', '.join(sources[1:])})"
            else:
                value = f"({source.format(x=f'{_atom(given)}[0]')}, *{_atom(given)}[1:])"
        self._call.set(argument, value, hidden=argument in self._source.hidden)

    def _set_monitor(self, old: str, new: str) -> None:
        given = self._source.arguments["callbacks"]
        callback = self._free("callback", "watching_callback")
        several = given if self._container("callbacks") in {"list", "tuple"} else f"[{given}]"
        self._lines += [
            f"for {callback} in {several}:",
            f'    if getattr({callback}, "monitor", None) == {quoted(old)}:',
            f"        {callback}.monitor = {quoted(new)}",
        ]

    def _mask(self, name: str, sources: list[str], length: str) -> None:
        """The line that finds the rows in which all of the arrays are finite."""
        numpy = self._module("numpy", "np")
        tests = [
            f'{numpy}.isfinite({numpy}.asarray({source}, "float64")).reshape({length}, -1).all(axis=1)'
            for source in sources
        ]
        self._lines.append(f"{name} = {tests[0]}")
        self._lines += [f"{name} &= {test}" for test in tests[1:]]

    # model ---------------------------------------------------------------------------------------------------------

    def _same_model(self, kept: KeepWeights, changes: tuple[Change, ...]) -> list[str]:
        """The model that is there, or a new one around it."""
        model = self._call.model
        compiled = any(isinstance(change, _COMPILED) for change in changes)
        fine_tuned = any(isinstance(change, FineTune) for change in changes)
        why = comment(
            _("goes on from the weights that are there; the optimizer begins anew")
            if compiled or fine_tuned
            else _("goes on from the weights and the optimizer that are there")
        )
        lines = [why]
        if kept.file != "":
            lines = self._loaded(kept, model)
        for change in changes:
            match change:
                case TrainOnly(layer):
                    lines += self._trained_alone(layer)
                case FreezeBatchNorm(nested):
                    for owner in [f"{_atom(model)}.get_layer({quoted(name)})" for name in nested] or [_atom(model)]:
                        lines += self._frozen_batch_norm(owner)
                case PrependLayer(source):
                    name = self._free("scaled_model", "new_model")
                    entry = f"keras.Input(batch_shape={model}.input_shape)"
                    lines.append(f"{name} = keras.Sequential([{entry}, {self._keras(source)}, {model}])")
                    lines += self._compile(name, model, changes)
                    self._call.set_model(name)
                    return lines
        return [*lines, *(self._compile(model, model, changes) if compiled else [])]

    def _loaded(self, kept: KeepWeights, model: str) -> list[str]:
        mismatch = ", skip_mismatch=True" if kept.skip_mismatch else ""
        why = comment(_("goes on from the weights of the file; the optimizer begins anew"))
        if kept.file is not None:
            return [why, f"{model}.load_weights({quoted(kept.file)}{mismatch})"]
        self._applicability = Applicability.HAS_PLACEHOLDERS
        name = self._free("weights", "weights_file")
        note = comment(_("fill in: a .weights.h5, .keras, .h5 or .hdf5 file"))
        return [why, f"{name} = ...  {note}", f"{model}.load_weights({name}{mismatch})"]

    def _trained_alone(self, name: str) -> list[str]:
        layer = self._free("layer", "each_layer")
        # the same name in every loop of the cell
        self._taken.discard(layer)
        model = _atom(self._call.model)
        return [
            f"{model}.trainable = True",
            f"for {layer} in {model}.layers:",
            f"    {layer}.trainable = {layer}.name == {quoted(name)}",
        ]

    def _frozen_batch_norm(self, model: str) -> list[str]:
        layer = self._free("layer", "each_layer")
        self._taken.discard(layer)
        self._module("keras", "keras")
        return [
            f"for {layer} in {model}.layers:",
            f"    if isinstance({layer}, keras.layers.BatchNormalization):",
            f"        {layer}.trainable = False  " + comment(_("runs by the statistics that it came with")),
        ]

    def _fine_tuned(self, stages: FineTune, changes: tuple[Change, ...]) -> list[str]:
        """Both fits, each behind its own `compile`."""
        model = self._call.model
        first = FitCall(str(self._call))
        first.set("epochs", str(stages.epochs), hidden="epochs" in self._source.hidden)
        watch = "%kdoctor fit " if self._source.notebook else ""
        if stages.nested:
            base = self._free("base", "base_model")
            frozen = [f"{base} = {_atom(model)}.get_layer({quoted(stages.nested)})", f"{base}.trainable = False"]
            thawed = [f"{base}.trainable = True", *self._frozen_batch_norm(base)]
        else:
            frozen = self._trained_alone(stages.head)[1:]
            thawed = [f"{_atom(model)}.trainable = True", *self._frozen_batch_norm(_atom(model))]
        return [
            f"{_atom(model)}.trainable = True",
            *frozen,
            *self._compile(model, model, (*changes, SetLearningRate(stages.rate))),
            *f"{watch}{first}".splitlines(),
            "",
            comment(_("then all layers, with small steps")),
            *thawed,
            *self._compile(model, model, (*changes, SetLearningRate(stages.smaller))),
            *self._run(),
        ]

    def _fresh_model(self, changes: tuple[Change, ...]) -> list[str]:
        kept = next((change for change in changes if isinstance(change, KeepWeights)), None)
        if kept is not None:
            return self._same_model(kept, changes)
        built_by_call = isinstance(ast.parse(self._call.model, mode="eval").body, ast.Call)
        if built_by_call and not any(isinstance(change, _NEW_MODEL) for change in changes):
            # `build().fit(...)` builds the model anew by itself
            return []
        old = self._call.model
        name = old if old.isidentifier() else self._free("model", "fresh_model")
        unwritable = self._record.compile.unwritable
        # what only the old model holds must be read before its name is taken over
        fresh = self._free("fresh_model", "fresh") if unwritable and name == old else name
        split = any(isinstance(change, _NEW_SPLIT) for change in changes)
        why = comment(
            _("fresh weights: the old ones have seen the new validation rows")
            if split
            else _("fresh weights, for a fair comparison")
        )
        if self._loop and any(isinstance(change, _NEW_LAYERS) for change in changes):
            # each round adds them to the model that is there before the loop
            name = fresh = self._free("fresh_model", "fresh")
        lines = self._rebuilt(fresh, old, why, changes)
        lines += self._compile(fresh, old, changes)
        if fresh != name:
            lines.append(f"{name} = {fresh}")
        self._call.set_model(name)
        return lines

    def _rebuilt(self, name: str, old: str, why: str, changes: tuple[Change, ...]) -> list[str]:
        if self._record.model.kind == "subclassed":
            self._applicability = Applicability.HAS_PLACEHOLDERS
            note = _("fill in: build your model anew here, Keras cannot copy a subclassed model")
            return [f"{name} = ...  {comment(note)}"]
        inserted = _by_place(change for change in changes if isinstance(change, InsertLayer))
        arguments = [change for change in changes if isinstance(change, SetLayerArgument | ReplaceLayer)]
        self._module("keras", "keras")
        lines, front = self._front(changes)
        if inserted and self._record.model.kind == "Sequential" and not arguments:
            return [*lines, *self._with_layers(name, old, why, inserted, front)]
        keywords = []
        if inserted:
            function, written = self._call_function(inserted)
            lines += written
            keywords.append(f"call_function={function}")
        if arguments:
            function, written = self._clone_function(arguments)
            lines += written
            keywords.append(f"clone_function={function}")
        top = {layer.name for layer in self._record.model.layers if layer.top_level}
        if any(change.layer not in top for change in arguments):
            # into the models that stand as a layer in this one
            keywords.append("recursive=True")
        # Keras compiles a clone as its original was, which fails for a loss of the user's own (keras 3.15, cloning.py)
        # and it freezes the clone of a model that is frozen as a whole
        thawed = any(isinstance(change, SetLayerArgument) and change.argument == "trainable" for change in arguments)
        plain = inserted or thawed or self._record.compile.custom
        copied = self._uncompiled(old) if plain else old
        clone = f"{self._module('keras', 'keras')}.models.clone_model({', '.join([copied, *keywords])})"
        if front:
            return [*lines, *self._behind(name, old, why, [*front, clone])]
        return [*lines, *_commented(f"{name} = {clone}", why)]

    def _uncompiled(self, old: str) -> str:
        return f"{self._module('keras', 'keras')}.Model({_atom(old)}.inputs, {_atom(old)}.outputs)"

    def _entry(self, old: str) -> str:
        keras = self._module("keras", "keras")
        return f"{keras}.Input(batch_shape={_atom(old)}.input_shape, dtype={_atom(old)}.inputs[0].dtype)"

    def _front(self, changes: tuple[Change, ...]) -> tuple[list[str], list[str]]:
        """The layers in front of the model, and the lines that make them ready."""
        # what augments the rows knows them as they are
        front = [self._keras(change.source) for change in changes if isinstance(change, PrependLayer)]
        if not any(isinstance(change, NormalizeFirst) for change in changes):
            return [], front
        normalization = self._free("normalization", "normalization_layer")
        fraction = self._fraction
        source = _atom(self._current["x"])
        rows = f"[: int(len({source}) * (1 - {fraction!r}))]" if fraction else ""
        if rows and self._container("x") == "DataFrame":
            rows = f".iloc{rows}"
        lines = [
            f"{normalization} = {self._module('keras', 'keras')}.layers.Normalization()",
            f"{normalization}.adapt({source}{rows})  " + comment(_("only the rows that train set the scale")),
        ]
        return lines, [*front, normalization]

    def _behind(self, name: str, old: str, why: str, layers: list[str]) -> list[str]:
        """A model of `layers`, which begin with the inputs of the old one."""
        keras = self._module("keras", "keras")
        parts = [self._entry(old), *layers]
        line = f"{name} = {keras}.Sequential([{', '.join(parts)}])"
        if len(line) <= LINE:
            return _commented(line, why)
        return [why, f"{name} = {keras}.Sequential(", "    [", *(f"        {part}," for part in parts), "    ]", ")"]

    def _with_layers(self, name: str, old: str, why: str, inserted: list[InsertLayer], front: list[str]) -> list[str]:
        layers = self._free("layers", "new_layers")
        positions = [
            layer.name for layer in self._record.model.layers if layer.top_level and layer.kind != "InputLayer"
        ]
        lines = [f"{layers} = [type(layer).from_config(layer.get_config()) for layer in {_atom(old)}.layers]"]
        for change in sorted(inserted, key=lambda change: -positions.index(change.after)):
            note = comment(_("behind {name}").format(name=change.after))
            lines.append(f"{layers}.insert({positions.index(change.after) + 1}, {self._keras(change.source)})  {note}")
        if front:
            return [*lines, *self._behind(name, old, why, [*front, f"*{layers}"])]
        keras = self._module("keras", "keras")
        return [*lines, *_commented(f"{name} = {keras}.Sequential([{self._entry(old)}, *{layers}])", why)]

    def _call_function(self, inserted: list[InsertLayer]) -> tuple[str, list[str]]:
        # one layer for all calls of a shared layer
        entries = [f"    {quoted(change.after)}: {self._keras(change.source)}," for change in inserted]
        function, new = self._free("call_layer"), self._free("inserted", "inserted_layers")
        return function, [
            f"{new} = {{",
            *entries,
            "}",
            "",
            "",
            f"def {function}(layer, *args, **kwargs):",
            "    outputs = layer(*args, **kwargs)",
            f"    return {new}[layer.name](outputs) if layer.name in {new} else outputs",
            "",
            "",
        ]

    def _clone_function(self, arguments: list[SetLayerArgument | ReplaceLayer]) -> tuple[str, list[str]]:
        function = self._free("clone_layer")
        lines = [f"def {function}(layer):"]
        for change in arguments:
            if isinstance(change, ReplaceLayer):
                lines += [
                    f"    if layer.name == {quoted(change.layer)}:",
                    f"        return {self._keras(change.source)}",
                ]
        lines.append("    config = layer.get_config()")
        groups: dict[tuple[str, str], list[str]] = {}
        for change in arguments:
            if isinstance(change, SetLayerArgument):
                groups.setdefault((change.argument, self._keras(change.source)), []).append(change.layer)
        for (argument, source), layers in groups.items():
            names = ", ".join(map(quoted, layers))
            test = f"layer.name == {names}" if len(layers) == 1 else f"layer.name in {{{names}}}"
            lines += [f"    if {test}:", f"        config[{quoted(argument)}] = {source}"]
        return function, [*lines, "    return type(layer).from_config(config)", "", ""]

    def _compile(self, name: str, old: str, changes: tuple[Change, ...]) -> list[str]:
        sources = dict(self._record.compile.source)
        for change in changes:
            if isinstance(change, SetLearningRate):
                sources["optimizer"] = with_keyword(sources["optimizer"], "learning_rate", number(change.value))
            elif isinstance(change, SetOptimizerArgument):
                sources["optimizer"] = with_keyword(sources["optimizer"], change.argument, change.source)
            elif isinstance(change, SetCompileArgument):
                sources[change.argument] = change.source
        arguments = [f"{argument}={self._keras(source)}" for argument, source in sources.items()]
        replaced = {change.argument for change in changes if isinstance(change, SetCompileArgument)}
        unknown: list[str] = []
        for argument in self._record.compile.unwritable:
            if argument in replaced:
                continue
            if argument == "loss":
                arguments.append(f"loss={old}.loss")
            elif argument == "optimizer":
                config = f"{old}.optimizer.get_config()"
                arguments.insert(0, f"optimizer=type({old}.optimizer).from_config({config})")
            else:
                self._applicability = Applicability.HAS_PLACEHOLDERS
                arguments.append(f"{argument}=...")
                unknown.append(argument)
        line = f"{name}.compile({', '.join(arguments)})"
        # an optimizer may be several lines by itself
        indented = [argument.replace("\n", "\n    ") for argument in arguments]
        short = len(line) <= LINE and "\n" not in line
        lines = [line] if short else broken(f"{name}.compile", indented).splitlines()
        if unknown:
            note = _("fill in: {arguments}, as you compiled the model").format(arguments=", ".join(unknown))
            return [comment(note), *lines]
        return lines

    # call ----------------------------------------------------------------------------------------------------------

    def _change_call(self, changes: Iterable[Change]) -> None:
        for change in changes:
            match change:
                case SetFitArgument(argument, source) if argument not in _DATA:
                    self._call.set(argument, self._keras(source), hidden=argument in self._source.hidden)
                case RemoveFitArgument(argument):
                    self._call.remove(argument, hidden=argument in self._source.hidden)
                case AddCallback(source):
                    self._add_callback(self._keras(source))

    def _add_callback(self, source: str) -> None:
        # the user's, or those of a change before this one
        existing = self._call.arguments().get("callbacks", self._source.arguments.get("callbacks"))
        kind = self._container("callbacks")
        if existing is None or (kind == "none" and existing == self._source.arguments.get("callbacks")):
            value = f"[{source}]"
        else:
            literal = isinstance(ast.parse(existing.strip(), mode="eval").body, ast.List)
            inner = existing.strip()[1:-1].strip().rstrip(",")
            if not literal:
                inner = f"*{existing}" if kind in {"list", "tuple"} else existing
            value = f"[{inner}, {source}]" if inner else f"[{source}]"
        self._call.set("callbacks", value, hidden="callbacks" in self._source.hidden)

    def _run(self) -> list[str]:
        # the callback watches by itself
        watch = "%kdoctor fit " if self._source.notebook and "Doctor" not in self._record.fit.callbacks else ""
        return f"{self._source.assignment}{watch}{self._call}{self._source.tail}".splitlines()


def _by_place(inserted: Iterable[InsertLayer]) -> list[InsertLayer]:
    """One layer behind each place: several are one after the other, a Dropout last."""
    places: dict[str, list[str]] = {}
    for change in inserted:
        places.setdefault(change.after, []).append(change.source)
    for sources in places.values():
        sources.sort(key=lambda source: "Dropout(" in source)
    return [
        InsertLayer(after, sources[0] if len(sources) == 1 else f"keras.Sequential([{', '.join(sources)}])")
        for after, sources in places.items()
    ]


def _commented(line: str, note: str) -> list[str]:
    """The line with its comment behind it, or above it where there is no room."""
    return [f"{line}  {note}"] if len(line) + len(note) < WIDE else [note, line]


def _spoilt(ranges: Mapping[str, Range]) -> bool:
    return any(values.nonfinite for values in ranges.values())


def _scaled(source: str, low: float, high: float) -> str:
    shifted = source if low == 0 else f"{source} - {low:g}" if low > 0 else f"{source} + {-low:g}"
    if high - low == 1:
        return shifted
    return f"{shifted} / {high - low:g}" if low == 0 else f"({shifted}) / {high - low:g}"


def with_keyword(source: str, name: str, value: str) -> str:
    """A call expression with the keyword `name` set to `value`."""
    call = FitCall(source)
    call.set(name, value)
    return str(call)
