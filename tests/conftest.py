"""What holds for every test: property tests have no deadline on a busy machine, and draw the same in CI."""

import os

from hypothesis import settings

settings.register_profile("alloop", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("alloop")
