"""`run`, `manage`, `logs` and `ssh` on process hosts, which give no terminals; terminals: tests/hosts/test_attending.py."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.decisions.access.locks import parameter
from tasks.errors import DeployError, Refused, SettingsError
from tasks.operations.logs import logs
from tasks.operations.manage import manage
from tasks.operations.run import run_command
from tasks.operations.ssh import ssh
from tests.worlds.operator_folder import Folder
from tests.worlds.shop_world import ShopWorld, credentials, golden_of


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShopWorld]:
    folder = tmp_path_factory.mktemp("hosts")
    with ShopWorld(golden_of(tmp_path_factory), folder / "world", web=2) as running:
        yield running


@pytest.fixture
def world(shop: ShopWorld, monkeypatch: pytest.MonkeyPatch) -> ShopWorld:
    credentials(monkeypatch)
    return shop


def on(world: ShopWorld, command: str, *where: str, dry: bool = False, timeout: int = 60) -> list[str]:
    before = len(world.printed)
    run_command(world.run(dry=dry), command, where, timeout)
    return sorted(world.printed[before:].splitlines())


def test_a_command_runs_on_the_hosts_that_are_meant(world: ShopWorld) -> None:
    one, other = sorted(world.cloud.members())
    who = 'echo "${SSH_CONNECTION##* }" >/dev/null; echo here; echo "token=abcdef" >&2'
    assert on(world, who, "web") == [f"{id} | {text}" for id in (one, other) for text in ("here", "token=***")]
    assert on(world, "echo a", one, "management") == sorted([f"{one} | a", f"{world.management} | a"])
    assert on(world, "echo a") == sorted(f"{id} | a" for id in (one, other, world.management))
    (dry,) = on(world, "touch x", one, dry=True)
    assert dry == f"would run on {one}: touch x"
    assert not (world.disk(one) / "x").exists()


def test_it_takes_no_lock_and_ignores_one(world: ShopWorld) -> None:
    client, name = world.cloud.client("ssm"), parameter("web")
    client.put_parameter(Name=name, Value="somebody", Type="String", Overwrite=True)
    assert on(world, "echo a", "management") == [f"{world.management} | a"]
    assert client.get_parameter(Name=name)["Parameter"]["Value"] == "somebody"


def test_every_host_that_failed_is_named_and_the_others_have_run(world: ShopWorld) -> None:
    one, other = sorted(world.cloud.members())
    (world.disk(one) / "only-here").touch()
    with pytest.raises(DeployError) as caught:
        on(world, "echo ran; test ! -e only-here || exit 7", "web")
    assert str(caught.value).splitlines() == ["failed on 1 of 2 instances:", f"  - {one}: exited 7"]
    assert f"{other} | ran" in world.printed
    with pytest.raises(DeployError, match=rf"{other}: `sleep 60`: not within 1 s"):
        on(world, "sleep 60", other, timeout=1)


def test_foreign_output_is_shown_without_what_a_terminal_would_obey(world: ShopWorld) -> None:
    lines = on(
        world,
        r"printf 'a\033]0;title\007b\033[2Jc\n-----BEGIN PRIVATE KEY-----\nMIIabc\n-----END PRIVATE KEY-----\nd\rok ship\n'",
        "management",
    )
    assert sorted(line.partition(" | ")[2] for line in lines) == sorted(["abc", "***", "***", "***", "d", "ok ship"])


def test_manage_has_the_environment_of_the_service(world: ShopWorld) -> None:
    unit = world.disk() / "systemd/shop.service"
    unit.write_text(unit.read_text().replace("[Service]\n", "[Service]\nEnvironment=COLOUR=red\n"))
    on(world, "systemctl daemon-reload", "management")
    before = len(world.printed)
    code = "import os, sys; print(os.environ['COLOUR'], 'a b', flush=True); print('aside', file=sys.stderr)"
    manage(world.run(), f'shell -v 0 -c "{code}"')
    assert sorted(world.printed[before:].splitlines()) == ["aside", "red a b"]
    assert world.err.getvalue().endswith("aside\n"), "streams are apart, so that one can be written into a file"
    with pytest.raises(DeployError, match=rf"{world.management}: `manage.py nonsense` exited 1"):
        manage(world.run(), "nonsense")
    with pytest.raises(SettingsError, match="--on: web means 2 instances"):
        manage(world.run(), "check", "web")
    with pytest.raises(SettingsError, match="No closing quotation"):
        manage(world.run(), "shell -c 'x")


def test_ssh_needs_a_terminal_here_and_the_instance_may_be_left_out(world: ShopWorld, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="ssh: needs a terminal; elsewhere use `run`"):
        ssh(world.run())
    folder = Folder(tmp_path, "from ops import ns\n", world.fabric_yaml())
    (one, _) = world.cloud.members()
    assert f"would open a shell on {world.management}" in folder.on_terminal("fab", "--dry", "ssh").out
    assert f"would open a shell on {one}" in folder.on_terminal("invoke", "--dry", "ssh", one).out
    answer = folder.run("fab", "ssh", "i-none")
    assert (answer.code, "needs a terminal" in answer.err) == (2, True)


def test_a_stopped_management_instance_is_left_out_of_all_and_started_where_it_is_named(world: ShopWorld) -> None:
    world.cloud.client("ec2").stop_instances(InstanceIds=[world.management])
    world.cloud.wait(lambda: world.cloud.instance(world.management)["State"]["Name"] == "stopped")
    assert len([line for line in on(world, "echo a") if line.endswith("| a")]) == 2
    assert f"the management instance {world.management} is stopped: left out" in world.printed
    with pytest.raises(Refused, match="start it with management-start"):
        on(world, "echo a", "management", dry=True)
    manage(world.run(), "check")
    assert world.cloud.instance(world.management)["State"]["Name"] == "running"


def test_the_journal_of_every_host_has_its_lines(world: ShopWorld) -> None:
    mark = len(world.printed)
    logs(world.run(), grep="listening at")
    shown = [line for line in world.printed[mark:].splitlines() if "Listening at" in line]
    assert {line.split(" | ")[0] for line in shown} == {world.management, *world.cloud.members()}
    mark = len(world.printed)
    logs(world.run(), since="1 h ago", grep="never printed", on=["web"])
    assert " | " not in world.printed[mark:]
