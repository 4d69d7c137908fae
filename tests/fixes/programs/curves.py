"""Faults that the curves show."""

from __future__ import annotations

from tests.fixes.programs.base import (
    ACCURACY,
    BINARY,
    CIRCLES,
    DIABETES,
    DIGITS,
    FRIEDMAN,
    IMAGES,
    IMPORTS,
    OVERLAPPING,
    REVIEWS,
    SHAPES,
    SPARSE,
    SPLIT,
    TUMOURS,
    WAVE,
    WINES,
    compiled,
    dense,
    fit,
    notebook,
    stack,
)

notebook(
    "overlapping rows",
    OVERLAPPING,
    dense(20, [128, 128], 1, "sigmoid"),
    compiled('"adam"', BINARY, ACCURACY),
    fit("epochs=40, validation_split=0.3"),
)
notebook(
    "noisy digits",
    DIGITS + "\nx, y = x[:500] + 0.35 * np.random.default_rng(0).standard_normal((500, 64)), y[:500]",
    dense(64, [256, 256], 10),
    compiled('"adam"', SPARSE, ACCURACY),
    fit("epochs=40, validation_split=0.4"),
)
notebook(
    "diabetes, learned by heart",
    DIABETES,
    dense(10, [128, 128], 1, None),
    compiled("keras.optimizers.Adam(0.003)", '"mse"', '"mae"'),
    fit("epochs=50, validation_split=0.25"),
)
notebook(
    "sentences, learned by heart",
    REVIEWS + "\nx, y = x[:500], y[:500]",
    stack(
        "Input((20,))",
        "layers.Embedding(200, 32)",
        "layers.Flatten()",
        'layers.Dense(64, activation="relu")',
        'layers.Dense(1, activation="sigmoid")',
    ),
    compiled('"adam"', BINARY, ACCURACY),
    fit("epochs=25, validation_split=0.3"),
)
notebook(
    "shapes, learned by heart",
    SHAPES + '\nx = x + 0.7 * rng.standard_normal(x.shape).astype("float32")',
    stack(
        "Input((16, 16, 1))",
        'layers.Conv2D(16, 3, activation="relu")',
        "layers.Flatten()",
        'layers.Dense(64, activation="relu")',
        'layers.Dense(3, activation="softmax")',
    ),
    compiled('"adam"', SPARSE, ACCURACY),
    fit("epochs=20, validation_split=0.3"),
)
notebook(
    "over-confident about sentences",
    REVIEWS,
    stack(
        "Input((20,))",
        "layers.Embedding(200, 32)",
        "layers.GlobalAveragePooling1D()",
        'layers.Dense(1, activation="sigmoid")',
    ),
    compiled("keras.optimizers.Adam(0.03)", BINARY, ACCURACY),
    fit("epochs=40, validation_split=0.3"),
)
notebook(
    "a checkpoint by the loss",
    REVIEWS,
    stack(
        "Input((20,))",
        "layers.Embedding(200, 32)",
        "layers.GlobalAveragePooling1D()",
        'layers.Dense(1, activation="sigmoid")',
    ),
    compiled("keras.optimizers.Adam(0.03)", BINARY, ACCURACY),
    'save = keras.callbacks.ModelCheckpoint("sentences.keras", save_best_only=True)',
    fit("epochs=40, validation_split=0.3, callbacks=[save]"),
)
notebook(
    "a line through circles",
    CIRCLES,
    dense(2, [1], 1, "sigmoid"),
    compiled("keras.optimizers.Adam(0.01)", BINARY, ACCURACY),
    fit(f"epochs=25, {SPLIT}"),
)
notebook(
    "one unit for ten digits",
    DIGITS,
    dense(64, [1], 10, act="tanh"),
    compiled("keras.optimizers.Adam(0.005)", SPARSE, ACCURACY),
    fit(f"epochs=30, {SPLIT}"),
)
notebook(
    "nine of ten units dropped",
    DIGITS,
    stack(
        "Input((64,))",
        'layers.Dense(64, activation="relu")',
        "layers.Dropout(0.9)",
        'layers.Dense(64, activation="relu")',
        "layers.Dropout(0.9)",
        'layers.Dense(10, activation="softmax")',
    ),
    compiled('"adam"', SPARSE, ACCURACY),
    fit(f"epochs=15, {SPLIT}"),
)
notebook(
    "circles with strong dropout",
    CIRCLES,
    stack(
        "Input((2,))",
        'layers.Dense(16, activation="relu")',
        "layers.Dropout(0.6)",
        'layers.Dense(16, activation="relu")',
        "layers.Dropout(0.6)",
        'layers.Dense(1, activation="sigmoid")',
    ),
    compiled('"adam"', BINARY, ACCURACY),
    fit(f"epochs=20, {SPLIT}"),
)
notebook(
    "circles under slow SGD",
    CIRCLES,
    dense(2, [32, 32], 1, "sigmoid"),
    compiled("keras.optimizers.SGD(0.003)", BINARY, ACCURACY),
    fit(f"epochs=20, {SPLIT}"),
)
notebook(
    "too few epochs of digits",
    DIGITS,
    dense(64, [32], 10),
    compiled("keras.optimizers.SGD(0.01)", SPARSE, ACCURACY),
    fit(f"epochs=6, {SPLIT}"),
)
notebook(
    "stopped while it improves",
    FRIEDMAN,
    dense(10, [32], 1, None),
    compiled("keras.optimizers.Adam(0.0002)", '"mse"', '"mae"'),
    fit(f"epochs=12, {SPLIT}"),
)
notebook(
    "no patience",
    FRIEDMAN + "\nx, y = x[:1000], y[:1000]",
    dense(10, [64], 1, None),
    compiled('"adam"', '"mse"', '"mae"'),
    "stop = keras.callbacks.EarlyStopping(min_delta=0.1, patience=0)",
    fit(f"epochs=60, {SPLIT}, callbacks=[stop]"),
)
notebook(
    "stopping by what is not logged",
    TUMOURS,
    dense(30, [16], 1, "sigmoid"),
    compiled('"adam"', BINARY, ACCURACY),
    'stop = keras.callbacks.EarlyStopping("val_loss", patience=3)',
    fit("epochs=12, callbacks=[stop]"),
)
notebook(
    "more patience than epochs",
    DIABETES,
    dense(10, [128, 128], 1, None),
    compiled("keras.optimizers.Adam(0.003)", '"mse"', '"mae"'),
    "stop = keras.callbacks.EarlyStopping(patience=60)",
    fit("epochs=40, validation_split=0.25, callbacks=[stop]"),
)
notebook(
    "stopping without the best weights",
    DIABETES,
    dense(10, [128, 128], 1, None),
    compiled('"adam"', '"mse"', '"mae"'),
    "stop = keras.callbacks.EarlyStopping(patience=25)",
    fit("epochs=60, validation_split=0.25, callbacks=[stop]"),
)
notebook(
    "an accuracy that should fall",
    DIGITS,
    dense(64, [64], 10),
    compiled("keras.optimizers.SGD(0.05)", SPARSE, ACCURACY),
    'stop = keras.callbacks.EarlyStopping("val_accuracy", mode="min", patience=3, restore_best_weights=True)',
    fit(f"epochs=40, {SPLIT}, callbacks=[stop]"),
)
notebook(
    "stopping by the training loss",
    OVERLAPPING,
    dense(20, [128, 128], 1, "sigmoid"),
    compiled('"adam"', BINARY, ACCURACY),
    'stop = keras.callbacks.EarlyStopping("loss", patience=5)',
    fit("epochs=40, validation_split=0.3, callbacks=[stop]"),
)
notebook(
    "batch normalization of few updates",
    IMAGES + "\nx = 10 * x",
    stack(
        "Input((8, 8, 1))",
        'layers.Conv2D(16, 3, activation="relu")',
        "layers.BatchNormalization()",
        'layers.Conv2D(16, 3, activation="relu")',
        "layers.BatchNormalization()",
        "layers.Flatten()",
        'layers.Dense(10, activation="softmax")',
    ),
    compiled("keras.optimizers.Adam(0.005)", SPARSE, ACCURACY),
    fit(f"epochs=6, batch_size=256, {SPLIT}"),
)
notebook(
    "batch normalization of two rows",
    DIGITS + "\nx, y = x[:400], y[:400]",
    stack(
        "Input((64,))",
        'layers.Dense(32, activation="relu")',
        "layers.BatchNormalization()",
        'layers.Dense(10, activation="softmax")',
    ),
    compiled('"adam"', SPARSE, ACCURACY),
    fit(f"epochs=4, batch_size=2, {SPLIT}"),
)
notebook(
    "batch normalization of single rows",
    DIGITS + "\nx, y = x[:300], y[:300]",
    stack(
        "Input((64,))",
        'layers.Dense(32, activation="relu")',
        "layers.BatchNormalization()",
        'layers.Dense(10, activation="softmax")',
    ),
    compiled('"adam"', SPARSE, ACCURACY),
    fit(f"epochs=4, batch_size=1, {SPLIT}"),
)
notebook(
    "a penalty on activities inside TimeDistributed",
    WAVE + "\nx = x[..., None]",
    stack(
        "Input((20, 1))",
        'layers.TimeDistributed(keras.layers.Dense(8, activity_regularizer="l1"))',
        "layers.GRU(8)",
        "layers.Dense(1)",
    ),
    compiled('"adam"', '"mse"'),
    fit(f"epochs=3, {SPLIT}"),
)

notebook(
    "jumping shapes",
    SHAPES,
    stack(
        "Input((16, 16, 1))",
        'layers.Conv2D(16, 3, activation="relu")',
        "layers.Flatten()",
        'layers.Dense(32, activation="relu")',
        'layers.Dense(3, activation="softmax")',
    ),
    compiled("keras.optimizers.Adam(0.01)", SPARSE, ACCURACY),
    fit("epochs=26, batch_size=8, validation_split=0.4"),
)
notebook(
    "jumping sentences",
    REVIEWS,
    stack(
        "Input((20,))",
        "layers.Embedding(200, 16)",
        "layers.GlobalAveragePooling1D()",
        'layers.Dense(16, activation="relu")',
        'layers.Dense(1, activation="sigmoid")',
    ),
    compiled("keras.optimizers.Adam(0.1)", BINARY, ACCURACY),
    fit("epochs=30, batch_size=8, validation_split=0.4"),
)
notebook(
    "stopped by the loss",
    REVIEWS,
    stack(
        "Input((20,))",
        "layers.Embedding(200, 32)",
        "layers.GlobalAveragePooling1D()",
        'layers.Dense(1, activation="sigmoid")',
    ),
    compiled("keras.optimizers.Adam(0.03)", BINARY, ACCURACY),
    "stop = keras.callbacks.EarlyStopping(patience=30)",
    fit("epochs=40, validation_split=0.3, callbacks=[stop]"),
)
notebook(
    "few noisy digits",
    DIGITS + "\nx, y = x[:500] + 0.5 * np.random.default_rng(0).standard_normal((500, 64)), y[:500]",
    dense(64, [64], 10),
    compiled('"adam"', SPARSE, ACCURACY),
    fit("epochs=25, validation_split=0.5"),
)
notebook(
    "dropout behind the output",
    DIGITS,
    stack(
        "Input((64,))",
        'layers.Dense(64, activation="relu")',
        'layers.Dense(10, activation="softmax")',
        "layers.Dropout(0.2)",
    ),
    compiled('"adam"', SPARSE, ACCURACY),
    fit(f"epochs=10, {SPLIT}"),
)
notebook(
    "wines under slow SGD",
    WINES,
    dense(13, [32, 32], 3),
    compiled("keras.optimizers.SGD(0.0011)", SPARSE, ACCURACY),
    fit("epochs=20, batch_size=16, validation_split=0.25"),
)
INTERRUPT = """# the interrupt button, pressed once
pressed = [{epoch}]


class Interrupt(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch in pressed:
            pressed.remove(epoch)
            raise KeyboardInterrupt"""
notebook(
    "interrupted half-way",
    DIGITS,
    dense(64, [64], 10),
    compiled("keras.optimizers.SGD(0.02)", SPARSE, ACCURACY),
    INTERRUPT.format(epoch=8),
    fit(f"epochs=20, {SPLIT}, callbacks=[Interrupt()]"),
)
notebook(
    "interrupted behind its best",
    OVERLAPPING,
    dense(20, [128, 128], 1, "sigmoid"),
    compiled('"adam"', BINARY, ACCURACY),
    INTERRUPT.format(epoch=25),
    fit("epochs=60, validation_split=0.3, callbacks=[Interrupt()]"),
)
notebook(
    "batch normalization that remembers the last row",
    DIGITS,
    stack(
        "Input((64,))",
        'layers.Dense(32, activation="relu")',
        "layers.BatchNormalization(momentum=0.01)",
        'layers.Dense(10, activation="softmax")',
    ),
    compiled('"adam"', SPARSE, ACCURACY),
    fit("epochs=8, validation_data=(x[1441:], y[1441:])", "x[:1441]", "y[:1441]"),
)
notebook(
    "rows of another scale behind",
    DIGITS + "\nx[1437:] *= 4",
    stack(
        "Input((64,))",
        'layers.Dense(32, activation="relu")',
        "layers.BatchNormalization(momentum=0.9)",
        'layers.Dense(10, activation="softmax")',
    ),
    compiled('"adam"', SPARSE, ACCURACY),
    fit(f"epochs=25, {SPLIT}"),
)
notebook(
    "a regularizer set on built layers",
    DIGITS,
    dense(64, [64], 10),
    "for layer in model.layers:\n    layer.kernel_regularizer = keras.regularizers.L2(0.001)\n"
    + compiled('"adam"', SPARSE, ACCURACY),
    fit(f"epochs=6, {SPLIT}"),
)
notebook(
    "a fine-tuned batch normalization",
    DIGITS,
    """base = keras.Sequential([
    keras.Input((64,)),
    keras.layers.Dense(64, activation="relu"),
    keras.layers.BatchNormalization(),
    keras.layers.Dense(64, activation="relu"),
    keras.layers.BatchNormalization(),
], name="base")
first = keras.Sequential([keras.Input((64,)), base, keras.layers.Dense(10, activation="softmax")])
first.compile("adam", "sparse_categorical_crossentropy")
first.fit(x[:1400], y[:1400], epochs=20, verbose=0)""",
    """model = keras.Sequential([
    keras.Input((64,)),
    base,
    keras.layers.Dense(10, activation="softmax"),
])""",
    compiled('"adam"', SPARSE, ACCURACY),
    "inverted, labels = 1 - x[1400:1600], y[1400:1600]",
    fit(f"epochs=8, {SPLIT}", "inverted", "labels"),
)
PHOTOS = f"""{IMPORTS}
rng = np.random.default_rng(0)
y = rng.integers(0, 2, 300)
x = rng.uniform(0, 255, (300, 32, 32, 3)).astype("float32")
x[y == 1, 8:24, 8:24] = 255"""
notebook(
    "bytes for MobileNet",
    PHOTOS,
    'base = keras.applications.MobileNetV2((32, 32, 3), alpha=0.35, include_top=False, weights=None, pooling="avg")\n'
    "base.trainable = False",
    """model = keras.Sequential([
    keras.Input((32, 32, 3)),
    base,
    keras.layers.Dense(1, activation="sigmoid"),
])""",
    compiled('"adam"', BINARY, ACCURACY),
    fit(f"epochs=3, {SPLIT}"),
)
notebook(
    "divided before a base that divides",
    PHOTOS,
    """base = keras.Sequential([
    keras.Input((32, 32, 3)),
    keras.layers.Rescaling(1 / 255),
    keras.layers.Conv2D(8, 3, strides=2, activation="relu"),
    keras.layers.GlobalAveragePooling2D(),
], name="base")
first = keras.Sequential([keras.Input((32, 32, 3)), base, keras.layers.Dense(1, activation="sigmoid")])
first.compile("adam", "binary_crossentropy")
first.fit(x, y, epochs=5, verbose=0)
base.trainable = False
x = x / 255""",
    """model = keras.Sequential([
    keras.Input((32, 32, 3)),
    base,
    keras.layers.Dense(1, activation="sigmoid"),
])""",
    compiled('"adam"', BINARY, ACCURACY),
    fit(f"epochs=4, {SPLIT}"),
)
