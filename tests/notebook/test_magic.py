"""The magics as a user types them, in a real shell."""

from __future__ import annotations

import json
import sys
import types

import keras
import numpy as np
import pytest

from kerasdoctor.errors import UsageError
from kerasdoctor.notebook import cells
from kerasdoctor.report import Report

FIT = "model.fit(x, y, validation_split=0.2, epochs=2, verbose=0)"


class TestWatching:
    @pytest.mark.parametrize(
        "cell",
        [
            f"h = %kdoctor fit {FIT}",
            "h = %kdoctor fit model.fit(\n    x, y,  # rows\n    validation_split=0.2,\n    epochs=2, verbose=0,\n)",
            f"%kdoctor fit\nh = {FIT}",
            f"%%kdoctor fit\nh = {FIT}",
            f"def train(inputs):\n    h = %kdoctor fit {FIT.replace('x,', 'inputs,', 1)}\n    return h\nh = train(x)",
            f"def train():\n    return {FIT}\nh = %kdoctor fit train()",
        ],
        ids=["line", "lines", "alone", "cell", "inside a function", "of a function"],
    )
    def test_every_way_to_write_it(self, digits_shell, cell):
        digits_shell.run(cell)
        assert len(digits_shell.run("h.history['val_loss']")) == 2
        (report,) = digits_shell.ip.kdoctor.runs.values()
        assert report.record.outcome.status == "finished"
        assert report.record.source.call.startswith("model.fit(")
        assert not hasattr(keras.Model.fit, "__tracebackhide__")
        (shown,) = digits_shell.shown
        assert {"text/html", "text/plain", "image/png"} <= set(shown)

    @pytest.mark.parametrize("cell", ["%%kdoctor fit\ntotal = 1 + 1", "%kdoctor fit\ntotal = 1 + 1"])
    def test_a_cell_without_a_fit_says_so_once(self, digits_shell, cell, capsys):
        digits_shell.run(cell)
        digits_shell.run("other = 2")
        assert capsys.readouterr().err.count("watched nothing, this cell called no Keras fit: write %kdoctor") == 1

    @pytest.mark.parametrize(
        "cell",
        [
            "%%kdoctor fit\nfor _ in range(3):\n    model.train_on_batch(x[:32], y[:32])",
            "%kdoctor fit\nfor _ in range(3):\n    model.train_on_batch(x[:32], y[:32])",
            "def train():\n    for _ in range(3):\n        model.train_on_batch(x[:32], y[:32])\n%kdoctor fit train()",
            "%kdoctor on\nfor _ in range(3):\n    model.train_on_batch(x[:32], y[:32])",
        ],
        ids=["cell", "alone", "of a function", "on"],
    )
    def test_a_loop_of_single_batches_has_a_report_when_it_is_over(self, digits_shell, cell, capsys):
        digits_shell.run(cell)
        (report,) = digits_shell.ip.kdoctor.runs.values()
        assert (report.record.fit.loop, report.record.outcome.steps) == ("train_on_batch", 3)
        (shown,) = digits_shell.shown
        assert "updates: 3" in shown["text/plain"]
        assert "watched nothing" not in capsys.readouterr().err
        still_on = cell.startswith("%kdoctor on")
        assert keras.Model.train_on_batch.__code__.co_filename.endswith("loops.py") is still_on

    def test_a_loop_that_fails_says_what_it_raised(self, digits_shell):
        digits_shell.fails("%%kdoctor fit\nmodel.train_on_batch(x[:32], y[:32])\n1 / 0")
        (report,) = digits_shell.ip.kdoctor.runs.values()
        assert report.record.outcome.exception == "ZeroDivisionError: division by zero"

    def test_a_loop_that_was_traced_before_is_told(self, digits_shell, capsys):
        digits_shell.run(
            "import tensorflow as tf\n"
            "@tf.function\n"
            "def step():\n"
            "    with tf.GradientTape() as tape:\n"
            "        loss = tf.reduce_sum(model(x))\n"
            "    model.optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)\n"
            "step()"
        )
        digits_shell.run("%%kdoctor fit\nstep()")
        said = capsys.readouterr().err
        assert "watched nothing, Adam counted 1 updates of which nothing can be seen" in said
        assert "Adam counted" in str(digits_shell.fails("%kdoctor fit step()"))

    def test_a_fit_by_a_name_of_before_is_no_loop(self, digits_shell):
        digits_shell.run("learn = model.fit")
        said = str(digits_shell.fails("%kdoctor fit learn(x, y, verbose=0)"))
        assert "fit was called by a name that it had before the watch began" in said
        assert digits_shell.ip.kdoctor.runs == {}

    def test_a_cell_that_fails_before_its_fit_says_only_that(self, digits_shell, capsys):
        digits_shell.fails(f"%%kdoctor fit\n1 / 0\n{FIT}")
        assert "watched nothing" not in capsys.readouterr().err

    def test_it_works_in_the_cell_that_loads_the_extension(self, digits_shell):
        digits_shell.run("%unload_ext kerasdoctor")
        digits_shell.run(f"%load_ext kerasdoctor\n%kdoctor fit {FIT}")
        assert len(digits_shell.ip.kdoctor.runs) == 1

    def test_the_assignment_is_found(self, digits_shell):
        digits_shell.run(f"history = %kdoctor fit {FIT}")
        report = digits_shell.run("%kdoctor report")
        assert report.record.source.assignment == "history = "

    def test_only_the_next_fit(self, digits_shell):
        digits_shell.run(f"%kdoctor fit\n{FIT}\nother = programs.classifier()\nother.fit(x, y, verbose=0)")
        assert len(digits_shell.ip.kdoctor.runs) == 1

    @pytest.mark.parametrize(
        "cell",
        [
            f"h = %kdoctor fit --level light {FIT}",
            f"%kdoctor fit --level light\nh = {FIT}",
            f"%%kdoctor fit --level light\nh = {FIT}",
            f"%kdoctor on --level light\nh = {FIT}\n%kdoctor off",
        ],
    )
    def test_the_level_is_an_option(self, digits_shell, cell):
        digits_shell.run(cell)
        (report,) = digits_shell.ip.kdoctor.runs.values()
        assert report.record.instrument.level == "light"
        assert report.record.source.assignment == "h = "
        digits_shell.run(f"%kdoctor fit {FIT}")
        assert list(digits_shell.ip.kdoctor.runs.values())[-1].record.instrument.level == "default"

    def test_several_fits_in_one_cell_are_one_output(self, digits_shell):
        digits_shell.run("%%kdoctor fit\nfor _ in range(2):\n    programs.classifier().fit(x, y, verbose=0)")
        assert len(digits_shell.ip.kdoctor.runs) == 2
        assert len(digits_shell.shown) == 1

    def test_on_and_off(self, digits_shell):
        digits_shell.run("%kdoctor on")
        digits_shell.run(FIT)
        digits_shell.run("%kdoctor off")
        digits_shell.run(FIT)
        assert len(digits_shell.ip.kdoctor.runs) == 1

    def test_unload_takes_everything_away_and_reload_brings_it_back(self, shell):
        before = list(shell.ip.input_transformers_cleanup)
        shell.run("%reload_ext kerasdoctor")
        assert shell.ip.input_transformers_cleanup == before
        shell.run("%unload_ext kerasdoctor")
        assert not hasattr(shell.ip, "kdoctor")
        assert "kdoctor" not in shell.ip.magics_manager.magics["line"]

    @pytest.mark.parametrize("form", ["%kdoctor fit {}", "%%kdoctor fit\n{}", "%kdoctor fit\n{}"])
    @pytest.mark.parametrize("error", ["KeyboardInterrupt", "ZeroDivisionError"])
    def test_the_users_exception_stops_the_cell_and_the_report_is_made(self, digits_shell, form, error):
        digits_shell.run(
            "class Stop(keras.callbacks.Callback):\n"
            "    def on_epoch_end(self, epoch, logs=None):\n"
            f"        raise {error}('mine')\n"
        )
        call = FIT.replace("verbose=0", "verbose=0, callbacks=[Stop()]")
        raised = digits_shell.fails(form.format(call))
        assert (type(raised).__name__, str(raised)) == (error, "mine")
        (report,) = digits_shell.ip.kdoctor.runs.values()
        assert report.record.outcome.status in {"interrupted", "raised"}
        assert len(digits_shell.shown) == 1


class TestBadInput:
    @pytest.mark.parametrize(
        ("cell", "words"),
        [
            ("%kdoctor fit 3 + 4", ["3 + 4", "write %kdoctor fit model.fit(x, y, ...)"]),
            ("%kdoctor fit len(x)", ["no Keras fit", "write %kdoctor fit"]),
            ("%kdoctor fit model.fit(x))", ["model.fit(x))", "write %kdoctor fit"]),
            ("%kdoctor fit programs.classifier(compiled=False).fit(x, y)", ["not compiled", "model.compile("]),
            ("%%kdoctor fit\nprograms.classifier(compiled=False).fit(x, y)", ["not compiled", "model.compile("]),
            ("%kdoctor fit --level loud model.fit(x, y)", ["no level 'loud'", "write one of light, default"]),
            ("%%kdoctor fit --level loud\nmodel.fit(x, y)", ["no level 'loud'"]),
            ("%kdoctor on --level loud", ["no level 'loud'"]),
            ("%%kdoctor fit please\n1", ["please", "takes nothing on its line"]),
            ("%kdoctor", ["a subcommand is missing: write %kdoctor with one of fit, check, on, off, "]),
            ("%kdoctor frobnicate", ["no subcommand 'frobnicate'", "report", "fix"]),
            ("%kdoctor report 99", ["no fit was watched yet"]),
            ("%kdoctor fix 1", ["no fit was watched yet"]),
            ("%kdoctor fix", ["the following arguments are required: N; write %kdoctor fix N [N ...] [--edit]"]),
            ("%kdoctor explain no-such", ["no-such", "unshuffled-split"]),
            ("%kdoctor ignore no-such", ["no-such", "unshuffled-split"]),
            ("%kdoctor report 'open", ["quotation"]),
            ("%%kdoctor report\n1", ["%%kdoctor fit"]),
        ],
    )
    def test_one_clear_line_without_a_traceback(self, digits_shell, capsys, cell, words):
        capsys.readouterr()
        digits_shell.fails(cell)
        printed = capsys.readouterr()
        said = printed.out + printed.err
        assert all(word in said for word in words), said
        assert "Traceback" not in said
        assert said.startswith("UsageError")
        assert said.count("\n") == 1

    def test_numbers_and_runs_that_do_not_exist(self, digits_shell, capsys):
        digits_shell.run(f"%kdoctor fit {FIT}")
        run = next(iter(digits_shell.ip.kdoctor.runs))
        for cell, words in [
            ("%kdoctor fix 99", ["'99'", f"run {run}"]),
            ("%kdoctor fix 77.1", ["'77'", run]),
            ("%kdoctor report 99", ["'99'", run]),
        ]:
            capsys.readouterr()
            digits_shell.fails(cell)
            said = capsys.readouterr().err
            assert said.startswith("UsageError")
            assert all(word in said for word in words), said

    def test_legacy_models_get_one_line(self, digits_shell, capsys, monkeypatch):
        legacy = types.ModuleType("tf_keras")

        class Model:
            def fit(self) -> None:
                """What the legacy package has."""

        legacy.Model = Model
        monkeypatch.setitem(sys.modules, "tf_keras", legacy)
        digits_shell.run("import tf_keras")
        digits_shell.fails("%kdoctor fit tf_keras.Model().fit()")
        assert "legacy tf_keras" in capsys.readouterr().err
        digits_shell.run("tf_keras.Model().fit()")


class TestAnswers:
    @pytest.fixture
    def broken(self, shell):
        shell.run(
            "import keras\n"
            "from tests import programs\n"
            "x, y = programs.digits(ordered=True)\n"
            "model = programs.classifier()\n"
        )
        shell.run("%kdoctor fit model.fit(x, y, validation_split=0.2, epochs=2, verbose=0)")
        return shell

    def test_the_quickstart_is_diagnosed_and_the_fix_cures_it(self, broken):
        first = broken.run("%kdoctor report")
        assert isinstance(first, Report)
        assert [diagnosis.name for diagnosis in first.diagnoses] == ["unshuffled-split"]
        broken.run("%kdoctor fix 1")
        cell = broken.ip.rl_next_input
        assert "permutation" in cell
        assert "%kdoctor fit model.fit(x, y, validation_split=0.2, epochs=2, verbose=0)" in cell
        broken.run(cell)
        second = broken.run("%kdoctor report")
        assert second is not first
        assert second.diagnoses == ()
        run = first.record.run
        with pytest.raises(UsageError, match=rf"there is no fix '1': .* has no prescriptions; write one of {run}\.1"):
            cells.find("1", {run: first, second.record.run: second})

    def test_several_fixes_are_one_cell(self, broken):
        broken.run("%kdoctor fix shuffle-jointly 1")
        assert broken.ip.rl_next_input == cells.find("1", broken.ip.kdoctor.runs).source
        first, second = [fix.number for *_, fix in broken.run("%kdoctor report").prescriptions()][:2]
        raised = str(broken.fails(f"%kdoctor fix {second} {first}"))
        run = next(iter(broken.ip.kdoctor.runs))
        assert raised == (
            f"fixes {run}.1 (shuffle-jointly) and {run}.2 (stratified-split) do not go together: "
            "both decide which rows validate; write one of them"
        )
        broken.run("%kdoctor fit model.fit(x, y, validation_split=0.2, epochs=1, verbose=0)")
        other = list(broken.ip.kdoctor.runs)[-1]
        raised = str(broken.fails(f"%kdoctor fix {run}.1 {other}.1"))
        assert raised == (
            "one cell treats one run, these fixes are of several: "
            f"write %kdoctor fix {run}.1 and %kdoctor fix {other}.1"
        )

    def test_where_one_fix_does_not_suffice_two_in_one_cell_do(self, shell):
        program = (
            "import keras\n"
            "import numpy as np\n"
            "keras.utils.set_random_seed(0)\n"
            "rng = np.random.default_rng(0)\n"
            "x = rng.normal(3000, 5000, (256, 12)).astype('float32')\n"
            "y = (x @ rng.normal(size=12) / 5000).astype('float32')\n"
            "layers = [keras.layers.Dense(32, activation='relu'), keras.layers.Dense(1)]\n"
            "model = keras.Sequential([keras.Input((12,)), *layers])\n"
            "model.compile(keras.optimizers.SGD(1.0), loss='mse')\n"
        )
        shell.run(program)
        shell.run("%kdoctor fit model.fit(x, y, validation_split=0.2, epochs=3, verbose=0)")
        run = shell.run("%kdoctor report").record.run

        def names_after(fixes: str) -> list[str]:
            shell.run(program)
            shell.run(f"%kdoctor fix {fixes}")
            shell.run(shell.ip.rl_next_input)
            return [diagnosis.name for diagnosis in shell.run("%kdoctor report").diagnoses]

        normalize, slower = f"{run}.normalization-layer", f"{run}.smaller-learning-rate"
        assert "nan-loss" in names_after(normalize)
        assert "nan-loss" in names_after(slower)
        assert "nan-loss" not in names_after(f"{normalize} {slower}")
        assert shell.ip.rl_next_input.count(".fit(") == shell.ip.rl_next_input.count(".compile(") == 1
        assert np.isfinite(shell.run("%kdoctor report").record.history["val_loss"]).all()

    def test_ignore_is_said_in_the_report(self, broken, capsys):
        broken.run("%kdoctor ignore unshuffled-split sorted on purpose")
        assert "unshuffled-split" in capsys.readouterr().out
        broken.run("%kdoctor fit model.fit(x, y, validation_split=0.2, epochs=1, verbose=0)")
        report = broken.run("%kdoctor report")
        assert report.diagnoses == ()
        reasons = {skipped.name: skipped.reason for skipped in report.skipped}
        assert "sorted on purpose" in reasons["unshuffled-split"]
        assert "this project ignores unshuffled-split" in str(report)

    def test_a_misspelt_diagnosis(self, shell):
        assert "did you mean overfitting or underfitting?" in str(shell.fails("%kdoctor explain overfiting"))

    def test_explain_shows_the_rules_own_words(self, shell):
        shell.run("%kdoctor explain nan-loss")
        (shown,) = shell.shown
        assert "## What it sees" in shown["text/markdown"]
        assert shown["text/plain"] == shown["text/markdown"]

    def test_explain_takes_a_cause_too(self, shell):
        shell.run("%kdoctor explain time-order")
        told = shell.shown[0]["text/markdown"]
        assert told.startswith("# unshuffled-split")
        assert "- **time-order**: " in told

    def test_files(self, broken, tmp_path):
        report = broken.run("%kdoctor report --json out.json --html out.html")
        assert json.loads((tmp_path / "out.json").read_text()) == report.to_dict()
        assert "<html" in (tmp_path / "out.html").read_text()

    def test_a_file_that_cannot_be_written(self, broken, capsys):
        broken.fails("%kdoctor report --json no/such/folder/out.json")
        assert "cannot write the report" in capsys.readouterr().err

    def test_report_to_dict_has_the_documented_form(self, broken):
        data = broken.run("%kdoctor report").to_dict()
        json.dumps(data, allow_nan=False)
        assert data["version"] == 1
        assert set(data) == {"version", "verdict", "diagnoses", "skipped"}
        assert set(data["verdict"]) == {"train", "validation", "reading", "sentence"}
        (diagnosis,) = data["diagnoses"]
        assert set(diagnosis) == {"name", "family", "severity", "message", "evidence", "causes"}
        for cause in diagnosis["causes"]:
            assert set(cause) == {"name", "status", "evidence", "prescriptions"}
            assert cause["status"] in {"confirmed", "possible", "ruled_out"}
            for prescription in cause["prescriptions"]:
                assert set(prescription) == {"title", "source", "applicability"}
