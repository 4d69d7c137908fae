"""Watches `fit`: taps, summaries of model, compile, data and call, and the callback that joins them."""
