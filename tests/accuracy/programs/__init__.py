"""All programs of the accuracy campaign: `PROGRAMS`, name -> program."""

from __future__ import annotations

from tests.accuracy.programs import (  # noqa: F401 # importing a module registers its programs
    faulty_data,
    faulty_generalization,
    faulty_loop,
    faulty_optimization,
    faulty_raised,
    faulty_targets,
    healthy_images,
    healthy_sequences,
    healthy_tables,
    threads,
    two_faults,
)
from tests.accuracy.programs.program import REGISTER, Program

PROGRAMS: dict[str, Program] = REGISTER
