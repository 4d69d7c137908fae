"""Pictures of a report: pure functions of a `Report`, which they never change.

`text`, `html` and `figure` each have a `render(report)`; `bundle` joins them for a notebook.
"""
