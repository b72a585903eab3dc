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
        f"curl -H 'Authorization: Bearer {KEY}' https://api.example",
        f"curl -H 'X-API-Key: {KEY}' https://api.example",
        f"curl -u me:{KEY} https://api.example",
        f"sshpass -p {KEY} ssh node",
        f"sshpass -p{KEY} ssh node",
        f"mysql -u me -p{KEY} jobs",
        f"MYSQL_PWD={KEY} mysql jobs",
        f"setenv WANDB_API_KEY {KEY}",
        f"echo {KEY} | wandb login",
        f"wandb login <<< {KEY}",
        f"echo {KEY} | sudo -S modprobe x",
        f"docker login -u me -p {KEY} registry.example",
        f"openssl enc -pass pass:{KEY} -in x",
        f"git clone https://ghp_{KEY[:36]}@git.example/me/x",
        f"export X=hf_{KEY}",
        f"-----BEGIN OPENSSH PRIVATE KEY-----  {KEY}",
        f"curl -H 'Cookie: session={KEY}' https://api.example",
        f"curl --proxy-user me:{KEY} https://api.example",
        f"http -a me:{KEY} https://api.example",
        f"smbclient //h/s -U me%{KEY}",
        f"ldapsearch -x -D cn=me -w {KEY}",
        f"redis-cli -h h -a {KEY}",
        f"mongosh -u me -p {KEY}",
        f"sqlplus me/{KEY}@jobs",
        f"htpasswd -b users me {KEY}",
        f"lftp -u me,{KEY} h",
        f"unzip -P {KEY} a.zip",
        f"ssh-keygen -N {KEY}",
        f"rclone --sftp-pass {KEY}",
        f"aws configure set aws_secret_access_key {KEY}",
        f"set -gx WANDB_API_KEY {KEY}",
        f"os.environ['API_KEY'] = '{KEY}'",
        f"read -r PASSWORD <<< {KEY}",
        f"printf 'machine api.wandb.ai login me password {KEY}' > x",
        f"curl https://hooks.slack.com/services/T00000000/B00000000/{KEY}",
        f"curl 'https://x.blob.core.example/c/f?sv=2020&sig={KEY}'",
        f"export X=sk_live_{KEY}",
        f"export X=dckr_pat_{KEY}",
        f"export X=hvs.{KEY}",
        f"python -c 'MPRester(\"{KEY}\")'",
        f"export MY_PW={KEY}",
        f"export X_PASSPHRASE='correct horse battery {KEY}'",
        f"read -s PASS <<< {KEY}",
        f"zip -P {KEY} a.zip",
        f'python -c \'import os; os.environ.setdefault("API_KEY", "{KEY}")\'',
        f'python -c \'keyring.set_password("x", "me", "{KEY}")\'',
        f"curl https://api.telegram.org/bot123456789:AA{KEY}/sendMessage",
        f"conda install -c https://conda.anaconda.org/t/{KEY}/me x",
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
    ("old", "new"),
    [
        ("seed: 7", f"WANDB_API_KEY:{KEY}\nseed: 7"),
        ("seed: 7", f"seed: 7\nAPI_TOKEN = {KEY}"),
        ("seed: 7", f"seed: {KEY}"),
        ("seed: 7", f"overlap: {KEY}\nseed: 7"),
        ("name: small", f'name: "API_KEY: {KEY}"'),
    ],
)
def test_a_secret_in_a_line_that_is_no_setting_is_not_quoted(folder, old, new):
    with pytest.raises(ConfigError) as caught:
        load_config(folder.broken(old, new))
    assert KEY not in "".join(caught.value.lines())


def test_a_secret_in_a_text_that_a_command_reads_is_refused_too(folder):
    lines = f"        kinit me << END\n        {KEY}\n        END"
    message = told(folder, BASE.replace(LOCAL, f"local:\n      kind: local\n      worker_init: |\n{lines}"))
    assert "holds what looks like a secret (a password)" in message
    assert KEY not in message


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
        f"git checkout {KEY}",
        "mysql -P 3306 -u me -p jobs",
        "sshpass -f ~/.pass ssh node",
        'curl -H "Authorization: Bearer $TOKEN" https://api.example',
        'echo "$WANDB_KEY" | wandb login',
        "rsync -a me@node:/data/x /scratch/x",
        "export PGPASSFILE=~/.pgpass",
        "set -euo pipefail",
        "ssh-keygen -t ed25519 -f job -N ''",
        "sqlplus / as sysdba",
        "export GPAW_SETUP_PATH=/opt/gpaw OLDPWD=work-12345678",
        "srun --mpi=pmix -n 4 gpaw python x.py",
        "export POTPAW=potentials-12345678",
        "export KEYBOARD=querty-12345678 MKL_KEYWORDS=threads-12345678",
        "export TITLE='a long run of Li3InCl6' KEY_FILE='/home/me/my keys/job'",
    ],
)
def test_ordinary_lines_are_no_secrets(folder, line):
    text = BASE.replace(LOCAL, f"local:\n      kind: local\n      worker_init: |\n        {line}")
    cross_check(load_config(folder.config(text)))


@pytest.mark.parametrize("name", ["project", "entity"])
def test_a_key_of_wandb_in_place_of_a_name_is_refused(folder, name):
    message = told(folder, f"{BASE}monitor:\n  wandb: {{{name}: '{KEY}'}}\n")
    assert f"monitor.wandb.{name}: holds what looks like a secret (an API key of W&B)" in message
    assert KEY not in message


@pytest.mark.parametrize("new", ["https://me:hunter2@host.example/a.cif", "a.cif?api_key=hunter2hunter2"])
def test_a_secret_in_a_path_is_printed_by_no_other_problem(folder, new):
    with pytest.raises(ConfigError) as caught:
        cross_check(load_config(folder.broken("structures/LiCl.extxyz", new)))
    lines = caught.value.lines()
    assert any("systems[0].structure: holds what looks like a secret" in line for line in lines)
    assert len(lines) == 2
    assert "hunter2" not in "\n".join(lines)


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
