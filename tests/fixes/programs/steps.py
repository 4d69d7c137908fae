"""Faults that the steps show."""

from __future__ import annotations

from tests.fixes.programs.base import (
    ACCURACY,
    BINARY,
    DIGITS,
    FRIEDMAN,
    MOONS,
    RAW_TUMOURS,
    ROWS,
    SPARSE,
    SPLIT,
    TUMOURS,
    WAVE,
    compiled,
    dense,
    fit,
    notebook,
    stack,
)

notebook(
    "SGD of 8 on tumours",
    TUMOURS,
    dense(30, [16, 16], 1, "sigmoid"),
    compiled("keras.optimizers.SGD(8.0)", BINARY, ACCURACY),
    fit(f"epochs=15, {SPLIT}"),
)
notebook(
    "SGD of 0.5 with momentum on friedman",
    FRIEDMAN,
    dense(10, [32], 1, None),
    compiled("keras.optimizers.SGD(0.5, momentum=0.9)", '"mse"', '"mae"'),
    fit(f"epochs=6, {SPLIT}"),
)
notebook(
    "RMSprop of 0.2 on a wave",
    WAVE,
    dense(20, [24], 1, None),
    compiled("keras.optimizers.RMSprop(0.2)", '"mse"'),
    fit(f"epochs=12, {SPLIT}"),
)
notebook(
    "SGD that reaches NaN",
    FRIEDMAN,
    dense(10, [64, 64], 1, None),
    compiled("keras.optimizers.SGD(5.0)", '"mse"', '"mae"'),
    fit(f"epochs=4, {SPLIT}"),
)
notebook(
    "SGD on raw tumours reaches NaN",
    RAW_TUMOURS + '\ny = y.astype("float32")',
    dense(30, [32], 1, None),
    compiled("keras.optimizers.SGD(0.01)", '"mse"'),
    fit(f"epochs=5, {SPLIT}"),
)
notebook(
    "a learning rate of a millionth",
    DIGITS,
    dense(64, [64, 32], 10),
    compiled("keras.optimizers.Adam(1e-6)", SPARSE, ACCURACY),
    fit(f"epochs=20, {SPLIT}"),
)
notebook(
    "a decay counted in epochs",
    DIGITS,
    dense(64, [64, 32], 10),
    "rate = keras.optimizers.schedules.ExponentialDecay(1e-3, decay_steps=10, decay_rate=0.5)\n"
    + compiled("keras.optimizers.Adam(rate)", SPARSE, ACCURACY),
    fit(f"epochs=20, {SPLIT}"),
)
notebook(
    "a decay that ends at once",
    DIGITS,
    dense(64, [64, 32], 10),
    "rate = keras.optimizers.schedules.ExponentialDecay(1e-4, decay_steps=2, decay_rate=0.5)\n"
    + compiled("keras.optimizers.Adam(rate)", SPARSE, ACCURACY),
    fit(f"epochs=20, {SPLIT}"),
)
notebook(
    "a cosine over one epoch",
    FRIEDMAN,
    dense(10, [32], 1, None),
    compiled("keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(1e-3, 60))", '"mse"', '"mae"'),
    fit(f"epochs=20, {SPLIT}"),
)
notebook(
    "a hasty reduction on plateaus",
    FRIEDMAN,
    dense(10, [32], 1, None),
    compiled('"adam"', '"mse"', '"mae"'),
    "reduce = keras.callbacks.ReduceLROnPlateau(min_delta=0.2, patience=1, factor=0.1)",
    fit(f"epochs=20, {SPLIT}, callbacks=[reduce]"),
)
notebook(
    "a warm-up longer than the run",
    FRIEDMAN,
    dense(10, [32], 1, None),
    "rate = keras.optimizers.schedules.CosineDecay(0.0, 50_000, warmup_target=1e-3, warmup_steps=50_000)\n"
    + compiled("keras.optimizers.Adam(rate)", '"mse"', '"mae"'),
    fit(f"epochs=15, {SPLIT}"),
)
notebook(
    "a corrupt file",
    DIGITS + "\nx[320:336] = np.random.default_rng(0).uniform(0, 400, (16, 64))",
    dense(64, [64], 10),
    compiled('"adam"', SPARSE, ACCURACY),
    fit("epochs=12, validation_data=(x[1400:], y[1400:])", "x[:1400]", "y[:1400]"),
)
notebook(
    "momentum near one",
    DIGITS,
    dense(64, [64], 10),
    compiled("keras.optimizers.SGD(0.3, momentum=0.97)", SPARSE, ACCURACY),
    fit(f"epochs=15, {SPLIT}"),
)
notebook(
    "a recurrence that grows",
    WAVE + "\nx = x[..., None]",
    stack(
        "Input((20, 1))",
        'layers.SimpleRNN(32, activation="relu", recurrent_initializer=keras.initializers.Identity(1.3))',
        "layers.Dense(1)",
    ),
    compiled("keras.optimizers.RMSprop(0.005)", '"mse"'),
    fit(f"epochs=6, {SPLIT}"),
)
notebook(
    "large initial kernels",
    FRIEDMAN,
    dense(10, [48, 48, 48], 1, None, "kernel_initializer=keras.initializers.RandomNormal(stddev=2.0)"),
    compiled('"adam"', '"mse"', '"mae"'),
    fit(f"epochs=10, {SPLIT}"),
)
notebook(
    "large initial kernels of digits",
    DIGITS,
    dense(64, [64, 64], 10, "softmax", "kernel_initializer=keras.initializers.RandomNormal(stddev=3.0)"),
    compiled('"adam"', SPARSE, ACCURACY),
    fit(f"epochs=10, {SPLIT}"),
)
notebook(
    "saturated tanh",
    FRIEDMAN,
    dense(10, [48, 48], 1, None, "kernel_initializer=keras.initializers.RandomNormal(stddev=6.0)", "tanh"),
    compiled('"adam"', '"mse"', '"mae"'),
    fit(f"epochs=12, {SPLIT}"),
)
notebook(
    "tanh on large features",
    FRIEDMAN + "\nx = 200 * x",
    dense(10, [48, 48], 1, None, act="tanh"),
    compiled('"adam"', '"mse"', '"mae"'),
    fit(f"epochs=12, {SPLIT}"),
)
notebook(
    "ten sigmoid layers",
    DIGITS,
    dense(64, [32] * 10, 10, "softmax", act="sigmoid"),
    compiled("keras.optimizers.SGD(0.05)", SPARSE, ACCURACY),
    fit(f"epochs=12, {SPLIT}"),
)
notebook(
    "small initial kernels",
    DIGITS,
    dense(64, [32] * 4, 10, "softmax", "kernel_initializer=keras.initializers.RandomNormal(stddev=0.001)"),
    compiled("keras.optimizers.SGD(0.05)", SPARSE, ACCURACY),
    fit(f"epochs=12, {SPLIT}"),
)
notebook(
    "biases far below zero",
    DIGITS,
    dense(64, [64, 32], 10, "softmax", "bias_initializer=keras.initializers.Constant(-6.0)"),
    compiled("keras.optimizers.SGD(0.05)", SPARSE, ACCURACY),
    fit(f"epochs=10, {SPLIT}"),
)
notebook(
    "kernels below zero",
    DIGITS,
    dense(64, [64, 32], 10, "softmax", "kernel_initializer=keras.initializers.RandomUniform(-0.5, 0.01)"),
    compiled("keras.optimizers.SGD(0.05)", SPARSE, ACCURACY),
    fit(f"epochs=10, {SPLIT}"),
)
notebook(
    "units killed by long steps",
    DIGITS,
    dense(64, [64, 64], 10),
    compiled("keras.optimizers.SGD(3.0)", SPARSE, ACCURACY),
    fit(f"epochs=10, {SPLIT}"),
)
notebook(
    "units killed by a penalty",
    DIGITS,
    dense(64, [64, 32], 10, "softmax", "activity_regularizer=keras.regularizers.L1(5.0)"),
    compiled("keras.optimizers.Adam(0.01)", SPARSE, ACCURACY),
    fit(f"epochs=15, {SPLIT}"),
)
notebook(
    "zero kernels",
    FRIEDMAN,
    dense(10, [32, 16], 1, None, 'kernel_initializer="zeros"'),
    compiled('"adam"', '"mse"', '"mae"'),
    fit(f"epochs=8, {SPLIT}"),
)
notebook(
    "constant kernels",
    MOONS,
    dense(2, [24, 24], 1, "sigmoid", 'kernel_initializer="ones"'),
    compiled('"adam"', BINARY, ACCURACY),
    fit(f"epochs=12, {SPLIT}"),
)
notebook(
    "a large L2",
    DIGITS,
    dense(64, [64, 64], 10, "softmax", "kernel_regularizer=keras.regularizers.L2(0.5)"),
    compiled('"adam"', SPARSE, ACCURACY),
    fit(f"epochs=15, {SPLIT}"),
)
notebook(
    "a large penalty on activities",
    DIGITS,
    dense(64, [64, 64], 10, "softmax", "activity_regularizer=keras.regularizers.L2(3.0)", act="tanh"),
    compiled('"adam"', SPARSE, ACCURACY),
    fit(f"epochs=15, {SPLIT}"),
)
notebook(
    "one batch an epoch",
    FRIEDMAN,
    dense(10, [32], 1, None),
    compiled('"adam"', '"mse"', '"mae"'),
    fit(f"epochs=20, batch_size=1000, {SPLIT}"),
)
notebook(
    "digits in pairs",
    DIGITS + "\nx, y = x[:600], y[:600]",
    dense(64, [64, 64], 10),
    compiled("keras.optimizers.SGD(0.2)", SPARSE, ACCURACY),
    fit("epochs=15, batch_size=2, validation_split=0.5"),
)
notebook(
    "a rate that keeps the accuracy jumping",
    TUMOURS,
    dense(30, [64, 64], 1, "sigmoid"),
    compiled("keras.optimizers.Adam(0.05)", BINARY, ACCURACY),
    fit("epochs=30, batch_size=8, validation_split=0.3"),
)
notebook(
    "a jumping accuracy of uneven classes",
    ROWS.replace("class_sep=1.5", "weights=[0.9], flip_y=0.1"),
    dense(20, [64, 64], 1, "sigmoid"),
    compiled("keras.optimizers.Adam(0.03)", BINARY, ACCURACY),
    fit("epochs=30, batch_size=8, validation_split=0.4"),
)
notebook(
    "nothing is trainable",
    DIGITS,
    dense(64, [64], 10),
    "model.trainable = False\n" + compiled('"adam"', SPARSE, ACCURACY),
    fit(f"epochs=6, {SPLIT}"),
)
notebook(
    "frozen after compile",
    DIGITS,
    dense(64, [64, 32], 10),
    compiled('"adam"', SPARSE, ACCURACY),
    "model.layers[0].trainable = False",
    fit(f"epochs=6, {SPLIT}"),
)
notebook(
    "the optimizer of another model",
    DIGITS,
    "mine = keras.optimizers.Adam()\n" + dense(64, [32], 10).replace("model", "other"),
    'other.compile(mine, "sparse_categorical_crossentropy")\nother.fit(x, y, verbose=0)',
    dense(64, [64, 32], 10),
    compiled("mine", SPARSE, ACCURACY),
    fit(f"epochs=4, {SPLIT}"),
)

notebook(
    "targets of hundreds under large steps",
    FRIEDMAN + "\ny = 150 * y",
    dense(10, [32], 1, None),
    compiled("keras.optimizers.SGD(0.01, momentum=0.5)", '"mse"'),
    fit(f"epochs=8, {SPLIT}"),
)
SMALL = "keras.initializers.RandomNormal(stddev=0.01)"
notebook(
    "gradients of nearly nothing",
    DIGITS,
    stack(
        "Input((64,))",
        *(f"layers.Dense(32, activation='relu', use_bias=False, kernel_initializer={SMALL})",) * 3,
        "layers.Dense(10, activation='softmax', use_bias=False)",
    ),
    compiled("keras.optimizers.SGD(0.001)", SPARSE, ACCURACY),
    fit(f"epochs=10, {SPLIT}"),
)
notebook(
    "a dead network of few validation rows",
    ROWS,
    dense(20, [16], 1, "sigmoid", "bias_initializer=keras.initializers.Constant(-12.0)"),
    compiled('"adam"', BINARY, ACCURACY),
    fit("epochs=8, validation_split=0.03"),
)
notebook(
    "a dead network for many epochs",
    DIGITS,
    dense(64, [64, 32], 10, "softmax", "bias_initializer=keras.initializers.Constant(-6.0)"),
    compiled("keras.optimizers.SGD(0.05)", SPARSE, ACCURACY),
    fit("epochs=14, validation_split=0.03"),
)
notebook(
    "a cycle that goes too high",
    DIGITS,
    dense(64, [64], 10),
    compiled("keras.optimizers.SGD(0.1)", SPARSE, ACCURACY),
    "cycle = keras.callbacks.LearningRateScheduler(lambda epoch, rate: {8: 40 * rate, 9: rate / 40}.get(epoch, rate))\n"
    'save = keras.callbacks.ModelCheckpoint("digits.{epoch}.weights.h5", save_weights_only=True)',
    fit(f"epochs=12, {SPLIT}, callbacks=[cycle, save]"),
)
notebook(
    "a rate that grows to NaN",
    FRIEDMAN,
    dense(10, [64, 64], 1, None),
    compiled("keras.optimizers.SGD(0.001)", '"mse"', '"mae"'),
    "growth = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate if epoch == 0 else 5 * rate)\n"
    'save = keras.callbacks.ModelCheckpoint("friedman.{epoch}.weights.h5", save_weights_only=True)',
    fit(f"epochs=9, {SPLIT}, callbacks=[growth, save]"),
)
notebook(
    "SGD on raw tumours without relu",
    RAW_TUMOURS + '\ny = y.astype("float32")',
    dense(30, [32], 1, None, act="elu"),
    compiled("keras.optimizers.SGD(0.01)", '"mse"'),
    fit(f"epochs=5, {SPLIT}"),
)
notebook(
    "Poisson of what may be negative",
    FRIEDMAN + "\ny = np.random.default_rng(0).poisson(np.exp(0.5 * y)).astype('float32')".replace("'", '"'),
    dense(10, [32], 1, None),
    compiled('"adam"', '"poisson"'),
    fit(f"epochs=6, {SPLIT}"),
)
notebook(
    "a gap that only validates",
    DIGITS + "\nx[1700, 2] = np.nan",
    dense(64, [64], 10, act="tanh"),
    compiled('"adam"', SPARSE, ACCURACY),
    fit(f"epochs=6, {SPLIT}"),
)
notebook(
    "weights that hold NaN",
    DIGITS,
    dense(64, [64], 10, act="tanh"),
    compiled('"adam"', SPARSE, ACCURACY),
    "kernel, bias = model.layers[0].get_weights()\nkernel[3] = np.nan\nmodel.layers[0].set_weights([kernel, bias])",
    fit(f"epochs=4, {SPLIT}"),
)
notebook(
    "half precision of large features",
    FRIEDMAN + '\nx = 50_000 * x\nkeras.config.set_dtype_policy("mixed_float16")',
    dense(10, [32], 1, None),
    compiled('"adam"', '"mse"'),
    fit(f"epochs=4, {SPLIT}"),
)


def without_a_unit(change: str, units: int = 10) -> tuple[str, ...]:
    """The cells of labels without a unit, of which a compiled loss makes NaN."""
    compiles = compiled('"adam"', SPARSE, ACCURACY).replace(")", ", jit_compile=True)")
    return f"{DIGITS}{change}", dense(64, [64], 10).replace("Dense(10", f"Dense({units}"), compiles


notebook("labels beyond the outputs, compiled", *without_a_unit("\ny = y + 1"), fit(f"epochs=4, {SPLIT}"))
notebook("masked labels, compiled", *without_a_unit("\ny[::9] = -1"), fit(f"epochs=4, {SPLIT}"))
notebook("fewer outputs than classes, compiled", *without_a_unit("", 8), fit(f"epochs=4, {SPLIT}"))
