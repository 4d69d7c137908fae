"""The same rows twice."""

from __future__ import annotations

from kerasdoctor.instrumentation.probes import Subject, numbers_of, outputs_of
from kerasdoctor.quantities.inference_randomness import InferenceRandomness


def measure(subject: Subject) -> InferenceRandomness | None:
    """How far two passes in inference mode differ, and which layers draw random numbers in them."""
    # after the random numbers of the first pass, as a second call would
    for layer in subject.drew:
        for generator in layer._seed_generators:
            generator.next()
    first = numbers_of(subject.outputs)
    second = numbers_of(outputs_of(subject.model, subject.inputs))
    n = min(len(first), len(second))
    own = [layer.name for layer in subject.drew if not type(layer).__module__.startswith("keras.")]
    keras_own = [layer.name for layer in subject.drew if layer.name not in own]
    return InferenceRandomness.of(first[:n], second[:n], tuple(keras_own), tuple(own))
