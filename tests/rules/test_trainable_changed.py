from dataclasses import replace

from kerasdoctor.diagnosis import Severity, Status
from kerasdoctor.examples import digits_with_steps, shuffled_digits, unfrozen_digits
from tests.rules.differential import cause, diagnosis

NAME = "trainable-changed"


def test_unfrozen() -> None:
    found = diagnosis(unfrozen_digits(), NAME)
    assert found is not None
    assert "holds 4 variables, the model has 6 trainable ones, and 2 belong to one alone" in found.message
    assert found.severity is Severity.ERROR
    finding = cause(unfrozen_digits(), NAME, "changed-after-compile")
    assert (
        "2 variables are trainable now and were not then, such as sequential/dense/kernel" in finding.evidence.statement
    )
    assert [prescription.name for prescription in finding.prescriptions] == ["compile-again"]


def test_frozen() -> None:
    record = unfrozen_digits()
    variables = record.model.trainable_variables
    record.model = replace(record.model, trainable_variables=variables[2:], optimizer_variables=variables)
    finding = cause(record, NAME, "changed-after-compile")
    assert "2 were trainable then and are not now" in finding.evidence.statement


def test_an_optimizer_of_another_model() -> None:
    record = unfrozen_digits()
    record.model = replace(record.model, optimizer_variables=("other/dense_9/kernel",))
    assert cause(record, NAME, "optimizer-of-another-model").status is Status.CONFIRMED
    assert cause(record, NAME, "changed-after-compile").status is Status.RULED_OUT


def test_an_optimizer_that_is_not_built_or_agrees() -> None:
    record = digits_with_steps()
    assert diagnosis(record, NAME) is None
    record.model = replace(record.model, optimizer_variables=record.model.trainable_variables[::-1], iterations=9)
    assert diagnosis(record, NAME) is None


def test_between_compile_and_the_first_fit_is_a_note() -> None:
    record = shuffled_digits()
    record.model = replace(record.model, changed_layers=("dense", "dense_1"))
    found = diagnosis(record, NAME)
    assert found is not None
    assert found.severity is Severity.INFO
    assert "this one trains what is trainable now" in found.message
    # the optimizer was built since, for what is trainable now
    variables = ("sequential/dense/kernel",)
    record.model = replace(record.model, trainable_variables=variables, optimizer_variables=variables)
    assert diagnosis(record, NAME) is None
