import pytest

from alloop.files.redaction import concealed, redacted

KEY = "0123456789abcdef" * 2


@pytest.mark.parametrize("name", ["WANDB_API_KEY", "GITHUB_TOKEN", "MY_SECRET", "DB_PASSWORD", "aws_secret_access_key"])
def test_secrets_of_the_environment_are_hidden_wherever_they_stand(name):
    text = f"401: key={KEY}, again {KEY}"
    assert redacted(text, {name: KEY, "HOME": "/nowhere"}) == "401: key=[secret], again [secret]"


def test_a_password_of_the_netrc_file_is_hidden(tmp_path):
    (tmp_path / ".netrc").write_text(f"machine api.wandb.ai login user password {KEY}\n")
    assert redacted(f"denied {KEY}", {"HOME": str(tmp_path)}) == "denied [secret]"
    (tmp_path / "elsewhere").write_text(f"machine x login user password other{KEY}\n")
    environ = {"HOME": str(tmp_path), "NETRC": str(tmp_path / "elsewhere")}
    assert redacted(f"denied other{KEY}", environ) == "denied [secret]"


def test_what_looks_like_a_secret_is_hidden_and_what_stands_around_it_is_not():
    text = f"curl -u me:hunter2 https://x:{KEY}@host.example/y failed with KeyError: 'energy_key: expected'"
    told = "curl -u me:[secret] https://x:[secret]@host.example/y failed with KeyError: 'energy_key: expected'"
    assert concealed(text) == told
    assert concealed(told) == told
    assert redacted(text, {"HOME": "/nowhere"}) == told


@pytest.mark.parametrize("environ", [{"TOKENIZERS_PARALLELISM": "false"}, {"KEY_FILE": "/home/me/key"}, {"PATH": KEY}])
def test_what_is_no_secret_stays(environ):
    (text,) = environ.values()
    assert redacted(text, {**environ, "HOME": "/nowhere"}) == text


def test_a_secret_within_a_longer_one_leaves_nothing_of_it():
    environ = {"A_KEY": "abcdefgh", "B_KEY": "abcdefghijklmnop", "HOME": "/nowhere"}
    assert redacted("abcdefghijklmnop", environ) == "[secret]"
