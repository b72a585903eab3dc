import pytest

from alloop.config.machine import WandbConfig
from alloop.monitor.wandb_account import choose_mode, has_account, refused_for_good, sync_command

KEY = "0123456789" * 4


@pytest.mark.parametrize(
    ("config", "environ", "mode"),
    [
        ({}, {}, "offline"),
        ({}, {"WANDB_API_KEY": KEY}, "online"),
        ({"mode": "online"}, {}, "offline"),
        ({"mode": "offline"}, {"WANDB_API_KEY": KEY}, "offline"),
        ({}, {"WANDB_API_KEY": KEY, "WANDB_MODE": "offline"}, "offline"),
        ({"mode": "online"}, {"WANDB_API_KEY": KEY, "WANDB_MODE": "disabled"}, "disabled"),
        ({"enabled": False}, {"WANDB_API_KEY": KEY}, "disabled"),
    ],
)
def test_mode(tmp_path, config, environ, mode):
    assert choose_mode(WandbConfig.model_validate(config), environ | {"HOME": str(tmp_path)}) == mode


def test_an_account_may_stand_in_the_netrc_file_of_the_right_server(tmp_path):
    netrc = tmp_path / ".netrc"
    home = {"HOME": str(tmp_path)}
    assert not has_account(home)
    netrc.write_text(f"machine api.wandb.ai login user password {KEY}\n")
    netrc.chmod(0o600)
    assert has_account(home)
    assert not has_account(home | {"WANDB_BASE_URL": "https://wandb.example.org"})
    netrc.write_text("machine api.wandb.ai nonsense\n")
    assert not has_account(home)


class AuthenticationError(Exception):
    """As that of wandb is called."""


@pytest.mark.parametrize(
    ("error", "for_good"),
    [
        (AuthenticationError("API key must be 40 characters"), True),
        (RuntimeError("returned error 403: you have no permission"), True),
        (RuntimeError("returned error 500"), False),
        (TimeoutError("40 s"), False),
    ],
)
def test_an_account_that_is_refused_is_told_from_a_server_that_is_away(error, for_good):
    assert refused_for_good(error) is for_good


def test_the_command_that_sends_the_rest_names_the_config_where_an_entity_is_set(tmp_path):
    assert sync_command(WandbConfig(), tmp_path) == f"`alloop sync {tmp_path}`"
    assert sync_command(WandbConfig(entity="team"), tmp_path) == f"`alloop sync CONFIG --folder {tmp_path}`"
