"""What model, `compile`, data and the call looked like when `fit` began, as plain data."""
