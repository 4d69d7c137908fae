"""A few rows learned by heart, or not: training on copies, which leaves the model as it is."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, get_args

import keras
import numpy as np
from numpy.typing import NDArray

from kerasdoctor.heads import Head, heads
from kerasdoctor.instrumentation.probes import CannotLook, Subject, numbers_of
from kerasdoctor.locale import _
from kerasdoctor.quantities.overfit_batch import (
    BY_HEART,
    Attempt,
    Ended,
    Kind,
    OverfitBatch,
    Way,
    share_learned,
    stalled,
)
from kerasdoctor.remedies.larger_learning_rate import default_rate

#: It trains: only where it is asked for.
ASKED = True
#: Rows: so few that every network of some size can learn them by heart.
ROWS = 8
#: Steps of one attempt, and how many are made between two looks at what it has learned.
STEPS, LOOK = 1000, 20
#: Seconds of one attempt and of all together, tracing included.
SECONDS, ALL_SECONDS = 10.0, 30.0
#: Weights for each number that is to be learned: below it a network may have too few for good reasons.
WEIGHTS = 4

_WAYS: tuple[Way, ...] = get_args(Way)


def measure(subject: Subject) -> OverfitBatch:
    """What training on the same few rows comes to, as compiled and, where that fails, in other ways."""
    head, kind = _judged(subject)
    inputs, targets, weights = _chosen(subject, kind)
    _able(subject, targets, kind)
    loss = subject.compiled_loss()
    if loss is None:
        raise CannotLook(_("the model computes a loss of its own"))
    trainer = _Trainer(subject, head, kind, loss, (inputs, targets, weights))
    return trainer.measure()


def _judged(subject: Subject) -> tuple[Head, Kind]:
    record, model = subject.record, subject.model
    if keras.config.backend() != "tensorflow":
        raise CannotLook(_("the backend is {backend}").format(backend=keras.config.backend()))
    if not next(base for base in type(model).__mro__ if "train_step" in base.__dict__).__module__.startswith("keras."):
        raise CannotLook(_("the model has a train_step of its own"))
    if model.distribute_strategy.num_replicas_in_sync > 1:
        raise CannotLook(_("the model trains on several replicas"))
    found = heads(record.model, record.compile, record.quantities.get("target_form"))
    if len(found) != 1 or not found[0].alone or len(keras.tree.flatten((subject.targets, subject.outputs))) != 2:
        raise CannotLook(_("the model has several outputs"))
    head = found[0]
    if not head.kind:
        raise CannotLook(_("what {loss} is for rows known by heart is not known").format(loss=head.loss.name))
    targets = np.asarray(keras.tree.flatten(subject.targets)[0])
    if targets.dtype.kind not in "biuf":
        raise CannotLook(_("the targets are no numbers"))
    kinds: dict[str, Kind] = {"sparse": "sparse", "categorical": "categorical"}
    kind = kinds.get(head.kind, "numbers")
    if head.kind == "binary" and np.isin(targets, (0, 1)).all():
        kind = "binary logits" if head.loss.from_logits else "binary"
    return head, kind


def _chosen(subject: Subject, kind: Kind) -> tuple[Any, NDArray[np.generic], NDArray[np.generic] | None]:
    """Different rows with as many different targets as there are."""
    parts = [np.asarray(part) for part in keras.tree.flatten(subject.inputs)]
    targets = np.asarray(keras.tree.flatten(subject.targets)[0])[: subject.rows]
    seen: set[bytes] = set()
    times: dict[bytes, int] = {}
    candidates: list[tuple[int, int]] = []
    weight = subject.sample_weight
    for row in np.random.default_rng(0).permutation(subject.rows).tolist():
        row_of = b"".join(np.ascontiguousarray(part[row]).tobytes() for part in parts)
        if row_of in seen or (weight is not None and not np.all(weight[row] > 0)):
            continue
        seen.add(row_of)
        target = targets[row].tobytes()
        times[target] = times.get(target, 0) + 1
        candidates.append((times[target], row))
    # the first of every target, then the second ones
    rows = [row for _time, row in sorted(candidates, key=lambda found: found[0])[:ROWS]]
    if len(rows) < 2:
        raise CannotLook(_("there are no two different rows"))
    chosen = targets[rows]
    constant = chosen[:1] if kind != "numbers" else chosen.mean(axis=0, keepdims=True)
    if (chosen == constant).all():
        raise CannotLook(_("all rows have the same target"))
    inputs = keras.tree.map_structure(lambda part: np.asarray(part)[rows], subject.inputs)
    return inputs, chosen, None if weight is None else weight[rows]


def _able(subject: Subject, targets: NDArray[np.generic], kind: Kind) -> None:
    numbers = targets.size // (targets.shape[-1] if kind == "categorical" else 1)
    if subject.record.model.trainable_parameters < WEIGHTS * numbers:
        raise CannotLook(_("the network has too few weights to know {rows} rows by heart").format(rows=len(targets)))


class _Trainer:
    """Trains copies of the variables; the model's own are read only."""

    def __init__(self, subject: Subject, head: Head, kind: Kind, loss: Any, batch: tuple[Any, Any, Any]) -> None:
        self._model = subject.model
        self._record = subject.record
        self._head, self._kind, self._loss = head, kind, loss
        as_fit = keras.tree.map_structure(subject.tensor, (batch[0], batch[1]))
        self._inputs, self._targets = as_fit
        self._weights = None if batch[2] is None else subject.tensor(batch[2])
        self._true = batch[1]
        self._deadline = time.perf_counter() + ALL_SECONDS
        self._rate = float(keras.ops.convert_to_numpy(subject.model.optimizer.learning_rate))
        self._without_gradient = 0
        self._spread = 0.0

    def measure(self) -> OverfitBatch:
        """The attempt as compiled, and the others where it failed."""
        attempts = [self._attempt("as compiled")]
        found, spread, without_gradient = attempts[0], self._spread, self._without_gradient
        untried: list[Way] = []
        if not found.learned and (found.stalled or found.ended == "nonfinite"):
            for way in _WAYS[1:]:
                for rate in self._rates(way):
                    if time.perf_counter() > self._deadline:
                        untried.append(way)
                        break
                    attempts.append(self._attempt(way, rate))
                    if attempts[-1].learned:
                        break
        variables = len(self._model.trainable_variables)
        return OverfitBatch(len(self._true), tuple(attempts), variables, without_gradient, spread, tuple(untried))

    def _rates(self, way: Way) -> list[float | None]:
        """The learning rates to try in a way, None for that of `compile`; empty where the way would change nothing."""
        rate, default = self._rate, default_rate(self._record.compile.optimizer)
        layers = self._model._flatten_layers(include_self=False)
        match way:
            case "slower":
                return [rate / 10, *([default] if default < rate / 10 else [])]
            case "faster":
                return [rate * 10, *([default] if default > rate * 10 else [])]
            case "without noise" if not any(
                # they draw random numbers, or know the batch, in training alone
                layer._seed_generators or isinstance(layer, keras.layers.BatchNormalization)
                for layer in layers
            ):
                return []
            case "without penalties" if not self._model.losses:
                return []
            case _:
                return [None]

    def _attempt(self, way: Way, rate: float | None = None) -> Attempt:
        model = self._model
        trained = [_copy(variable) for variable in model.trainable_variables]
        others = [_copy(variable) for variable in model.non_trainable_variables]
        step, outputs_now = self._functions(way, trained, others, self._optimizer(rate, trained))
        until = min(self._deadline, time.perf_counter() + SECONDS)
        losses: list[float] = []
        ended: Ended = "steps"
        share, penalty, outputs = float("-inf"), 0.0, None
        while len(losses) < STEPS:
            loss, penalties, outputs, silent = step()
            if not losses:
                self._without_gradient = int(silent)
            losses.append(float(loss))
            penalty = float(penalties)
            if not np.isfinite(losses[-1] + penalty):
                ended = "nonfinite"
                break
            late = time.perf_counter() > until
            if len(losses) % LOOK == 0 or late:
                share = max(self._share(outputs), self._share(outputs_now()))
                if share >= BY_HEART or late:
                    ended = "learned" if share >= BY_HEART else "seconds"
                    break
        self._spread = _spread(outputs)
        series = np.asarray(losses)
        return Attempt(
            way=way,
            rate=float(f"{self._rate if rate is None else rate:.6g}"),
            steps=len(losses),
            first=losses[0],
            last=float(np.median(series[-LOOK // 2 :])),
            penalty=penalty,
            share=share,
            stalled=ended == "steps" and stalled(series),
            ended=ended,
        )

    def _optimizer(self, rate: float | None, trained: list[keras.Variable]) -> Any:
        given = self._model.optimizer
        config = given.get_config()
        if rate is not None:
            inner = config
            while isinstance(inner.get("inner_optimizer"), dict):
                inner = inner["inner_optimizer"]["config"]
            inner["learning_rate"] = rate
        optimizer = type(given).from_config(config)
        optimizer.build(trained)
        if given.built and rate is None:
            for copied, variable in zip(optimizer.variables, given.variables, strict=True):
                copied.assign(variable)
        return optimizer

    def _functions(
        self, way: Way, trained: list[keras.Variable], others: list[keras.Variable], optimizer: Any
    ) -> tuple[Callable[[], Any], Callable[[], Any]]:
        import tensorflow as tf

        model, in_training = self._model, way != "without noise"

        def forward(*, training: bool) -> Any:
            options = {"training": training} if model._call_has_training_arg else {}
            return model.stateless_call(
                [variable.value for variable in trained],
                [variable.value for variable in others],
                self._inputs,
                return_losses=True,
                **options,
            )

        def step() -> Any:
            with tf.GradientTape() as tape:
                outputs, state, penalties = forward(training=in_training)
                loss = self._loss(self._targets, outputs, self._weights)
                penalty = sum((keras.ops.cast(keras.ops.sum(one), loss.dtype) for one in penalties), 0 * loss)
                scaled = optimizer.scale_loss(loss if way == "without penalties" else loss + penalty)
            gradients = tape.gradient(scaled, [variable.value for variable in trained], unconnected_gradients="zero")
            gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]
            silent = sum(tf.cast(tf.reduce_all(gradient == 0), "int32") for gradient in gradients)
            optimizer.apply(gradients, trained)
            for variable, value in zip(others, state, strict=True):
                variable.assign(value)
            return loss, penalty, outputs, silent

        def outputs_now() -> Any:
            return forward(training=False)[0]

        if model.run_eagerly:
            return step, outputs_now
        # traced here, since TensorFlow warns of functions that are made anew when they are called
        return tuple(tf.function(each).get_concrete_function() for each in (step, outputs_now))

    def _share(self, outputs: Any) -> float:
        found = np.asarray(keras.ops.convert_to_numpy(keras.tree.flatten(outputs)[0]))
        true = self._true
        if self._kind == "sparse" and self._head.loss.config.get("ignore_class") is not None:
            kept = true.reshape(-1) != self._head.loss.config["ignore_class"]
            return share_learned("sparse", true.reshape(-1)[kept], found.reshape(-1, found.shape[-1])[kept])
        if self._kind not in {"sparse", "categorical"} and found.size != true.size:
            raise CannotLook(_("the outputs have another shape than the targets"))
        return share_learned(self._kind, true, found)


def _copy(variable: Any) -> Any:
    value = keras.ops.convert_to_numpy(variable)
    copied = keras.Variable(value, dtype=variable.dtype, trainable=variable.trainable, name=variable.name)
    copied.constraint = getattr(variable, "constraint", None)
    return copied


def _spread(outputs: Any) -> float:
    numbers = numbers_of(keras.tree.map_structure(keras.ops.convert_to_numpy, outputs))
    size = float(np.sqrt((numbers**2).mean()))
    return float(np.sqrt(((numbers - numbers.mean(axis=0)) ** 2).mean())) / size if size > 0 else 0.0
