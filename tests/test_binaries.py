"""Real `fab` and `invoke`, as an operator types them."""

import json
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from tests.worlds.operator_folder import BINARIES, SETTINGS, Folder

TASKS = '''\
import os
import sys
import time

from ops import ns
from ops.runtime.command import command


def wait():
    # A signal that comes just before a sleep is seen after it.
    for _ in range(3000):
        time.sleep(0.1)


@command(help={"revision": "which one"})
def show(run, revision: str | None = None, fast: bool = False):
    """Show what the run was given."""
    settings = run.settings
    run.out.say(f"{run.dry} {settings.rollout.surge!r} {settings.rollout.raise_max} {settings.groups} {settings.aws.profile}")
    run.out.say(f"{revision} {fast} | {run.command}")


@command(changes=True)
def work(run):
    """Work until somebody stops it."""
    with run.step("work"):
        if not run.dry:
            run.changes.note()
        run.out.progress("working")
        wait()


@command
def idle(run):
    """Begin nothing."""
    run.out.say("idle")
    wait()


@command
def pour(run):
    """Print more than anybody reads."""
    for number in range(20000):
        run.out.say(f"line {number}")
    with open(os.environ["DONE"], "w") as file:
        file.write("done")


@command
def call_aws(run):
    """Ask AWS for something."""
    import boto3

    with run.step("ask"):
        boto3.client("ec2", region_name=run.settings.aws.region, endpoint_url=run.settings.aws.endpoint).describe_instances()


for one in (show, work, idle, pour, call_aws):
    ns.add_task(one)
'''


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path, TASKS)


def shown(folder: Folder, binary: str, *words: str, cwd: str = ".", **env: str) -> list[str]:
    answer = folder.run(binary, *words, cwd=cwd, env=env)
    assert (answer.err, answer.code) == ("", 0)
    return answer.out.splitlines()


def test_both_commands_list_the_same(folder: Folder) -> None:
    lists = [shown(folder, binary, "--list", cwd="some/sub") for binary in (*BINARIES, "inv")]
    assert lists[0] == lists[1] == lists[2]
    assert "    call-aws Ask AWS for something." in [re.sub(r"(call-aws) +", r"\1 ", line) for line in lists[0]]
    assert all("_" not in line.split()[0] for line in lists[0] if line.strip() and not line.startswith("Available"))


@pytest.mark.parametrize("binary", BINARIES)
def test_help_shows_docstring_and_options(folder: Folder, binary: str) -> None:
    text = "\n".join(shown(folder, binary, "--help", "show"))
    assert "Show what the run was given." in text
    assert re.search(r"--revision=STRING +which one", text)
    assert "--fast" in text


@pytest.mark.parametrize("binary", BINARIES)
def test_the_settings_are_read_from_every_subfolder(folder: Folder, binary: str) -> None:
    for cwd in (".", "some/sub/folder"):
        first, second = shown(folder, binary, "show", "--revision", "a b", "--fast", cwd=cwd)
        assert first == "False 1 True ('web',) None"
        assert second == f"a b True | {binary} show --revision 'a b' --fast"


@pytest.mark.parametrize("binary", BINARIES)
@pytest.mark.parametrize("prefix", ["INVOKE", "FABRIC"])
def test_variables_are_typed_under_both_commands(folder: Folder, binary: str, prefix: str) -> None:
    env = {
        f"{prefix}_ROLLOUT_SURGE": "2",
        f"{prefix}_GROUPS": "web,api",
        f"{prefix}_ROLLOUT_RAISE_MAX": "false",
        f"{prefix}_AWS_PROFILE": "",
    }
    (folder.path / "fabric.yaml").write_text(
        SETTINGS.replace("region:", "profile: mine\n  region:") + "rollout: {raise_max: true}\n"
    )
    first, second = shown(folder, binary, "show", **env)
    assert first == "False 2 False ('web', 'api') None"
    assert second.endswith(f"{prefix}_GROUPS=web,api {prefix}_ROLLOUT_RAISE_MAX=false {prefix}_ROLLOUT_SURGE=2 {binary} show")


@pytest.mark.parametrize("binary", BINARIES)
def test_f_wins_over_the_environment(folder: Folder, binary: str) -> None:
    (folder.path / "more.yaml").write_text("rollout: {surge: 7}\ngroups: [more]\n")
    for words in (("-f", "more.yaml", "show"), ("--config=more.yaml", "show"), ("show", "-f", "more.yaml")):
        assert shown(folder, binary, *words, INVOKE_ROLLOUT_SURGE="2")[0] == "False 7 True ('more',) None"
    assert shown(folder, binary, "show", INVOKE_RUNTIME_CONFIG="more.yaml")[0] == "False 7 True ('more',) None"


@pytest.mark.parametrize("binary", BINARIES)
def test_dry_is_seen(folder: Folder, binary: str) -> None:
    assert shown(folder, binary, "--dry", "show")[0].startswith("True ")
    (folder.path / "fabric.yaml").write_text(SETTINGS + "run: {dry: true}\n")
    assert shown(folder, binary, "show")[0].startswith("True ")


def failed(folder: Folder, binary: str, *words: str, **env: str) -> list[str]:
    answer = folder.run(binary, *words, env=env)
    assert (answer.out, answer.code) == ("", 2)
    return answer.err.splitlines()


@pytest.mark.parametrize("binary", BINARIES)
@pytest.mark.parametrize(
    ("files", "words", "told"),
    [
        ({"fabric.yaml": None}, ["show"], ["no fabric.yaml in "]),
        ({"fabric.yaml": ""}, ["show"], ["fabric.yaml: aws.region: missing", *["fabric.yaml: "] * 6]),
        ({"fabric.yaml": "aws: [\n"}, ["show"], ["fabric.yaml:2:1: not YAML: "]),
        ({"fabric.yaml": "- a\n- b\n"}, ["show"], ["fabric.yaml: found a list of 2; allowed: sections", *["fabric.yaml: "] * 7]),
        ({"fabric.yaml": b"\xff\xfe\xff"}, ["show"], ["fabric.yaml: not YAML: "]),
        ({"fabric.yaml": SETTINGS + "run: 5\n"}, ["show"], ["fabric.yaml:12: run: found 5 (a number); allowed: a section"]),
        ({"fabric.yaml": SETTINGS + "run: {env: 5}\n"}, ["show"], ["fabric.yaml: a key of Invoke or Fabric itself: "]),
        ({"fabric.yaml": SETTINGS + "rolout: {}\n"}, ["show"], ["fabric.yaml:12: rolout: unknown key; did you mean rollout?"]),
        ({}, ["-f", "none.yaml", "show"], ["-f none.yaml: no such file"]),
        ({"x.toml": ""}, ["-f", "x.toml", "show"], ["-f x.toml: found a file of type '.toml'"]),
        ({"x.yaml": "a: b: c"}, ["-f", "x.yaml", "show"], ["x.yaml:1:5: not YAML: "]),
        ({"x.yaml": "- a"}, ["-f", "x.yaml", "show"], ["x.yaml: found a list of 1"]),
        ({"x.yaml": "aws: 5"}, ["-f", "x.yaml", "show"], ["x.yaml:1: aws: found 5 (a number); allowed: a section of region"]),
        ({"x.json": "{"}, ["show", "-f", "x.json"], ["x.json:1:2: not JSON: "]),
        ({}, ["-f", "ops", "show"], ["-f ops: found a file of type ''"]),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, dict) else " ",
)
def test_wrong_files_are_lines_with_exit_code_2(
    folder: Folder, binary: str, files: dict[str, str | bytes | None], words: list[str], told: list[str]
) -> None:
    for name, text in files.items():
        if text is None:
            (folder.path / name).unlink()
        else:
            (folder.path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    lines = failed(folder, binary, *words)
    assert len(lines) == len(told), lines
    assert all(line.startswith(words) for line, words in zip(lines, told, strict=True)), lines


@pytest.mark.parametrize("binary", BINARIES)
def test_wrong_variables_are_lines_with_exit_code_2(folder: Folder, binary: str) -> None:
    lines = failed(folder, binary, "show", INVOKE_ROLOUT_SURGE="2", FABRIC_ROLLOUT_POLL="soon", FABRIC_GROUPS="")
    assert [line.split(";")[0] for line in lines] == [
        "INVOKE_ROLOUT_SURGE: unknown variable",
        "FABRIC_GROUPS: groups: found a list of 0",
        "FABRIC_ROLLOUT_POLL: rollout.poll: found 'soon' (text)",
    ]
    assert "Show what the run was given." in folder.run(binary, "--list", env={"INVOKE_ROLLOUT_SURG": "2"}).out


@pytest.mark.parametrize("binary", BINARIES)
def test_a_users_file_of_another_shape_is_a_line(folder: Folder, binary: str, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    for name in (".fabric.yaml", ".invoke.yaml"):
        (tmp_path / "home" / name).write_text("aws: 5\n")
    lines = failed(folder, binary, "show", HOME=str(tmp_path / "home"))
    assert lines[0].startswith("home/.invoke.yaml:1: aws: found 5 (a number); allowed: a section of region, profile, endpoint")


def test_hosts_are_refused(folder: Folder) -> None:
    lines = failed(folder, "fab", "-H", "a,b", "show")
    assert lines == ["-H, --hosts: not supported; fabric.yaml names the hosts. Nothing was done."]


@pytest.mark.parametrize("binary", BINARIES)
@pytest.mark.parametrize(("number", "by"), [(signal.SIGINT, "Ctrl-C"), (signal.SIGTERM, "SIGTERM"), (signal.SIGHUP, "SIGHUP")])
def test_stopped_half_way_it_says_how_to_go_on(folder: Folder, binary: str, number: signal.Signals, by: str) -> None:
    answer = folder.interrupt(binary, "work", "--events=log", when="working", number=number)
    assert answer.err == f"Stopped by {by}.\nStopped half-way. To go on: {binary} work --events=log\n"
    last = json.loads((folder.path / "log").read_text().splitlines()[-1])
    assert (last["event"], last["outcome"], last["code"]) == ("run-ended", "interrupted", 3)
    assert (answer.out.splitlines()[:2], answer.code) == (["-> work", "   working"], 3)
    assert answer.out.splitlines()[2].startswith("interrupted work (")


@pytest.mark.parametrize("binary", BINARIES)
def test_stopped_before_any_change_it_says_so(folder: Folder, binary: str) -> None:
    answer = folder.interrupt(binary, "idle", when="idle", number=signal.SIGTERM)
    assert (answer.err, answer.code) == ("Stopped by SIGTERM. Nothing was changed.\n", 1)
    assert folder.interrupt(binary, "--dry", "work", when="working", number=signal.SIGINT).code == 1


def test_ctrl_c_on_a_terminal_leaves_it_in_order(folder: Folder) -> None:
    def press(pid: int, seen: str) -> bool:
        if "working" not in seen:
            return False
        os.killpg(pid, signal.SIGINT)
        return True

    answer = folder.on_terminal("fab", "work", act=press)
    assert answer.code == 3
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", answer.out)
    assert re.search(r"work: working  \d+\.\d s", text)
    assert text.rstrip().endswith("Stopped half-way. To go on: fab work")
    assert answer.out.rindex("\x1b[?25h") > answer.out.rindex("\x1b[?25l")


def test_a_reader_that_goes_away_does_not_stop_the_work(folder: Folder) -> None:
    done = folder.path / "done"
    with folder.start("fab", "pour", env={"DONE": str(done)}) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "line 0\n"
        process.stdout.close()
        assert process.wait(timeout=120) == 0
        assert process.stderr.read() == ""
    assert done.read_text() == "done"


def test_a_terminal_that_is_gone_does_not_change_the_exit_code(folder: Folder) -> None:
    with folder.start("fab", "work") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        while "working" not in process.stdout.readline():
            pass
        process.stdout.close()
        process.stderr.close()
        process.send_signal(signal.SIGHUP)
        assert process.wait(timeout=120) == 3


@pytest.mark.parametrize("binary", BINARIES)
def test_aws_without_credentials_is_a_line(folder: Folder, binary: str) -> None:
    answer = folder.run(binary, "call-aws")
    assert answer.code == 1
    assert answer.err.startswith("AWS credentials: Unable to locate credentials. Renew them")
    assert "Stopped half-way" not in answer.err


@pytest.mark.parametrize("binary", BINARIES)
def test_an_unknown_task_or_option_is_no_traceback(folder: Folder, binary: str) -> None:
    for words in (["shwo"], ["show", "--bogus"], ["show", "--revision"]):
        answer = folder.run(binary, *words)
        assert answer.code == 1
        assert answer.err


def test_importing_the_tasks_imports_nothing_heavy(folder: Folder) -> None:
    libraries = ("boto3", "botocore", "django", "moto", "rich", "asyncssh", "uuid", "random")
    heavy = (*libraries, *(f"ops.{room}" for room in ("aws", "decisions", "fleet", "hosts", "settings.model", "settings.schema")))
    # Coverage, under `bash tests/run --all`, has imported some of them already.
    code = "import sys; before = {*sys.modules}; import ops; "
    code += f"print([name for name in {heavy} if name in {{*sys.modules}} - before])"
    with folder.start("python", "-c", code, stderr=subprocess.STDOUT) as process:
        assert process.communicate(timeout=120)[0] == "[]\n"
