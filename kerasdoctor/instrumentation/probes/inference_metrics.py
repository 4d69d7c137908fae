"""The training rows in inference mode."""

from __future__ import annotations

from kerasdoctor.instrumentation.probes import Subject
from kerasdoctor.quantities import EvaluationTap
from kerasdoctor.quantities.inference_metrics import InferenceMetrics


def measure(subject: Subject) -> InferenceMetrics | None:
    """The loss of the training rows with the weights as they are."""
    value = subject.loss()
    if value is None:
        return None
    found = InferenceMetrics()
    found.on_evaluation(EvaluationTap(step=0, part="train", rows=subject.rows, metrics={"loss": value}))
    return found
