import pytest

from alloop.config.machine import WandbConfig
from alloop.monitor.wandb_account import choose_mode, has_account

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
