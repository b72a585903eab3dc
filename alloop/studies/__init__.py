"""Studies: work that is asked of a campaign and changes none of its decisions.

A study with a kind of task of its own takes four files: what its tasks ask and answer (``alloop/tasks/contract``), how
they are computed (``alloop/tasks/kinds``), the study itself (a file here with its one instance, ``STUDY``), and its
section of the config (``alloop/config/studies.py``), whose name is the study's. One of known kinds takes the last two.
"""
