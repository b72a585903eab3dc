import pytest

from alloop.checks.crosscheck import cross_check
from alloop.checks.secrecy import secrets_in
from alloop.config import ConfigError, load_config
from tests.support.configs import BASE

KEY = "0123456789abcdef0123456789abcdef01234567"
LOCAL = "local: {kind: local, workers: 2}"


def told(folder, text):
    with pytest.raises(ConfigError) as caught:
        cross_check(load_config(folder.config(text)))
    return str(caught.value)


@pytest.mark.parametrize(
    "line",
    [
        f"export WANDB_API_KEY={KEY}",
        f"export GITHUB_TOKEN='{KEY}'",
        f"module load x; DB_PASSWORD={KEY} start",
        f"wandb login {KEY}",
        f"wandb login --relogin {KEY}",
        f"tool --api-key {KEY}",
        f"tool --token={KEY}",
        f"pip install --index-url https://me:{KEY}@registry.example/simple x",
        "export AWS=AKIAIOSFODNN7EXAMPLE",
    ],
)
def test_a_secret_in_a_shell_line_is_refused_without_being_quoted(folder, line):
    text = BASE.replace(LOCAL, f"local:\n      kind: local\n      worker_init: |\n        {line}")
    message = told(folder, text)
    assert "execution.executors.local.worker_init: holds what looks like a secret" in message
    assert "set it in the environment" in message
    assert KEY not in message
    assert "AKIAIOSFODNN7EXAMPLE" not in message
    assert "\n" not in message


@pytest.mark.parametrize(
    "line",
    [
        "source ~/alloop/.venv/bin/activate",
        "export WANDB_API_KEY=$(cat ~/.wandb-key)",
        'export WANDB_API_KEY="$MY_KEY"',
        "export TOKEN_FILE=/run/secrets/token",
        "export SSL_KEYLOGFILE=~/keys.log",
        "export OMP_NUM_THREADS=1 MKL_NUM_THREADS=1",
        "module load python/3.11 openmpi/4.1.6",
        "#SBATCH --mail-user=me@example.org",
        "git clone https://github.com/ACEsuit/mace",
    ],
)
def test_ordinary_lines_are_no_secrets(folder, line):
    text = BASE.replace(LOCAL, f"local:\n      kind: local\n      worker_init: |\n        {line}")
    cross_check(load_config(folder.config(text)))


def test_a_secret_among_the_arguments_of_a_calculator_is_refused(folder):
    gpaw = "engine: gpaw\n  xc: PBE\n  cutoff_eV: 340\n  kpts: [2, 2, 2]"
    ase = f"engine: ase\n  calculator: ase.calculators.emt:EMT\n  arguments: {{api_key: {KEY}}}"
    message = told(folder, BASE.replace(gpaw, ase))
    assert "label.arguments.api_key: holds what looks like a secret" in message
    assert KEY not in message


@pytest.mark.parametrize("key", ["label.gpaw", "select.options", "explore.options", "ladder.options"])
def test_a_secret_is_refused_wherever_a_user_may_name_the_keys(folder, key):
    section, _, name = key.partition(".")
    text = BASE.replace(f"\n{section}:\n", f"\n{section}:\n  {name}: {{api_key: {KEY}}}\n")
    found = dict(secrets_in(load_config(folder.config(text)).config))
    assert "holds what looks like a secret" in found[(section, name, "api_key")]
