import subprocess
import sys
from pathlib import Path

import pytest

from tasks.settings.environment import nearest, take
from tasks.settings.schema import variables

ROOT = Path(__file__).parents[2]
OURS = {
    "INVOKE_ROLLOUT_SURGE": "2",
    "FABRIC_GROUPS": "a,b",
    "INVOKE_RESTART_DEADLINE": "60",  # an old name
    "FABRIC_APP_NONSENSE": "x",
    "FABRIC_AWS": "x",
    "INVOKE_ROLOUT_SURGE": "2",
    "INVOKE_ROLOUT_NONSENSE": "2",
    "FABRIC_HEALTHCHECK_INTERVAL": "2",
    "FABRIC_HEALTH_CHEK_NONSENSE": "2",
    "INVOKE_SURGE": "2",
    "INVOKE_GROUP": "web",
}
OTHERS = {
    "FABRIC_SSH_CONFIG_PATH": "/x",
    "INVOKE_RUN_ECHO": "1",
    "INVOKE_RUNNERS_LOCAL": "x",
    "INVOKE_TASKS_DEDUPE": "1",
    "INVOKE_TASKS_SEARCH_ROOT": "/x",
    "INVOKE_SUDO_USER": "x",
    "FABRIC_TIMEOUTS_CONNECT": "5",
    "FABRIC_AUTHENTICATION_STRATEGY_CLASS": "x",
    "FABRIC_CONNECT_KWARGS": "x",
    "FABRIC_PORT": "22",
    "FABRIC_USER": "x",
    "FABRIC_GATEWAY": "x",
    "INVOKE_RUNTIME_CONFIG": "x.yaml",
    "INVOKE_DEBUG": "1",
    "FABRIC_CFG_PATH": "/etc/hyperledger",
    "FABRIC_LOGGING_SPEC": "debug",
    "FABRIC_CA_CLIENT_HOME": "/x",
    "INVOKE_MYTOOL_LEVEL": "3",
    "INVOKE_": "x",
    "ROLLOUT_SURGE": "x",
    "AWS_PROFILE": "x",
}


def test_our_variables_are_taken_misspelt_ones_too_and_others_stay() -> None:
    environ = {**OURS, **OTHERS}
    assert take(environ) == OURS
    assert environ == OTHERS


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("ROLOUT_SURGE", "ROLLOUT_SURGE"),
        ("SURGE", "ROLLOUT_SURGE"),
        ("GROUP", "GROUPS"),
        ("ROLLOUT_INSTANCE_TIMOUT", "ROLLOUT_INSTANCE_TIMEOUT"),
        ("MYTOOL_LEVEL", None),
    ],
)
def test_the_nearest_variable_is_found(name: str, near: str | None) -> None:
    assert nearest(name, variables()) == near


def test_without_variables_of_ours_the_schema_is_not_loaded() -> None:
    code = "import sys, tasks; print([name for name in ('yaml', 'tasks.settings.schema') if name in sys.modules])"
    environ = {"PATH": "/usr/bin:/bin", **OTHERS}
    own = {name: value for name, value in environ.items() if name not in ("FABRIC_CFG_PATH", "INVOKE_MYTOOL_LEVEL")}
    own = {name: value for name, value in own.items() if not name.startswith(("FABRIC_LOGGING", "FABRIC_CA"))}
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=own, capture_output=True, text=True, check=True)
    assert "tasks.settings.schema" not in loaded.stdout
