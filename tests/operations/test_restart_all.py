"""`restart-all` against the stand-in cloud: a fleet that has to see a new static file while visitors are served."""

import importlib.util
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tasks.aws.instances import with_ids
from tasks.errors import Refused, Resumable, SettingsError
from tasks.hosts.pool import Hosts
from tasks.operations.deploy import deploy_release
from tasks.operations.restart_all import restart_fleet
from tests.worlds.hooks import DEAD, hooked, impatient
from tests.worlds.operator_folder import Folder
from tests.worlds.shop_world import DOMAIN, Golden, ShopWorld, credentials, golden_of, sh
from tests.worlds.visitors import visitors

NEW = "shop/css/new.0123456789ab.css"
PRELOAD = "preload_app = True\n"  # where no unit shows it
HASTY = {"patience": 1}  # where the gentle way is known to be without effect
FILES = ("shop/img/other.0123456789ab.svg", NEW)


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory) -> Golden:
    return golden_of(tmp_path_factory)


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    credentials(monkeypatch)


@contextmanager
def fleet(golden: Golden, folder: Path, *, web: int = 3, **options: Any) -> Iterator[ShopWorld]:
    with ShopWorld(golden, folder / "world", web=web, **options) as world:
        world.share(*FILES)
        yield world


@pytest.fixture(scope="module")
def plain(golden: Golden, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShopWorld]:
    """A fleet behind systemd sockets, for all the tests that leave it as it was; each brings its own new file."""
    with ShopWorld(golden, tmp_path_factory.mktemp("plain"), web=3) as world:
        yield world


def statuses(world: ShopWorld, instance: str, name: str = NEW, asks: int = 12) -> set[int]:
    from tests.rehearsal.hosts.support import ask

    headers = {"Host": DOMAIN, "X-Forwarded-Proto": "https"}
    return {ask(world.address(instance), 8080, f"/static/{name}", **headers)[0] for _ in range(asks)}


def hasty(settings: str) -> str:
    assert (known := "restart: {timeout: 60}") in settings
    return settings.replace(known, "restart: {timeout: 60, patience: 1}")


def way(world: ShopWorld, instance: str) -> str:
    """Return what restart-all said that it did to an instance."""
    said = [line for line in world.out.getvalue().splitlines() if line.startswith(f"{instance}: ")]
    return said[-1].removeprefix(f"{instance}: ")


def test_a_reload_suffices_where_each_worker_loads_the_application(plain: ShopWorld) -> None:
    plain.share("a.0123456789ab.svg", "a.0123456789ab.css")
    # As large as the style sheets of many sites.
    (plain.shared / "static/a.0123456789ab.css").write_text("body { color: red }\n" * 20_000)
    members = plain.cloud.members()
    with visitors(plain):
        assert statuses(plain, members[0], "a.0123456789ab.css") == {404}
        mark = len(plain.out.getvalue())
        restart_fleet(plain.run(), ("a.0123456789ab.svg", "a.0123456789ab.css"), batch=2)
        assert [way(plain, one) for one in members] == ["reload"] * 3
        assert [statuses(plain, one, "a.0123456789ab.css") for one in members] == [{200}] * 3
        assert "3 instances, 2 at a time; new static files: 2" in plain.out.getvalue()[mark:]
        assert plain.calls("elbv2:DeregisterTargets") == 0

        mark = len(plain.out.getvalue())
        restart_fleet(plain.run(), ("a.0123456789ab.svg", "a.0123456789ab.css"), only_if_needed=True)
        assert plain.out.getvalue()[mark:].count("nothing: it serves them already") == 3


def test_a_release_without_new_files_is_reloaded_and_asked_for_its_health(plain: ShopWorld) -> None:
    with visitors(plain):
        restart_fleet(plain.run(), (), batch="50%")
    assert "3 instances, 1 at a time; new static files: none, so only their health is checked" in plain.printed
    assert [way(plain, one) for one in plain.cloud.members()] == ["reload"] * 3


def test_the_first_failure_stops_it_and_it_tells_who_is_done_and_who_is_not(plain: ShopWorld) -> None:
    plain.share("b.css")
    order = in_order(plain)
    # The reload exits 0, the site is dead afterwards.
    (plain.disk(order[1]) / "app/config/wsgi.py").write_text("raise RuntimeError('half a deploy')\n")
    run, _ = impatient(plain.run(), plain.address(order[1]))
    with pytest.raises(Resumable) as caught:
        restart_fleet(run, ("b.css",))
    text = str(caught.value)
    assert f"stopped at a failure: {order[1]}: " in text and any(sign in text for sign in DEAD)
    assert f"done: {order[0]} (reload)" in text and f"not reloaded: {order[2]}" in text
    assert "To go on: fab deploy" in text and caught.value.code == 3
    # A worker that the test before has begun may have come up after the file was shared.
    assert 404 in statuses(plain, order[2], "b.css")

    sh("git checkout -q config/wsgi.py", plain.disk(order[1]) / "app")
    restart_fleet(plain.run(), ("b.css",), only_if_needed=True)
    assert [statuses(plain, one, "b.css") for one in order] == [{200}] * 3


def test_what_serves_nobody_does_not_hold_it_up(plain: ShopWorld) -> None:
    """A fix must go through when instances are unhealthy, all of them too."""
    plain.share("c.css")
    dead = plain.cloud.members()[0]
    wsgi = plain.disk(dead) / "app/config/wsgi.py"
    text = wsgi.read_text()
    wsgi.write_text("raise RuntimeError('a bad release')\n")
    run = plain.run()
    with Hosts(run) as hosts:
        hosts.open(with_ids(run.cloud, [dead])[0]).run("systemctl restart shop.service", check=False)
    plain.cloud.wait(lambda: dead not in plain.healthy(), 60)
    try:
        mark = len(plain.printed)
        restart_fleet(plain.run(restart=HASTY), ("c.css",))
        assert f"{dead}: still out of traffic: it is unhealthy, so no visitor misses a file there" in plain.printed[mark:]
        assert [statuses(plain, id, "c.css") for id in plain.cloud.members() if id != dead] == [{200}] * 2
    finally:
        wsgi.write_text(text)
    restart_fleet(plain.run(), ("c.css",))
    assert f"{dead}: reload" in plain.printed or f"{dead}: restart" in plain.printed
    plain.cloud.wait(lambda: dead in plain.healthy(), 60)
    assert statuses(plain, dead, "c.css") == {200}


def test_a_file_that_is_not_on_the_shared_disk_is_found_out(plain: ShopWorld) -> None:
    gone = "does not serve /static/shop/gone.css: is the shared STATIC_ROOT mounted"
    with visitors(plain), pytest.raises(Resumable, match=gone):
        restart_fleet(plain.run(restart=HASTY), ("shop/gone.css",))


NAMING = """\
import json
from django.conf import settings
with open(f"{settings.STATIC_ROOT}/manifest.json") as file:
    NAMES = json.load(file)
"""


def test_nothing_is_restarted_where_a_new_process_of_old_code_would_not_answer(plain: ShopWorld) -> None:
    """A manifest in the shared folder, which the running processes have read before the release wrote another."""
    first, manifest = in_order(plain)[0], plain.shared / "static/manifest.json"
    manifest.write_text('{"shop.css": "shop.1.css"}')
    views = plain.disk(first) / "app/shop/views.py"
    views.write_text(
        views.read_text()
        .replace("def home(", f"{NAMING}\n\ndef home(")
        .replace("    return render", '    NAMES["shop.css"]\n    return render', 1)
    )
    run = plain.run()
    with Hosts(run) as hosts:
        hosts.open(with_ids(run.cloud, [first])[0]).run("systemctl restart shop.service")
    plain.cloud.wait(lambda: first in plain.healthy(), 60)
    try:
        restart_fleet(run, ())
        assert f"{first}: a second process of its release answers / beside the new static files" in plain.printed
        manifest.write_text('{"other.css": "other.1.css"}')
        mark = len(plain.printed)
        with pytest.raises(
            Refused, match=rf"{first}: started beside .* / answered 500 \(KeyError: 'shop.css'\).* No instance was"
        ):
            restart_fleet(run, ())
        wsgi = plain.disk(first) / "app/config/wsgi.py"
        wsgi.write_text("raise RuntimeError('it read another file')\n")
        with pytest.raises(Refused, match=rf"{first}: its release does not start any more .*RuntimeError: it read another file"):
            restart_fleet(run, ())
        assert f"{first}: reload" not in plain.printed[mark:]
    finally:
        sh("git checkout -q .", plain.disk(first) / "app")
        manifest.unlink()


OTHERS = {
    "django_vite": (
        "DJANGO_VITE = {'default': {'dev_mode': False}}",
        "{% load django_vite %}{% vite_asset 'main.js' %}",
        "manifest.json",
        '{"main.js": {"file": "main.1.js", "src": "main.js", "isEntry": true}}',
        "DjangoViteAssetNotFoundError",
    ),
    "compressor": (
        "COMPRESS_ENABLED = COMPRESS_OFFLINE = True\nCOMPRESS_ROOT, COMPRESS_URL = STATIC_ROOT, STATIC_URL\n"
        "STATICFILES_FINDERS = ['compressor.finders.CompressorFinder']",
        "{% load compress %}{% compress css %}<style>p { color: red }</style>{% endcompress %}",
        "CACHE/manifest.json",
        None,
        "OfflineGenerationError",
    ),
}


@pytest.mark.long
@pytest.mark.parametrize("package", OTHERS)
def test_another_manifest_in_the_shared_folder_is_seen_before_any_restart(plain: ShopWorld, package: str) -> None:
    """The real packages, with the manifest where each has it by default."""
    spec = importlib.util.find_spec(package)
    assert spec and spec.origin
    settings, tag, manifest, content, error = OTHERS[package]
    first, static = in_order(plain)[0], plain.shared / "static"
    disk = plain.disk(first)
    packages = next((disk / "venv/lib").glob("python*/site-packages"))
    (packages / "others.pth").write_text(f"{Path(spec.origin).parents[1]}\n")
    with (disk / "app/config/settings.py").open("a") as file:
        file.write(f"\nINSTALLED_APPS.append('{package}')\n{settings}\n")
    base = disk / "app/shop/templates/shop/base.html"
    base.write_text(base.read_text().replace("</head>", f"{tag}</head>"))
    plain.share("main.1.js")
    names = disk / "app/staticfiles.json"
    known = names.read_text()
    names.write_text(known.replace('"paths": {', '"paths": {"main.1.js": "main.1.js", '))
    if content is None:
        sh("../venv/bin/python manage.py compress -v 0", disk / "app")
    else:
        (static / manifest).write_text(content)
    run = plain.run()
    try:
        with Hosts(run) as hosts:
            hosts.open(with_ids(run.cloud, [first])[0]).run("systemctl restart shop.service")
        plain.cloud.wait(lambda: first in plain.healthy(), 60)
        restart_fleet(run, ())
        # What a newer release's collectstatic or compress does.
        (static / manifest).write_text("{}")
        with pytest.raises(Refused, match=rf"{first}: started beside .* / answered 500 \({error}: .*No instance was restarted"):
            restart_fleet(run, ())
    finally:
        names.write_text(known)
        (packages / "others.pth").unlink()
        sh("git checkout -q .", disk / "app")
        (static / manifest).unlink()


def test_what_an_earlier_run_took_out_is_put_back(plain: ShopWorld) -> None:
    plain.share("c.css")
    out = plain.cloud.members()[0]
    tags = [{"Key": "ramped:drained", "Value": "fab restart-all"}]
    plain.cloud.client("ec2").create_tags(Resources=[out], Tags=tags)
    plain.cloud.client("elbv2").deregister_targets(TargetGroupArn=plain.target_group, Targets=[{"Id": out}])
    plain.cloud.wait(lambda: out not in plain.healthy())
    restart_fleet(plain.run(), ("c.css",), batch=3)
    assert f"{out}: was deregistered from its target groups by an earlier run: registering it again" in plain.printed
    assert set(plain.healthy()) == set(plain.cloud.members()) and "ramped:drained" not in plain.tags(out)


def test_ctrl_c_ends_it_soon_and_tells_how_to_go_on(plain: ShopWorld, tmp_path: Path) -> None:
    folder = Folder(tmp_path, TASKS.replace(NEW, "shop/gone.css"), plain.fabric_yaml())
    stopped = folder.interrupt("fab", "refresh", when="gone.css answered 404", number=signal.SIGINT)
    assert stopped.code == 3 and "To go on: fab refresh" in stopped.err


def test_only_what_is_in_service_is_refreshed(plain: ShopWorld) -> None:
    with pytest.raises(Refused, match="no Auto Scaling group api in this account"):
        restart_fleet(replace(plain.run(), settings=replace(plain.settings(), groups=("api",))), ())
    asleep = plain.cloud.members()[0]
    plain.cloud.client("autoscaling").enter_standby(
        AutoScalingGroupName="web", InstanceIds=[asleep], ShouldDecrementDesiredCapacity=True
    )
    plain.cloud.wait(lambda: asleep in plain.cloud.members(lifecycle="Standby"))
    assert len(in_order(plain)) == 2 and asleep not in in_order(plain)
    plain.cloud.client("autoscaling").exit_standby(AutoScalingGroupName="web", InstanceIds=[asleep])
    plain.cloud.wait(lambda: asleep in plain.healthy())


def test_a_shown_preload_is_restarted_behind_its_socket(golden: Golden, tmp_path: Path) -> None:
    with fleet(golden, tmp_path, web=2, units="preload") as world, visitors(world):
        restart_fleet(world.run(), FILES, batch="100%")
        assert {way(world, one) for one in world.cloud.members()} == {"restart behind its socket"}
        assert [statuses(world, one) for one in world.cloud.members()] == [{200}] * 2


def test_a_hidden_preload_is_learned_from_one_instance_for_all(golden: Golden, tmp_path: Path) -> None:
    with fleet(golden, tmp_path, conf=PRELOAD, web=2) as world, visitors(world):
        restart_fleet(world.run(restart=HASTY), FILES)
        assert world.printed.count("trying a stronger method") == 1
        assert {way(world, one) for one in world.cloud.members()} == {"restart behind its socket"}
        assert [statuses(world, one) for one in world.cloud.members()] == [{200}] * 2


def test_without_a_socket_a_hidden_preload_is_drained_and_comes_back(golden: Golden, tmp_path: Path) -> None:
    with fleet(golden, tmp_path, conf=PRELOAD, units="bound", delay=50) as world, visitors(world):
        members = world.cloud.members()
        restart_fleet(world.run(restart=HASTY), FILES, batch=3)
        assert {way(world, one) for one in members} == {"drain, restart and return"}
        assert world.cloud.members() == members and set(world.healthy()) == set(members)
        assert [statuses(world, one) for one in members] == [{200}] * 3
        assert not any("ramped:drained" in world.tags(one) for one in members)
        # Never two at once: of three instances two must stay.
        assert "waits until more of the other instances are healthy" in world.printed


def test_a_plain_service_without_a_socket_is_reloaded(golden: Golden, tmp_path: Path) -> None:
    with fleet(golden, tmp_path, web=1, units="bound") as world, visitors(world):
        restart_fleet(world.run(), FILES)
        assert way(world, world.cloud.members()[0]) == "reload"


def test_an_instance_that_is_alone_is_not_drained(golden: Golden, tmp_path: Path) -> None:
    with fleet(golden, tmp_path, web=1, conf=PRELOAD, units="bound") as world:
        with visitors(world), pytest.raises(Resumable, match="is the only instance in web: deregistering it would stop the site"):
            restart_fleet(world.run(restart=HASTY), FILES)
        assert world.healthy() == world.cloud.members()


def test_an_instance_that_leaves_meanwhile_is_left_out(golden: Golden, tmp_path: Path) -> None:
    with fleet(golden, tmp_path) as world:
        order = in_order(world)
        calm = world.run(restart={"timeout": 20})
        run, printed = hooked(calm, f"{order[0]}: reload", lambda: world.cloud.control("kill", {"instance": order[1]}))
        restart_fleet(run, FILES)
        assert f"{order[1]}: skipped: no longer in service in web" in printed.getvalue()
        assert statuses(world, order[2]) == {200}


@pytest.mark.long
def test_an_instance_that_the_group_replaces_while_it_drains_is_left_out(golden: Golden, tmp_path: Path) -> None:
    with fleet(golden, tmp_path, conf=PRELOAD, units="bound", health="ELB", replace_deregistered=True) as world, visitors(world):
        first = world.cloud.members()
        restart_fleet(world.run(restart=HASTY), FILES)
        world.cloud.wait(lambda: len(world.healthy()) == 3)
        assert [statuses(world, one) for one in world.cloud.members()] == [{200}] * 3
        assert "no longer in service" in world.printed and set(first) != set(world.cloud.members())


@pytest.mark.long
def test_killed_while_an_instance_drains_the_next_run_finishes(golden: Golden, tmp_path: Path) -> None:
    with fleet(golden, tmp_path, web=2, conf=PRELOAD, units="bound", delay=250) as world:
        (tmp_path / "operator").mkdir()
        folder = Folder(tmp_path / "operator", TASKS, hasty(world.fabric_yaml()))
        killed = folder.interrupt("fab", "refresh", when="is draining", number=signal.SIGKILL)
        assert killed.code == -signal.SIGKILL
        assert len([one for one in world.cloud.members() if "ramped:drained" in world.tags(one)]) == 1
        answer = folder.run("fab", "refresh")
        assert answer.code == 0, answer.err
        assert set(world.healthy()) == set(world.cloud.members()) and len(world.healthy()) == 2
        assert not any("ramped:drained" in world.tags(one) for one in world.cloud.members())


def test_the_task_takes_the_files_from_the_management_instance(golden: Golden, tmp_path: Path) -> None:
    with ShopWorld(golden, tmp_path / "world", web=2) as world:
        (tmp_path / "operator").mkdir()
        folder = Folder(tmp_path / "operator", "from ops import ns\n", world.fabric_yaml())
        added = deploy_release(world.run(), world.v2).added
        assert len(added) == 3 and {404} == statuses(world, world.cloud.members()[0], added[0])
        dry = folder.run("fab", "--dry", "restart-all")
        assert dry.code == 0 and "would refresh i-" in dry.out
        assert {404} == statuses(world, world.cloud.members()[0], added[0])
        answer = folder.run("invoke", "restart-all", "--batch", "100%")
        assert answer.code == 0, answer.err
        assert "2 instances, 2 at a time; new static files: 3" in answer.out
        assert [statuses(world, one, added[0]) for one in world.cloud.members()] == [{200}] * 2


@pytest.mark.parametrize("batch", ["0", "0%", "101%", "some", "-1", "1.5", "%"])
def test_a_batch_that_is_none(batch: str) -> None:
    from tasks.operations.restart_all import _batch

    with pytest.raises(SettingsError, match="--batch: found .*; allowed: a count from 1, or a percentage"):
        _batch(batch)


def in_order(world: ShopWorld) -> list[str]:
    """Return the instances in the order in which they are refreshed."""
    from tasks.aws.serving import in_service
    from tasks.runtime.cloud import Cloud

    return [web.id for web in in_service(Cloud(world.settings().aws), ["web"])]


TASKS = f"""\
from invoke import Collection
from ops.runtime.command import command
from ops.operations.restart_all import restart_fleet

@command
def refresh(run):
    restart_fleet(run, ("{NEW}",))

ns = Collection(refresh)
"""
