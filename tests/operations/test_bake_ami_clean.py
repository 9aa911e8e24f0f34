"""`bake-ami` with the program that keeps secrets out: the image's disk against the instance's, before and after."""

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import DeployError, RemoteFailed, TimedOut
from tasks.hosts.holding import held, own_keys
from tasks.hosts.management import open_management
from tasks.operations.bake_ami import bake
from tasks.runtime.run import Run
from tasks.runtime.waiting import SystemClock
from tests.settings_snippets.project import SNIPPETS
from tests.worlds.shipping_world import fast, tagged, world_in
from tests.worlds.shop_world import ShopWorld, credentials

CLEANER = "~/sbin/ramped-image"
TOKEN = "planted-secret"
PLANTED = {
    ".aws/credentials": f"[default]\naws_secret_access_key = {TOKEN}\n",
    ".pgpass": f"db:5432:shop:shop:{TOKEN}\n",
    ".netrc": f"machine git.example.com password {TOKEN}\n",
    ".bash_history": f"export TOKEN={TOKEN}\n",
    ".ssh/id_ed25519": f"{TOKEN}\n",
    "etc/ssh/ssh_host_ed25519_key": f"{TOKEN}\n",
    "etc/machine-id": f"{TOKEN}\n",
    "var/log/journal/abc/system.journal": f"{TOKEN}\n",
    "var/lib/cloud/instance/user-data.txt": f"{TOKEN}\n",
}
DROPPED = {".cache/pip/http/x": f"https://user:{TOKEN}@pypi.example.com\n", "var/lib/systemd/random-seed": f"{TOKEN}\n"}
STRANGER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDSCsbdJpDFxsdNAlrJCLsIW6vHyGTyDSTAAD3WBhS0D stranger@pc"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShopWorld]:
    with world_in(tmp_path_factory, web=1) as running:
        program = running.disk() / "sbin/ramped-image"
        program.parent.mkdir()
        line = f'exec {sys.executable} {SNIPPETS}/systemd/ramped-image "$@" --root "$HOME" --run "$XDG_RUNTIME_DIR/ramped"'
        program.write_text(f"#!/bin/sh\n{line}\n")
        program.chmod(0o755)
        yield running


@pytest.fixture(autouse=True)
def planted(monkeypatch: pytest.MonkeyPatch, world: ShopWorld) -> None:
    credentials(monkeypatch)
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    for image in images(world):
        world.cloud.client("ec2").deregister_image(ImageId=image["ImageId"])
    tagged(world, world.v1)
    ours = world.key.with_suffix(".pub").read_text()
    keys = {".ssh/authorized_keys": f"{ours}{STRANGER}\n"}
    for name, text in {**PLANTED, **DROPPED, **keys}.items():
        path = world.disk() / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_text(text)


def images(world: ShopWorld) -> list[dict[str, Any]]:
    found = world.cloud.client("ec2").describe_images(Owners=["self"], Filters=[{"Name": "tag-key", "Values": ["ramped:site"]}])
    return list(found["Images"])


def clean(world: ShopWorld, **image: Any) -> Run:
    secrets = ("~/.aws", "~/.pgpass", "~/.netrc", "~/.ssh/id_*")
    return fast(world, image={"cleaner": CLEANER, "secrets": secrets, **image})


def holding(disk: Path, token: str = TOKEN) -> list[str]:
    files = (p for p in disk.rglob("*") if p.is_file() and not p.is_symlink())
    return sorted(str(p.relative_to(disk)) for p in files if token.encode() in p.read_bytes())


def image_disk(world: ShopWorld) -> Path:
    (image,) = images(world)
    return world.hosts._image(image["ImageId"])


def test_the_image_differs_from_the_instance_by_what_is_secret_and_by_nothing_else(world: ShopWorld) -> None:
    ours = world.key.with_suffix(".pub").read_text()
    bake(clean(world))
    disk, image = world.disk(), image_disk(world)
    assert holding(image) == [] and holding(image, "stranger@pc") == []
    assert sorted(holding(disk)) == sorted(PLANTED) and holding(disk, "stranger@pc") == [".ssh/authorized_keys"]
    assert (image / ".ssh/authorized_keys").read_text() == ours and (image / "etc/machine-id").read_text() == ""

    def relative(root: Path) -> set[str]:
        found = (p for p in root.rglob("*") if stat.S_ISREG(p.lstat().st_mode) and "__pycache__" not in p.parts)
        return {str(p.relative_to(root)) for p in found}

    assert relative(disk) - relative(image) == set(PLANTED) - {"etc/machine-id"}
    assert {t["Key"]: t["Value"] for t in images(world)[0]["Tags"]}["ramped:clean"] == "yes"
    assert "left out the authorized keys of stranger@pc" in world.printed
    world.cloud.wait(lambda: active(world) == "active")


def active(world: ShopWorld) -> str:
    _, host = open_management(fast(world))
    with host:
        return host.run("systemctl is-active shop.service", check=False).text


def test_an_image_whose_bake_was_killed_is_not_used_and_the_host_has_everything_again(world: ShopWorld) -> None:
    script = (
        "import sys\nfrom tasks.operations.bake_ami import bake\nimport tasks.fleet.host_image as module\n"
        "module._begun = lambda *_: (print('begun', flush=True), sys.stdin.read())\n"
        "from tasks.settings.load import load\nfrom tasks.runtime.run import Run\nfrom tasks.runtime.output import Output\n"
        "from tasks.runtime.waiting import SystemClock\nfrom pathlib import Path\nimport os\n"
        f"settings = load(Path({str(world.folder)!r}), None, {{}}).settings\n"
        "bake(Run(settings, Output(sys.stderr, sys.stderr), SystemClock(), False, 'fab bake-ami'))\n"
    )
    image = f"name: shop, cleaner: {CLEANER}, secrets: [~/.aws, ~/.pgpass, ~/.netrc, ~/.ssh/id_*]"
    yaml = world.fabric_yaml().replace("cleaner: null", image)
    (world.folder / "fabric.yaml").write_text(yaml)
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as operator:
        assert operator.stdout and operator.stdout.readline() == "begun\n"
        assert holding(world.disk()) == []
        os.kill(operator.pid, signal.SIGKILL)
    until(lambda: holding(world.disk()) == sorted(PLANTED))
    world.cloud.wait(lambda: images(world))
    (dead,) = images(world)
    bake(clean(world))
    assert len(images(world)) == 2 and f"image {dead['ImageId']} of {world.v1[:12]} is not used" in world.printed
    with_tag = [one for one in images(world) if any(tag["Key"] == "ramped:clean" for tag in one["Tags"])]
    assert holding(world.hosts._image(with_tag[0]["ImageId"])) == []


def until(true: Any) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_reboot_is_made_before_anything_is_aside_and_with_the_same_host_key(world: ShopWorld) -> None:
    key = world.tags()["ramped:host-key"]
    begun = world.hosts._machine(world.management)._init
    bake(clean(world, reboot=True))
    assert world.hosts._machine(world.management)._init is not begun and world.tags()["ramped:host-key"] == key
    assert holding(image_disk(world)) == [] and holding(world.disk()) == sorted(PLANTED)
    assert "rebooting" in world.printed


def test_what_was_put_back_too_early_makes_no_image(world: ShopWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    from tasks.decisions.release import image_cleaning

    monkeypatch.setattr(image_cleaning, "LIMIT", 0)
    with pytest.raises(DeployError, match="secrets were restored before the snapshots began: the image is not used. Bake again"):
        bake(clean(world))
    assert not any(tag["Key"] == "ramped:clean" for one in images(world) for tag in one["Tags"])


def test_all_is_back_though_the_image_cannot_be_made(world: ShopWorld) -> None:
    from botocore.exceptions import ClientError

    world.cloud.control("faults", {"denied": ["CreateImage"]})
    try:
        with pytest.raises(ClientError, match="UnauthorizedOperation"):
            bake(clean(world))
    finally:
        world.cloud.control("faults", {"denied": []})
    assert holding(world.disk()) == sorted(PLANTED)


def test_a_program_that_fails_is_one_line_and_nothing_is_baked(world: ShopWorld) -> None:
    conf = world.disk() / "etc/ramped/image.conf"
    conf.parent.mkdir(exist_ok=True)
    conf.write_text("units gunicorn\n")
    try:
        with pytest.raises(RemoteFailed, match="`units gunicorn`; allowed: unit NAME, aside PATH, drop PATH"):
            bake(clean(world))
    finally:
        conf.unlink()
    assert images(world) == [] and holding(world.disk()) == sorted([*PLANTED, *DROPPED])


def test_one_that_is_missing_is_told_and_the_image_says_so_as_long_as_it_is_used(world: ShopWorld) -> None:
    bake(clean(world, cleaner="~/sbin/nothing"))
    assert "has no ~/sbin/nothing (image.cleaner): the image will hold its host keys" in world.printed
    bake(clean(world))
    assert f"{images(world)[0]['ImageId']} was made without image.cleaner: bake-ami --fresh" in world.printed


def test_a_host_that_does_not_answer_is_not_waited_for_without_end(world: ShopWorld) -> None:
    silent = world.disk() / "sbin/silent"
    silent.write_text("#!/bin/sh\nexec sleep 600\n")
    silent.chmod(0o755)
    _, host = open_management(fast(world))
    with host, pytest.raises(TimedOut, match="last seen: no answer"), held(host, "~/sbin/silent", "{}", timeout=0.5):
        pass


def test_our_keys_are_those_of_the_file_with_or_without_its_public_half(world: ShopWorld) -> None:
    ssh = clean(world).settings.ssh
    public = world.key.with_suffix(".pub")
    with_it = own_keys(ssh)
    moved = public.rename(public.with_name("aside"))
    try:
        assert own_keys(ssh) == with_it == [" ".join(moved.read_text().split()[:2])]
    finally:
        moved.rename(public)


def test_an_image_whose_files_are_empty_does_not_get_past_the_smoke_boot(world: ShopWorld) -> None:
    from tasks.operations.rollout import rollout

    bake(clean(world))
    before = world.cloud.members()
    for path in image_disk(world).joinpath("app").rglob("*.py"):
        path.write_bytes(b"")
    run = fast(world, rollout={"instance_timeout": 3, "smoke_boot": True})
    with pytest.raises(DeployError, match=r"smoke boot of version \d+: .*The fleet was not touched"):
        rollout(Run(run.settings, run.out, SystemClock(), False, "fab rollout"))
    assert world.cloud.members() == before
