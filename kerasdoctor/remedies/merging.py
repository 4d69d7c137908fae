"""Several plans of one run as one: what goes together, in which order, and what does not."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from kerasdoctor.heads import heads
from kerasdoctor.locale import _
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import (
    AddCallback,
    BalanceClasses,
    Change,
    DropNonfinite,
    DropRepeats,
    InsertLayer,
    NormalizeFirst,
    Plan,
    PrependLayer,
    RemoveFitArgument,
    ReplaceTargets,
    ScaleInputs,
    ScaleTargets,
    SetCompileArgument,
    SetFitArgument,
    SetLayerArgument,
    SetLearningRate,
    SetOptimizerArgument,
    ShiftSentences,
    ShuffleRows,
    SplitForward,
    SplitStratified,
)

#: What stands before what: rows are left out and targets changed in both parts before the split, inputs are scaled by
#: the rows that train, thus behind it; a new optimizer gets its arguments, and the user's callbacks further ones.
_FIRST = (
    DropNonfinite,
    DropRepeats,
    ReplaceTargets,
    ScaleTargets,
    BalanceClasses,
    ShuffleRows,
    SplitStratified,
    SplitForward,
    ScaleInputs,
)
_LAST = (SetCompileArgument, SetLearningRate, SetOptimizerArgument, SetFitArgument, AddCallback)
#: Callbacks that set the learning rate, which Keras refuses beside a schedule in the optimizer.
_RATE_CALLBACKS = {"ReduceLROnPlateau", "LearningRateScheduler"}


class Conflict(Exception):
    """Two plans decide one thing in different ways."""

    def __init__(self, first: int, second: int, decided: str) -> None:
        """Args: the places of the plans, and what both decide, in words."""
        super().__init__(decided)
        self.first, self.second, self.decided = first, second, decided


def merge(record: TrainingRecord, plans: Sequence[Plan]) -> Plan:
    """One plan that makes the changes of all `plans`, equal ones once.

    Raises:
        Conflict: when two of them decide the same thing differently.
    """
    made: list[tuple[Change, int]] = []
    for place, plan in enumerate(plans):
        for change in plan.changes:
            if any(change == other for other, _owner in made):
                continue
            for other, owner in made:
                shared = _shared(change, other, record)
                if shared and owner != place:
                    raise Conflict(owner, place, ", ".join(sorted(shared)))
            made.append((change, place))
    changes = sorted((change for change, _owner in made), key=lambda change: _order(change, record))
    first, *others = dict.fromkeys(plan.reason for plan in plans)
    return Plan(tuple(changes), first, max(plan.applicability for plan in plans), further=tuple(others))


def _order(change: Change, record: TrainingRecord) -> tuple[int, bool]:
    kind = type(change)
    if kind in _FIRST:
        rank = _FIRST.index(kind)
    elif kind in _LAST:
        rank = 100 + _LAST.index(kind)
    else:
        rank = len(_FIRST)
    # what is written down again as it is must not replace what another plan writes
    return rank, bool(_decides(change, record))


def _shared(change: Change, other: Change, record: TrainingRecord) -> set[str]:
    whole = _("the whole cell")
    one, two = _decides(change, record), _decides(other, record)
    return {whole} if one is None or two is None else one & two


def _decides(change: Change, record: TrainingRecord) -> set[str] | None:  # noqa: C901, PLR0911, PLR0912 - a table of kinds
    """What a change settles, in words: two changes with one of them in common do not go together.

    None, everything, for a kind of change that is not named here: a cell that left one out would be worse than none.
    """
    scale, noise = _("the scale of the inputs"), _("the size of the noise")
    logits = _("whether the loss gets logits")
    rate, schedule = _("the learning rate"), _("how the learning rate changes")
    match change:
        case DropRepeats() | ShuffleRows() | SplitStratified() | SplitForward():
            return {_("which rows validate")}
        case ScaleInputs():
            return {scale, noise}
        case NormalizeFirst():
            return {scale}
        case PrependLayer(source):
            layers = {_called(node) for node in ast.walk(ast.parse(source))}
            return ({noise} if "GaussianNoise" in layers else set()) | ({scale} if "Rescaling" in layers else set())
        case InsertLayer() | DropNonfinite():
            return set()
        case ShiftSentences():
            return {_("the order of the words")}
        case BalanceClasses():
            return {"class_weight"}
        case ScaleTargets():
            return {_("the values of the targets")}
        case ReplaceTargets(source):
            # `y[:, None]` holds the same values
            indexed = isinstance(ast.parse(source.format(y="y"), mode="eval").body, ast.Subscript)
            return {_("the shape of the targets") if indexed else _("the values of the targets")}
        case SetLayerArgument(layer, argument):
            decided = {_("{argument} of {layer}").format(argument=argument, layer=layer)}
            if argument == "value_range":
                # of the images as they come to the layer
                decided.add(scale)
            if argument == "activation" and layer in _last_layers(record):
                decided.add(logits)
            return decided
        case SetLearningRate():
            return {rate}
        case SetOptimizerArgument("learning_rate", source):
            return {rate} if _is_number(source) else {rate, schedule}
        case SetOptimizerArgument(argument):
            # Keras takes one of clipnorm, clipvalue and global_clipnorm
            return {_("how gradients are clipped") if "clip" in argument else argument}
        case SetCompileArgument("optimizer", source):
            return set() if record.compile.source.get("optimizer") == source else {_("the optimizer"), rate}
        case SetCompileArgument("loss", source):
            now = any(loss.from_logits for loss in record.compile.losses)
            return {_("the loss")} | ({logits} if _from_logits(source) != now else set())
        case SetCompileArgument(argument) | SetFitArgument(argument) | RemoveFitArgument(argument):
            return {argument}
        case AddCallback(source):
            callback = _called(ast.parse(source.strip(), mode="eval").body) or source
            return {callback, schedule} if callback in _RATE_CALLBACKS else {callback}
        case _:
            return None


def _last_layers(record: TrainingRecord) -> set[str]:
    return {head.layer.name for head in heads(record.model, record.compile) if head.layer is not None}


def _called(node: ast.AST) -> str:
    """The name of what a call calls, without its module; empty for anything else."""
    if not isinstance(node, ast.Call):
        return ""
    return str(getattr(node.func, "attr", getattr(node.func, "id", "")))


def _from_logits(source: str) -> bool:
    keywords = [node for node in ast.walk(ast.parse(source.strip(), mode="eval")) if isinstance(node, ast.keyword)]
    return any(
        keyword.arg == "from_logits" and isinstance(keyword.value, ast.Constant) and bool(keyword.value.value)
        for keyword in keywords
    )


def _is_number(source: str) -> bool:
    return isinstance(ast.parse(source.strip(), mode="eval").body, ast.Constant)
