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

DIES_BEFORE_EXIT = """
import sys
from pathlib import Path
from alloop.config.machine import WandbConfig
from alloop.monitor.wandb_run import end_core, open_run

open_run(WandbConfig(), "a", "a", Path(sys.argv[1]), "offline", init_timeout_s=60.0, finish_timeout_s=1.0)
end_core()
"""


ENDS_THE_INTERPRETER = """
import sys
import wandb
from alloop.monitor.wandb_run import teardown

wandb.teardown = lambda exit_code: sys.exit(-9)
teardown()
print("goes on")
"""


def python(program, *arguments):
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=300, check=True)


def test_an_import_of_wandb_that_fails_halfway_does_not_spoil_the_next_one():
    assert python(FAILS_ONCE).stdout.split() == ["OSError", "init"]


def test_wandbs_own_process_that_died_before_the_exit_leaves_no_traceback(tmp_path):
    assert python(DIES_BEFORE_EXIT, tmp_path).stderr == ""


def test_the_exit_code_of_wandbs_own_process_does_not_become_that_of_the_command():
    assert python(ENDS_THE_INTERPRETER).stdout == "goes on\n"
