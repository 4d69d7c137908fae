"""`fit-raised`."""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Callable
from dataclasses import replace

from kerasdoctor.diagnosis import Evidence, Severity, Status
from kerasdoctor.examples import shuffled_digits
from kerasdoctor.locale import _
from kerasdoctor.quantities.input_range import InputRange
from kerasdoctor.quantities.target_range import TargetRange
from kerasdoctor.record import Compile, Content, ContentKind, Data, Model, Outcome, TrainingRecord
from kerasdoctor.remedies.array_of_numbers import ArrayOfNumbers
from kerasdoctor.remedies.equal_lengths import EqualLengths
from kerasdoctor.remedies.ignored_class import IgnoredClass
from kerasdoctor.remedies.input_axes import InputAxes
from kerasdoctor.remedies.inputs_as_targets import InputsAsTargets
from kerasdoctor.remedies.labels_from_zero import LabelsFromZero
from kerasdoctor.remedies.logged_monitor import LoggedMonitor
from kerasdoctor.remedies.loss_of_targets import LossOfTargets
from kerasdoctor.remedies.more_outputs import MoreOutputs
from kerasdoctor.remedies.numbered_labels import NumberedLabels
from kerasdoctor.remedies.output_shape import OutputShape
from kerasdoctor.remedies.smaller_batch import SmallerBatch
from kerasdoctor.remedies.suited_loss import SuitedLoss
from kerasdoctor.remedies.wider_embedding import WiderEmbedding
from kerasdoctor.rule import Cause, Healthy, Rule, Unhealthy

Examination = Callable[..., tuple[Status, Evidence]]

#: Keras's words for targets and outputs of different ranks or shapes; the second are TensorFlow's, of "mse" and others.
_SHAPES = r"`target` and `output` must have the same (rank|shape)|Dimensions must be equal.*compile_loss"
_SPARSE = r"`output` must have rank \(ndim\) `target\.ndim - 1`"
#: TensorFlow's words for the operands of an operation of the loss, in a graph: their names and their shapes.
_OPERANDS = re.compile(r"\((\S+), (\S+)\)' with input shapes: \[([^\]]*)\], \[([^\]]*)\]")
_BOTH = re.compile(r"target\.shape=\(([^)]*)\), output\.shape=\(([^)]*)\)")


def _told(pattern: str, what: str) -> Examination:
    """Whether the exception says it in Keras's words, and what it says."""

    def examine(outcome: Outcome) -> tuple[Status, Evidence]:
        found = re.search(pattern, outcome.exception)
        if found is None:
            return _not_said()
        return Status.CONFIRMED, Evidence(_(what).format(said=found[0]), quantity="outcome")

    examine.__doc__ = "Whether the exception says it in Keras's own words."
    return examine


def _not_said() -> tuple[Status, Evidence]:
    return Status.RULED_OUT, Evidence(_("the exception says something else"), quantity="outcome")


def _raised_by(kinds: tuple[str, ...], otherwise: str, what: str) -> Examination:
    """Whether the exception comes from code of these kinds, and from which line."""

    def examine(outcome: Outcome) -> tuple[Status, Evidence]:
        origin = outcome.raised_by
        if origin is None or origin.kind not in kinds:
            return Status.RULED_OUT, Evidence(_(otherwise), quantity="outcome")
        name = origin.name or _("a function of it")
        statement = _(what).format(name=name)
        if origin.line:
            statement += _(", in the line: {line}").format(line=origin.line)
        return Status.CONFIRMED, Evidence(statement, quantity="outcome", where=origin.name or None)

    examine.__doc__ = "Whether the exception comes from code of this kind."
    return examine


def out_of_memory(outcome: Outcome) -> tuple[Status, Evidence]:
    """Whether the exception says that memory is short, and where."""
    found = re.search(r"ResourceExhaustedError|RESOURCE_EXHAUSTED|OutOfMemoryError|^MemoryError", outcome.exception)
    if found is None:
        return _not_said()
    statement = _("it is a {said}").format(said=found[0])
    size = re.search(r"allocating tensor with shape\[([\d,]+)\]", outcome.exception)
    if size:
        statement += _(": there is no room for an array of {shape}").format(shape=size[1].replace(",", " x "))
    origin = outcome.raised_by
    if origin is not None and origin.name:
        statement += _(", in {name}").format(name=origin.name)
    return Status.CONFIRMED, Evidence(statement, quantity="outcome", where=origin.name or None if origin else None)


def _shapes(outcome: Outcome, pattern: str) -> tuple[list[str], list[str]] | None:
    """Targets and outputs in an exception about them: the sizes of the axes, rows first."""
    found = _BOTH.search(outcome.exception) if re.search(pattern, outcome.exception) else None
    if found is None:
        return None
    target, output = ([size.strip() for size in sizes.split(",") if size.strip()] for sizes in found.groups())
    return target, output


def _form(sizes: list[str]) -> str:
    return "(" + ", ".join(["rows", *sizes[1:]]) + ("" if len(sizes) > 1 else ",") + ")"


def _both(found: tuple[list[str], list[str]]) -> str:
    return _("the targets are {target}, the outputs {output}").format(target=_form(found[0]), output=_form(found[1]))


def _is_labels(target: list[str], output: list[str]) -> bool:
    return len(output) == 2 and output[1] != "1" and target[1:] in ([], ["1"])


def integer_labels_for_categorical(
    outcome: Outcome,
    compile: Compile,  # noqa: A002 (what it is called in the record)
    target_range: TargetRange | None = None,
) -> tuple[Status, Evidence]:
    """Whether a loss that takes one-hot rows was given one whole number a row."""
    found = _shapes(outcome, _SHAPES)
    crossentropy = any(loss.name.startswith("categorical") for loss in compile.losses)
    if found is None or not crossentropy or not _is_labels(*found):
        return _not_said()
    kinds = {} if target_range is None else target_range.outputs
    if any(not measured.dtype.startswith(("int", "uint", "bool", "float")) for measured in kinds.values()):
        return Status.RULED_OUT, Evidence(_("the targets are no numbers"), quantity="target_range")
    statement = _both(found) + _(": labels of one number a row are for sparse_categorical_crossentropy")
    return Status.CONFIRMED, Evidence(statement, quantity="target_range")


def one_hot_for_sparse(outcome: Outcome) -> tuple[Status, Evidence]:
    """Whether a loss that takes labels was given rows as wide as the output."""
    found = _shapes(outcome, _SPARSE)
    if found is None or found[0] != found[1]:
        return _not_said()
    return Status.CONFIRMED, Evidence(
        _both(found) + _(": one-hot rows are for categorical_crossentropy"), quantity="target_range"
    )


def _operands(exception: str) -> str:
    """Which shapes an operation of the loss was given, and which of them is that of the output."""
    found = _OPERANDS.search(exception)
    if found is None:
        return _("the targets and the outputs have different sizes")
    sizes = [[size.strip() for size in part.split(",") if size.strip()] for part in found.groups()[2:]]
    # what a layer puts out has its name; targets come as "data", or from an operation of the loss itself
    of_layer = ["/" in name and not name.startswith("compile_loss/") for name in found.groups()[:2]]
    if of_layer == [False, True]:
        return _both((sizes[0], sizes[1]))
    if of_layer == [True, False]:
        return _both((sizes[1], sizes[0]))
    statement = _("of targets and outputs the loss makes arrays of {first} and of {second}")
    return statement.format(first=_form(sizes[0]), second=_form(sizes[1]))


def output_shape(
    outcome: Outcome,
    compile: Compile,  # noqa: A002 (as above)
) -> tuple[Status, Evidence]:
    """Whether the output has another shape than the targets, and neither form of labels explains it."""
    if re.search(r"Dimensions must be equal.*compile_loss", outcome.exception):
        statement = _operands(outcome.exception)
        if outcome.raised_by is not None and outcome.raised_by.kind == "loss":
            undecided = _("measured, undecided: {statement}, in a loss of your own").format(statement=statement)
            return Status.POSSIBLE, Evidence(undecided, quantity="target_range")
        return Status.CONFIRMED, Evidence(statement, quantity="target_range")
    found = _shapes(outcome, f"{_SHAPES}|{_SPARSE}")
    labels = (integer_labels_for_categorical(outcome, compile)[0], one_hot_for_sparse(outcome)[0])
    if found is None or Status.CONFIRMED in labels:
        return _not_said()
    statement = _both(found)
    if len(found[1]) > max(2, len(found[0])):
        statement += _(": the output keeps axes that a Flatten, a pooling or return_sequences=False would take away")
    return Status.CONFIRMED, Evidence(statement, quantity="target_range")


#: The words for arrays of Python objects: Keras's own, and those of TensorFlow and NumPy beneath it.
_OBJECTS = (
    r"Invalid dtype: (object|datetime64|timedelta64)|Unsupported object type|numpy\.object_"
    r"|inhomogeneous shape|setting an array element"
)
#: Keras's words for lists that it does not take for arrays.
_LISTS = r"Unrecognized data type|Data cardinality is ambiguous"


def _held(data: Data, *kinds: ContentKind) -> tuple[str, Content] | None:
    """The first part of `x` or `y` that holds one of these, by its name."""
    return next(((name, content) for name, content in data.contents.items() if content.kind in kinds), None)


def _place(name: str, content: Content) -> str:
    if not content.where:
        return name
    if content.where.startswith("["):
        return f"{name}{content.where}"
    return _("column {column} of {name}").format(column=content.where, name=name)


def ragged_input(outcome: Outcome, data: Data) -> tuple[Status, Evidence]:
    """Whether rows of different lengths make an array of objects."""
    held = _held(data, "rows")
    if held is not None and re.search(f"{_OBJECTS}|{_LISTS}", outcome.exception):
        statement = _("the rows of {name} have different lengths: keras.utils.pad_sequences({name}) makes them equal")
        return Status.CONFIRMED, Evidence(statement.format(name=held[0]), quantity="data")
    if "inhomogeneous shape" in outcome.exception:
        return Status.CONFIRMED, Evidence(_("the rows have different lengths"), quantity="outcome")
    if "Invalid dtype: object" in outcome.exception and not data.contents:
        return Status.POSSIBLE, Evidence(_("not measured: whether the objects are rows of different lengths"))
    return _not_said()


def unknown_monitor(outcome: Outcome) -> tuple[Status, Evidence]:
    """Whether a callback of Keras's watches what the logs do not hold, and what they hold that is called nearly so."""
    found = re.search(r"(\w+) callback received monitor=(\S+), but Keras isn't able", outcome.exception)
    if found is None or found[2] in outcome.logged:
        return _not_said()
    statement = _("{callback} watches {monitor!r}, which is not logged").format(callback=found[1], monitor=found[2])
    near = difflib.get_close_matches(found[2], outcome.logged, n=1)
    if near:
        statement += _(": write monitor={name!r}").format(name=near[0])
    elif outcome.logged:
        statement += _("; what is logged: {names}").format(names=", ".join(outcome.logged))
    return Status.CONFIRMED, Evidence(statement, quantity="outcome", where=found[2])


def text_input(outcome: Outcome, data: Data) -> tuple[Status, Evidence]:
    """Whether words stand where numbers are expected."""
    held = _held(data, "text")
    said = re.search(r"Invalid dtype: str\d*|Cast string to \w+ is not supported", outcome.exception)
    if _held(data, "mixed") and held is None:
        return Status.RULED_OUT, Evidence(_("the text stands in a column of numbers"), quantity="data")
    if said is None and (held is None or not re.search(f"{_OBJECTS}|{_LISTS}", outcome.exception)):
        return _not_said()
    if held is None:
        return Status.CONFIRMED, Evidence(_("Keras says: {said}").format(said=said[0] if said else ""))
    how = _("a TextVectorization or StringLookup layer makes numbers of it")
    if held[0].startswith("y"):
        how = _("numpy.unique({name}, return_inverse=True)[1] makes labels of it").format(name=held[0])
    statement = _("{place} holds text: {how}").format(place=_place(*held), how=how)
    return Status.CONFIRMED, Evidence(statement, quantity="data")


def missing_targets(outcome: Outcome, data: Data) -> tuple[Status, Evidence]:
    """Whether `fit` was given no targets."""
    if "None values not supported" not in outcome.exception or data.containers.get("y") != "none":
        return _not_said()
    return Status.CONFIRMED, Evidence(_("fit was given no y, and the loss compares with one"), quantity="data")


def _rows_as_inputs(outcome: Outcome, model: Model) -> bool:
    """Whether Keras counts more arrays in `x` than the model can have inputs."""
    sizes = re.search(r"'x' sizes: ([\d, ]+)", outcome.exception)
    inputs = sum(layer.kind == "InputLayer" for layer in model.layers)
    return sizes is not None and sizes[1].strip(" ,").count(",") + 1 > max(1, inputs)


def python_lists(outcome: Outcome, data: Data, model: Model) -> tuple[Status, Evidence]:
    """Whether `x` or `y` is a list of numbers or rows, which Keras takes for a list of inputs."""
    lists = [name for name in ("x", "y") if data.containers.get(name) in {"list", "tuple"}]
    if "Unrecognized data type" in outcome.exception:
        # a list of arrays is one of inputs
        lists = [name for name in lists if name == "y" or data.kind != "arrays"]
    elif "Data cardinality is ambiguous" not in outcome.exception or not _rows_as_inputs(outcome, model):
        lists = []
    # of rows of different lengths, and of words, no array of numbers can be made
    lists = [name for name in lists if name not in data.contents]
    if not lists:
        return _not_said()
    names = ", ".join(lists)
    return Status.CONFIRMED, Evidence(_("a list: {names}; np.array(...) makes an array of it").format(names=names))


def different_lengths(outcome: Outcome, data: Data, model: Model) -> tuple[Status, Evidence]:
    """Whether arrays have different numbers of rows."""
    listed = python_lists(outcome, data, model)[0] is Status.CONFIRMED
    if "Data cardinality is ambiguous" not in outcome.exception or listed:
        return _not_said()
    sizes = re.findall(r"'(\w+)' sizes: ([\d, ]{1,40})", outcome.exception)
    named = ", ".join(f"{name}: {size.strip(' ,')}" for name, size in sizes)
    return Status.CONFIRMED, Evidence(
        _("the arrays have different numbers of rows ({sizes})").format(sizes=named), quantity="data"
    )


def object_dtype(outcome: Outcome, data: Data, input_range: InputRange | None = None) -> tuple[Status, Evidence]:
    """Whether an array holds Python objects, not numbers."""
    cast = r"Cast string to \w+ is not supported"
    mixed = _held(data, "mixed") is not None and re.search(cast, outcome.exception)
    if not re.search(_OBJECTS, outcome.exception) and not mixed:
        return _not_said()
    if _held(data, "text", "rows"):
        return Status.RULED_OUT, Evidence(_("the objects are text, or rows of different lengths"), quantity="data")
    held = _held(data, "mixed", "numbers", "missing", "arrays", "dates", "objects")
    if held is not None:
        how = {
            "numbers": _('{name} holds numbers as Python objects: {name}.astype("float32") makes numbers of them'),
            "mixed": _(
                '{place} is text in a column of numbers: pandas.to_numeric(..., errors="coerce") makes NaN of it, to '
                "fill or to drop"
            ),
            "missing": _('{place} is None: fill it or leave its row out, then {name}.astype("float32")'),
            "arrays": _("{name} is an array of arrays: numpy.stack({name}) makes one of them"),
            "dates": _("{place} holds times: subtract a first one and divide by a unit to have numbers"),
        }.get(held[1].kind, _("{place} is a Python object that is no number"))
        return Status.CONFIRMED, Evidence(how.format(name=held[0], place=_place(*held)), quantity="data")
    if input_range is not None and any(measured.dtype == "object" for measured in input_range.inputs.values()):
        return Status.CONFIRMED, Evidence(_("the inputs have dtype object"), quantity="input_range")
    return Status.CONFIRMED, Evidence(_("an array has dtype object"), quantity="outcome")


def _raised(exception: str, *, loss: str = "categorical_crossentropy") -> TrainingRecord:
    record = shuffled_digits()
    record.history = {}
    for name in ("batch_loss", "learning_rate", "epoch_begin", "split_labels", "row_order"):
        del record.quantities[name]
    record.compile = replace(record.compile, losses=(replace(record.compile.losses[0], name=loss),))
    record.outcome = Outcome(status="raised", exception=exception)
    return record


def _labels() -> TrainingRecord:
    """Digits as whole numbers under categorical cross-entropy."""
    return _raised(
        "ValueError: Arguments `target` and `output` must have the same rank (ndim). "
        "Received: target.shape=(32,), output.shape=(32, 10)"
    )


def _lengths() -> TrainingRecord:
    """Fewer targets than inputs."""
    return _raised(
        "ValueError: Data cardinality is ambiguous. Make sure all arrays contain the same number of samples."
        "'x' sizes: 1797 'y' sizes: 1790",
        loss="sparse_categorical_crossentropy",
    )


class FitRaised(Rule):
    """The fit ends with an exception, and what it means in terms of the data and the model.

    ## What it sees
    The exception that ended `fit`, or that a check met when it made batches of some rows and showed them to the model
    and the loss, where its words are those of Keras for one of the causes below, or where the
    traceback (of a graph: its text) tells whose code raised it. About another one it says nothing: the traceback says
    it all.

    ## How it is told apart
    By the words and the shapes in the exception, with the loss and the data beside it. Targets of one number a row
    under a categorical cross-entropy, or rows of the output's shape under a sparse one, are another form of labels; any
    other difference of shapes is the network's. A callback, a generator, a function of a pipeline, a layer, a loss and
    a metric of your own are told by the frames of the traceback: a callback that calls the model is the one that
    raised, whatever the model did then. Where a loss of your own raised it, only that is certain: of which shapes it
    makes others is its own affair.

    ## Remedies
    Labels of one number a row: `sparse_categorical_crossentropy`; one-hot rows: `categorical_crossentropy`. Lists, and
    numbers as objects: arrays of numbers. Text: a `TextVectorization` layer in front; names of classes: their numbers.
    Text in a column of numbers: `pandas.to_numeric(..., errors="coerce")`. Rows of different lengths:
    `keras.utils.pad_sequences`. An Embedding needs `input_dim` above the largest index. Out
    of memory: a smaller `batch_size`, or a smaller layer where one is named.

    ## References
    The words of Keras 3.15 on TensorFlow, collected from fits with each of these faults.
    """

    family = "loop"
    severity = Severity.ERROR
    message = _("fit raises an exception: {statement}.")

    causes = (
        Cause(
            "callback-raised",
            _("a callback raised it; mend the line named"),
            examine=_raised_by(
                ("callback",), _("no callback raised it"), _("the callback {name} raised it, not the training")
            ),
        ),
        Cause(
            "data-raised",
            _("the generator or pipeline raised it while it made a batch; mend the line named"),
            examine=_raised_by(
                ("data",), _("no generator or pipeline raised it"), _("{name} raised it while it made a batch")
            ),
        ),
        Cause(
            "integer-labels-for-categorical",
            _("labels where one-hot rows are expected"),
            examine=integer_labels_for_categorical,
            remedies=(SuitedLoss(sparse=True),),
        ),
        Cause(
            "one-hot-for-sparse",
            _("one-hot rows where labels are expected"),
            examine=one_hot_for_sparse,
            remedies=(SuitedLoss(sparse=False),),
        ),
        Cause(
            "output-shape",
            _("the output has another shape than the targets"),
            examine=output_shape,
            remedies=(OutputShape(),),
        ),
        Cause(
            "label-out-of-range",
            _("a label has no output"),
            examine=_told(r"outside the valid range of \[0, \d+\)", _("a label is {said}, one number for each output")),
            remedies=(LabelsFromZero(), NumberedLabels(), IgnoredClass(), MoreOutputs()),
        ),
        Cause(
            "embedding-index",
            _("an index has no row in the Embedding"),
            examine=_told(
                r"indices\[[\d,]+\] = -?\d+ is not in \[0, \d+\)",
                _("{said}: input_dim counts the rows, from index 0 on"),
            ),
            remedies=(WiderEmbedding(),),
        ),
        Cause("python-lists", _("lists in place of arrays"), examine=python_lists, remedies=(ArrayOfNumbers(),)),
        Cause(
            "different-lengths",
            _("arrays of different lengths; look for where rows of one alone were left out"),
            examine=different_lengths,
        ),
        Cause(
            "object-dtype",
            _("Python objects in place of numbers"),
            examine=object_dtype,
            remedies=(ArrayOfNumbers(),),
        ),
        Cause("ragged-input", _("rows of different lengths"), examine=ragged_input, remedies=(EqualLengths(),)),
        Cause("text-input", _("text in place of numbers"), examine=text_input, remedies=(NumberedLabels(),)),
        Cause(
            "input-shape",
            _("the inputs have another shape than the model takes"),
            examine=_told(
                r"expected axis -?\d+ of input shape to have value \d+, but received input with shape \([^)]*\)"
                r"|expected (min_|max_)?ndim=\d+, found ndim=\d+"
                r"|Expected shape \([^)]*\), but input has incompatible shape \([^)]*\)"
                r"|expects \d+ (named )?input\(s\)|Missing data for input \"[^\"]*\"",
                _("Keras says: {said}"),
            ),
            remedies=(InputAxes(),),
        ),
        Cause(
            "unknown-monitor",
            _("a callback watches what is not logged"),
            examine=unknown_monitor,
            remedies=(LoggedMonitor(),),
        ),
        Cause(
            "out-of-memory",
            _("the memory does not suffice"),
            examine=out_of_memory,
            remedies=(SmallerBatch(),),
        ),
        Cause(
            "no-data",
            _("there are no rows to train on; look at what was loaded"),
            examine=_told(
                r"contains \d+ samples, which is not sufficient to split", _("the training data {said} it in two")
            ),
        ),
        Cause(
            "missing-loss",
            _("compile was given no loss"),
            examine=_told(r"No loss to compute", _("Keras says: {said}")),
            remedies=(LossOfTargets(),),
        ),
        Cause("missing-targets", _("fit was given no targets"), examine=missing_targets, remedies=(InputsAsTargets(),)),
        Cause(
            "own-code",
            _("code of your own in the model, the loss or a metric raised it; mend the line named"),
            examine=_raised_by(
                ("layer", "model", "loss", "metric"),
                _("no code of your own in the model, the loss or a metric raised it"),
                _("code of your own raised it: {name}"),
            ),
        ),
    )

    examples = (
        Unhealthy(_labels, confirms=("integer-labels-for-categorical",)),
        Unhealthy(_lengths, confirms=("different-lengths",)),
        Healthy(shuffled_digits),
    )

    def check(
        self,
        outcome: Outcome,
        compile: Compile,  # noqa: A002 (as above)
        data: Data,
        model: Model,
        input_range: InputRange | None = None,
        target_range: TargetRange | None = None,
    ) -> Evidence | None:
        if not outcome.exception:
            return None
        known = {
            "outcome": outcome,
            "compile": compile,
            "data": data,
            "model": model,
            "input_range": input_range,
            "target_range": target_range,
        }
        for cause in self.causes:
            names = inspect.signature(cause.examine).parameters
            status, found = cause.examine(**{name: known[name] for name in names})
            if status is Status.CONFIRMED:
                return found
        return None
