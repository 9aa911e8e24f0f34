"""What to do where the settings import a module that is not installed."""

from functools import partial

import pytest
import yaml

from tasks.decisions.setup.extras import advice, advice_for_drop_ins
from tasks.hosts.shell.installation import with_extra

BY_PIP = partial(with_extra, "pip", True)
FAILURE = "ModuleNotFoundError: No module named 'environ' (sandbox/settings.py:2)"
EXTRAS = '[project.optional-dependencies]\ndocs = ["Sphinx>=5"]\ntest = ["pytz", "django-environ>=0.4,<0.13"]\n'


def test_an_extra_that_has_the_module_is_named_with_its_command() -> None:
    begin = "; environ is in the extra test of pyproject.toml: set app.install in fabric.yaml to "
    assert advice(FAILURE, EXTRAS, BY_PIP) == begin + "[\"python -m pip install -e '.[test]'\"]"
    # An environment of uv has no pip.
    by_uv = advice(FAILURE, EXTRAS, partial(with_extra, "pip", False)).removeprefix(begin)
    assert yaml.safe_load(by_uv) == ["uv pip install --quiet --python \"$VIRTUAL_ENV/bin/python\" -e '.[test]'"]


@pytest.mark.parametrize(
    "pyproject",
    [
        "",
        "[project]\nname = 'x'\n",
        "no toml [",
        "project = 1\n",
        EXTRAS.replace("environ", "x"),
        "[project]\noptional-dependencies = {a = 1}\n",
        "[project]\noptional-dependencies = {a = 'django-environ', b = [1], c = {environ = 1}}\n",
        "[project]\noptional-dependencies = 1\n",
        "[project]\noptional-dependencies = ['environ']\n",
    ],
)
def test_without_such_an_extra_the_requirements_are(pyproject: str) -> None:
    assert advice(FAILURE, pyproject, BY_PIP).startswith("; if the site's requirements lack environ, add it")


def test_another_failure_is_left_as_it_is() -> None:
    assert advice("KeyError: 'DATABASE_URL'", EXTRAS, BY_PIP) == ""
    # A local_settings.py that git ignores, for example: no requirement has it.
    assert advice("ModuleNotFoundError: No module named 'environ.local_settings' (environ/settings.py:9)", EXTRAS, BY_PIP) == ""


@pytest.mark.parametrize(("tool", "end"), [("uv", " --extra test"), ("poetry", " --extras test"), ("pdm", " --group test")])
def test_where_a_lock_file_installs_the_site_its_tool_installs_the_extra(tool: str, end: str) -> None:
    """pip would install other versions than those of the lock file."""
    said = advice(FAILURE, EXTRAS, partial(with_extra, tool, False))
    (command,) = yaml.safe_load(said.partition("fabric.yaml to ")[2])
    assert command.endswith(end) and tool in command.split() and "pip" not in command


@pytest.mark.parametrize(
    "tool, has_pip, command",
    [
        ("pip", True, "/v/bin/python -m pip install whitenoise"),
        ("pip", False, "uv pip install --python /v/bin/python whitenoise"),
        ("uv", False, "uv add whitenoise"),
        ("poetry", True, "poetry add whitenoise"),
        ("pdm", False, "pdm add whitenoise"),
        ("pipenv", True, "pipenv install whitenoise"),
    ],
)
def test_the_tool_that_installs_the_site_installs_whitenoise(tool: str, has_pip: bool, command: str) -> None:
    """What pip installs beside a lock file is not on the hosts, and an environment of uv has no pip."""
    assert f"`{command}`" in advice_for_drop_ins(tool, "/v/bin/python", has_pip)
