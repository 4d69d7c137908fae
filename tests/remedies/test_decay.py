"""The learning rate is brought to last for the run by what brought it down."""

from dataclasses import replace

from kerasdoctor.record import Source
from kerasdoctor.remedies.patient_plateau import PatientPlateau
from kerasdoctor.remedies.slower_decay import SlowerDecay
from kerasdoctor.rules.early_decay import EarlyDecay

SETTINGS = {"monitor": "val_loss", "patience": 1, "factor": 0.1, "min_delta": 0.2, "mode": "auto", "cooldown": 0}


def reduced(callbacks):
    record = EarlyDecay.examples[0].record()
    record.fit = replace(
        record.fit, epochs=30, initial_epoch=0, callbacks=("ReduceLROnPlateau",), callback_settings=(SETTINGS,)
    )
    record.source = Source(call=f"model.fit(x, y, callbacks={callbacks})", arguments={"callbacks": callbacks})
    record.data = replace(record.data, containers={**record.data.containers, "callbacks": "list"})
    return record


def test_a_reducer_gets_more_patience_and_no_schedule_beside_it():
    record = reduced("[keras.callbacks.ReduceLROnPlateau(patience=1, factor=0.1)]")
    (change,) = PatientPlateau().plan(record).changes
    assert change.source == "[keras.callbacks.ReduceLROnPlateau(factor=0.1, patience=10)]"
    assert SlowerDecay().plan(record) is None


def test_a_reducer_in_a_variable_is_replaced_with_its_settings():
    (change,) = PatientPlateau().plan(reduced("mine")).changes
    assert "isinstance(other, keras.callbacks.ReduceLROnPlateau)" in change.source
    new = 'keras.callbacks.ReduceLROnPlateau(monitor="val_loss", factor=0.1, min_delta=0.2, patience=10)'
    assert change.source.endswith(f"{new}]")


def test_no_patience_where_there_is_enough():
    record = reduced("mine")
    record.fit = replace(record.fit, epochs=3)
    assert PatientPlateau().plan(record) is None


def test_a_warm_up_that_the_run_had_not_left_goes_on():
    record = EarlyDecay.examples[0].record()
    config = {"initial_learning_rate": 0.0, "warmup_target": 0.5, "warmup_steps": 10**6, "decay_steps": 10**6}
    record.compile = replace(
        record.compile, optimizer_config={"learning_rate": {"class_name": "CosineDecay", "config": config}}
    )
    (change,) = SlowerDecay().plan(record).changes
    steps = int(record.quantities["epoch_begin"].steps[1] - record.quantities["epoch_begin"].steps[0])
    steps *= record.fit.epochs
    assert change.source == (
        f"keras.optimizers.schedules.CosineDecay(0.0, decay_steps={steps - steps // 10}, warmup_target=0.5, "
        f"warmup_steps={steps // 10})"
    )
