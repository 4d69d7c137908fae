"""The weights of a model as arrays, and the penalties on them."""

from __future__ import annotations

import keras
import numpy as np
from numpy.typing import NDArray

#: Bytes of one variable that are read, from the begin of its first axis.
MOST_BYTES = 64 * 2**20
#: Bytes of all of them together.
MOST_IN_ALL = 512 * 2**20


def trainable(model: keras.Model) -> dict[str, NDArray[np.generic]]:
    """Path -> value of every trainable variable, of the largest ones a part."""
    found: dict[str, NDArray[np.generic]] = {}
    left = MOST_IN_ALL
    for variable in model.trainable_variables:
        size = int(np.prod(variable.shape)) * 4
        if min(size, MOST_BYTES) > left:
            continue
        left -= min(size, MOST_BYTES)
        value = variable.value
        if size > MOST_BYTES and variable.shape:
            value = value[: max(1, int(variable.shape[0] * MOST_BYTES / size))]
        found[variable.path] = np.asarray(keras.ops.convert_to_numpy(value))
    return found


def penalty(model: keras.Model) -> float | None:
    """Sum of what the weight regularizers add to the loss right now; None without any.

    Read outside of the train step, as Keras's own `Layer.losses` computes it; activity regularizers depend on a batch
    and are not in it.
    """
    regularized = [
        variable for variable in model.trainable_variables if getattr(variable, "regularizer", None) is not None
    ]
    if not regularized:
        return None
    return sum(float(keras.ops.convert_to_numpy(variable.regularizer(variable))) for variable in regularized)
