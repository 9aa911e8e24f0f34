"""Commands that a project's files name become app.build only where they are seen, and where nobody chose a value."""

import pytest

from tasks.decisions.setup.build_setting import BuildSetting, build_setting
from tasks.decisions.setup.build_steps import Steps

FOUND = Steps(("make css", "make js"), ("Makefile",))
NONE = Steps()
NULL, CSS, BOTH = "app:\n  build: null\n", 'app:\n  build: ["make css"]\n', 'app:\n  build: ["make css", "make js"]\n'
OWN = 'app:\n  build: ["yarn build"]\n'
TAKEN = "fabric.yaml: app.build: taken from Makefile: make css; make js: read it"
ADD = "fabric.yaml: app.build is left as it is; Makefile would add: make css; make js: add what the site needs"


@pytest.mark.parametrize(
    ("found", "current", "base", "commands", "says"),
    [
        (FOUND, None, None, FOUND.commands, TAKEN),
        (NONE, None, None, None, ""),
        # The operator removed the file: it stays so.
        (FOUND, None, NULL, FOUND.commands, ""),
        # What an earlier `init` wrote follows the project's files, and is shown.
        (FOUND, CSS, CSS, FOUND.commands, TAKEN),
        (FOUND, CSS + "# mine\n", CSS, FOUND.commands, TAKEN),
        (FOUND, BOTH, BOTH, FOUND.commands, TAKEN),
        (FOUND, BOTH + "# mine\n", BOTH, FOUND.commands, ""),
        (NONE, CSS, CSS, None, "fabric.yaml: app.build: no file of the project has these any more: make css"),
        # Nothing is added where it was null, or where the operator has chosen.
        (FOUND, NULL, NULL, None, f"{ADD}, or set []"),
        (FOUND, NULL, None, None, f"{ADD}, or set []"),
        (FOUND, "app: {}\n", NULL, None, f"{ADD}, or set []"),
        (FOUND, "app: [", NULL, None, f"{ADD}, or set []"),
        (FOUND, NULL, CSS, ["make css"], f"{ADD}, or set []"),
        (FOUND, OWN, CSS, ["make css"], ADD),
        (FOUND, OWN, NULL, None, ADD),
        (FOUND, BOTH, NULL, None, ""),
        (FOUND, "app:\n  build: []\n", NULL, None, ""),
        (NONE, OWN, CSS, ["make css"], ""),
    ],
)
def test_what_becomes_of_app_build(
    found: Steps, current: str | None, base: str | None, commands: list[str] | None, says: str
) -> None:
    assert build_setting(found, current, base) == BuildSetting(commands, says)
