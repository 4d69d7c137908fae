"""Large arrays: a sample is read, in stretches, and a disk is not read as a whole."""

from __future__ import annotations

import mmap
from typing import Any

import h5py
import keras
import numpy as np
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st

import kerasdoctor
from kerasdoctor.instrumentation.summaries import data

ROWS, FEATURES = 20_000, 8


@pytest.fixture
def scanned(monkeypatch):
    """A tenth of the arrays below is looked at."""
    monkeypatch.setattr(data, "SCANNED_BYTES", 2**16)
    monkeypatch.setattr(data, "SAMPLED_BYTES", 2**16)


def kept(folder: Any, kind: str) -> Any:
    x = np.arange(ROWS * FEATURES, dtype="float32").reshape(ROWS, FEATURES)
    if kind == "memory map":
        array = np.lib.format.open_memmap(folder / "x.npy", "w+", x.dtype, x.shape)
        array[:] = x
        return array
    if kind == "h5py":
        return h5py.File(folder / "x.h5", "w").create_dataset("x", data=x)
    if kind == "tensor":
        return keras.ops.convert_to_tensor(x)
    return x


@pytest.mark.usefixtures("scanned")
@pytest.mark.parametrize("kind", ["array", "memory map", "h5py", "tensor"])
def test_a_sample_is_the_rows_that_it_says(tmp_path, kind):
    facts, tap = data.summarize({"x": kept(tmp_path, kind), "y": np.arange(ROWS)}, {"y": 1})
    assert facts.n_train == tap.n == ROWS
    assert tap.sampled
    rows = tap.rows
    assert 0.05 * ROWS < len(rows) < 0.15 * ROWS
    assert (rows[0], rows[-1]) == (0, ROWS - 1)
    # no stretch of the data is left out
    assert np.diff(rows).max() < ROWS / 200
    np.testing.assert_array_equal(tap.inputs["x"][:, 0], rows * FEATURES)
    np.testing.assert_array_equal(tap.targets["y"], rows)


@pytest.mark.parametrize("shape", [(2 * 10**6 + 1, 1), (625 * 10**6, 4), (10**8,), (10**9, 0), (7, 10**9), (1, 10**9)])
def test_neither_many_bytes_nor_many_rows_are_looked_at(shape):
    # one number in memory, that stands for all of them
    x, y = np.broadcast_to(np.int8(1), shape), np.broadcast_to(np.int8(0), shape[:1])
    rows = data._sampled_rows(shape[0], [x, y])
    assert len(rows) <= data.SAMPLED_ROWS
    assert (rows[0], rows[-1]) == (0, shape[0] - 1)
    assert (np.diff(rows) > 0).all()
    if len(shape) > 1 and shape[0] > 7:
        assert len(rows) > 0.99 * data.SAMPLED_ROWS


@given(st.integers(2, 5000), st.integers(1, 400), st.integers(1, 300))
def test_stretches_are_apart_whatever_the_sizes(n, sampled, stretches):
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"SCANNED_ROWS": 1, "SAMPLED_ROWS": sampled, "STRETCHES": max(2, stretches)}.items():
            patch.setattr(data, name, value)
        rows = data._sampled_rows(n, [np.zeros(n, np.int8)])
    assert (np.diff(rows) > 0).all()
    assert (rows[0], rows[-1]) == (0, n - 1)
    assert len(rows) <= max(2, sampled)


@pytest.mark.usefixtures("scanned")
@pytest.mark.parametrize("mode", ["r", "r+", "c"])
def test_the_sample_of_a_memory_map_is_told_to_the_system(tmp_path, monkeypatch, mode):
    kept(tmp_path, "memory map").flush()
    told = []

    class Watched(mmap.mmap):
        def madvise(self, *arguments: int) -> None:
            told.append(arguments)
            super().madvise(*arguments)

    monkeypatch.setattr(mmap, "mmap", Watched)
    # a view, behind the header of the file
    x = np.load(tmp_path / "x.npy", mmap_mode=mode)[100:]
    _, tap = data.summarize({"x": x, "y": np.arange(len(x))}, {"y": 1})
    np.testing.assert_array_equal(tap.inputs["x"][:, 0], (tap.rows + 100) * FEATURES)
    pages = {page for _, low, size in told for page in range(low // mmap.PAGESIZE, -(-(low + size) // mmap.PAGESIZE))}
    offset = (tmp_path / "x.npy").stat().st_size - x.nbytes
    row = x.strides[0]
    assert pages == {
        byte // mmap.PAGESIZE for at in tap.rows.tolist() for byte in (offset + at * row, offset + (at + 1) * row - 1)
    }
    assert {advice for advice, _, _ in told} == {mmap.MADV_WILLNEED}


@pytest.mark.usefixtures("scanned")
def test_only_the_sample_is_read_from_a_file(tmp_path, monkeypatch):
    stored = kept(tmp_path, "h5py")
    read = []
    original = h5py.Dataset.__getitem__

    def counted(self: Any, key: Any, *more: Any) -> Any:
        rows = original(self, key, *more)
        read.append(len(rows))
        return rows

    monkeypatch.setattr(h5py.Dataset, "__getitem__", counted)
    monkeypatch.setattr(h5py.Dataset, "__array__", lambda *_: pytest.fail("all of it is read"))
    _, tap = data.summarize({"x": stored, "y": np.arange(ROWS)}, {"y": 1})
    assert sum(read) == len(tap.rows)


@pytest.mark.usefixtures("scanned")
def test_the_report_says_how_many_rows_were_looked_at(tmp_path):
    model = keras.Sequential([keras.Input((FEATURES,)), keras.layers.Dense(2, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    with kerasdoctor.watch(quiet=True) as watch:
        model.fit(kept(tmp_path, "memory map") / 1e6, np.arange(ROWS) % 2, batch_size=2000, epochs=1, verbose=0)
    found = watch.report.record.quantities["input_range"]
    assert not watch.report.record.failures
    assert found.scanned < found.rows == ROWS
    assert "feature_scale" in watch.report.record.quantities


@pytest.mark.parametrize(
    ("arguments", "weighted"),
    [
        ({"validation_split": 0.5}, False),
        ({"validation_split": 0.5, "sample_weight": np.ones(8)}, True),
        ({"validation_data": (np.ones((4, 2)), np.ones(4))}, False),
        ({"validation_data": (np.ones((4, 2)), np.ones(4), np.ones(4))}, True),
    ],
)
def test_whether_the_validation_rows_are_weighted(arguments, weighted):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    with kerasdoctor.watch(quiet=True) as watch:
        model.fit(np.ones((8, 2)), np.ones(8), verbose=0, **arguments)
    assert watch.report.record.fit.validation_weighted is weighted


@pytest.mark.parametrize("kind", ["csr_matrix", "coo_matrix", "csr_array"])
def test_sparse_rows_are_not_looked_at_and_the_report_says_so(kind):
    x = getattr(scipy.sparse, kind)(np.eye(40, FEATURES, dtype="float32"))
    model = keras.Sequential([keras.Input((FEATURES,)), keras.layers.Dense(2, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    with kerasdoctor.watch(quiet=True) as watch:
        model.fit(x, np.arange(40) % 2, verbose=0)
    record = watch.report.record
    assert not record.failures
    assert record.data.not_examined == f"x holds a {kind}: sparse rows are not looked at"
    assert record.fit.batch_size == 32
    assert "gradient_norm" in record.quantities


def test_nan_in_sparse_rows_is_found_in_its_batch():
    x = scipy.sparse.csr_matrix(np.eye(80, FEATURES, dtype="float32"))
    x[3, 3] = np.nan
    model = keras.Sequential([keras.Input((FEATURES,)), keras.layers.Dense(2, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    with kerasdoctor.watch(quiet=True) as watch:
        model.fit(x, np.arange(80) % 2, verbose=0, shuffle=False)
    assert not watch.report.record.failures
    assert watch.report.record.quantities["first_nonfinite"].step == 1


@pytest.mark.parametrize("part", ["y", "sample_weight", "validation_data"])
@pytest.mark.parametrize("sampled", [False, True])
def test_arrays_of_different_lengths_are_left_to_keras(part, sampled, monkeypatch):
    if sampled:
        monkeypatch.setattr(data, "SCANNED_BYTES", 2**6)
    x, y = np.arange(80.0).reshape(40, 2), np.arange(40)
    given = {"x": x, "y": y, "validation_split": 0.2}
    given |= {"validation_data": (x, y[:-1])} if part == "validation_data" else {part: y[:-1]}
    facts, tap = data.summarize(given, {"y": 1})
    assert tap is None
    assert "different lengths: 39, 40" in facts.not_examined

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("adam", "mse")
    with kerasdoctor.watch(quiet=True) as watch, pytest.raises(ValueError, match="cardinality"):
        model.fit(**given, verbose=0)
    assert not watch.report.record.failures
    assert "fit-raised" in [diagnosis.name for diagnosis in watch.report.diagnoses]
