"""False-alarm rate and power of every threshold, on simulated runs.

`python -m tests.accuracy.simulations` prints the tables, `--write` keeps them in RESULTS.md. Seeded: the same tables
every time. A live rule looks at every epoch; a run counts as an alarm when any look alarms.
"""
