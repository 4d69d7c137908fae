"""Two logical CPUs, so that a distribution strategy has replicas; TensorFlow takes this before its first operation."""

import tensorflow as tf

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
