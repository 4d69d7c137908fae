from dataclasses import replace

from kerasdoctor.diagnosis import Status
from kerasdoctor.examples import digits_with_steps, unfrozen_digits
from tests.rules.differential import cause, diagnosis

NAME = "trainable-changed"


def test_unfrozen() -> None:
    found = diagnosis(unfrozen_digits(), NAME)
    assert found is not None
    assert "it holds 4, the model has 6 trainable ones, and 2 belong to one of them alone" in found.message
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
