import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
FAILS_ONCE = """
import sys
from alloop.monitor.wandb_run import imported

class Full:
    def find_spec(self, name, path=None, target=None):
        if name == "wandb.sdk.wandb_run":
            sys.meta_path.remove(self)
            raise OSError("too many open files")

sys.meta_path.insert(0, Full())
for _ in range(2):
    try:
        print(imported().init.__name__)
    except Exception as error:
        print(type(error).__name__)
"""


def test_an_import_of_wandb_that_fails_halfway_does_not_spoil_the_next_one():
    done = subprocess.run(
        [sys.executable, "-c", FAILS_ONCE], capture_output=True, text=True, cwd=ROOT, timeout=300, check=True
    )
    assert done.stdout.split() == ["OSError", "init"]
