"""Whether active selection needs fewer labels than chance: the whole loop with a teacher that answers in milliseconds.

    python -m benchmarks.label_efficiency teacher DATASET       fit the teacher to GPAW labels
    python -m benchmarks.label_efficiency reference             its own MD: frames to test on, diffusivities
    python -m benchmarks.label_efficiency campaigns             alloop run, for every policy and seed
    python -m benchmarks.label_efficiency table                 what came of them
    python -m benchmarks.label_efficiency retrospective DATASET the same choice among real GPAW labels

docs/label_efficiency.md says what is measured, and what was fixed beforehand.
"""
