"""Every test begins in a clean environment, in which no real AWS account can be reached."""

import os
import signal
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

from tests.drawing import pytest_runtest_setup, pytest_terminal_summary
from tests.made_once import keep_imports, pytest_collection_finish, share_models
from tests.policies.recorder import policies_allow_every_call, policies_recorded
from tests.scheduling import pytest_collection_modifyitems, pytest_xdist_make_scheduler

__all__ = [
    "policies_allow_every_call",
    "policies_recorded",
    "pytest_collection_finish",
    "pytest_collection_modifyitems",
    "pytest_runtest_setup",
    "pytest_terminal_summary",
    "pytest_xdist_make_scheduler",
]

_FOREIGN = ("AWS_", "INVOKE_", "FABRIC_", "DJANGO_", "GIT_", "SSH_", "RAMPED_")
_ALONE = ("NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS", "LINES", "TTY_COMPATIBLE", "TTY_INTERACTIVE")

share_models()
keep_imports()

# Hundreds of Python processes begin here, and compiling Django costs each two seconds: what one compiles the others read.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# Random in every run; a failure prints how to see it again. No deadline for an example: it would find slow machines.
settings.register_profile("quick", max_examples=150, deadline=None, print_blob=True, suppress_health_check=list(HealthCheck))
settings.register_profile("brief", settings.get_profile("quick"), max_examples=30)
settings.register_profile("long", settings.get_profile("quick"), max_examples=10_000)
# The same examples for each mutant, so that its fate is the same again; that one fails is enough, the least is not looked for.
settings.register_profile(
    "mutants",
    settings.get_profile("brief"),
    max_examples=12,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),
    print_blob=False,
)
settings.load_profile("quick")

# In the background of a script, or under nohup, these are ignored, by children too: what the tests start could not be stopped.
for _number in (signal.SIGHUP, signal.SIGQUIT):
    signal.signal(_number, signal.SIG_DFL)
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    for name in list(os.environ):
        if name.startswith(_FOREIGN) or name in _ALONE:
            monkeypatch.delenv(name)
    nowhere = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    for name, value in nowhere.items():
        monkeypatch.setenv(name, value)
    # Neither the settings nor the keys of whoever runs the tests.
    monkeypatch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
    # `fab`, `inv` and `python` of the environment that runs the tests.
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--policies-used", metavar="FILE", help="append what the tests used of the published IAM policies")
