"""The same rows twice."""

from __future__ import annotations

from kerasdoctor.instrumentation.probes import Subject, numbers_of, outputs_of
from kerasdoctor.quantities.inference_randomness import InferenceRandomness


def measure(subject: Subject) -> InferenceRandomness | None:
    """How far two passes in inference mode differ, and which layers draw random numbers in them."""
    # one right after the other: the random numbers of an earlier pass were given back
    first, second = (numbers_of(outputs_of(subject.model, subject.inputs)) for _ in range(2))
    n = min(len(first), len(second))
    own = [layer.name for layer in subject.drew if not type(layer).__module__.startswith("keras.")]
    keras_own = [layer.name for layer in subject.drew if layer.name not in own]
    return InferenceRandomness.of(first[:n], second[:n], tuple(keras_own), tuple(own))
