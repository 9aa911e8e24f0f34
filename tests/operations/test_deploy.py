"""`deploy` against the stand-in cloud: real SSH, git, pip, Django, gunicorn."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.errors import DeployError, Refused, RemoteFailed
from tasks.hosts import building, checkout
from tasks.hosts.hooks import reach
from tasks.hosts.keys import WrongHostKey
from tasks.hosts.management import open_management
from tasks.hosts.ssh import Host
from tasks.operations.deploy import deploy_release
from tasks.runtime.run import Run
from tasks.settings.hooks import Hook
from tests.worlds.hooks import DEAD, impatient
from tests.worlds.operator_folder import Folder
from tests.worlds.shop_looks import static_names
from tests.worlds.shop_world import Golden, ShopWorld, credentials, golden_of, sh

OTHER_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory) -> Golden:
    return golden_of(tmp_path_factory)


@pytest.fixture(scope="module")
def still(golden: Golden, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShopWorld]:
    """A world for the tests in which nothing comes to be deployed."""
    with ShopWorld(golden, tmp_path_factory.mktemp("still")) as world:
        yield world


@pytest.fixture
def world(golden: Golden, tmp_path: Path) -> Iterator[ShopWorld]:
    with ShopWorld(golden, tmp_path / "world") as world:
        yield world


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    credentials(monkeypatch)


@pytest.fixture
def untouched(still: ShopWorld) -> Iterator[ShopWorld]:
    """The world, whose management instance must be the same afterwards."""
    look = "git rev-parse HEAD; cat REVISION; git reflog | wc -l; ls ../static | wc -l; git for-each-ref"
    before = sh(look, still.disk() / "app"), {k: v for k, v in still.tags().items() if k != "ramped:host-key"}
    yield still
    assert (sh(look, still.disk() / "app"), {k: v for k, v in still.tags().items() if k != "ramped:host-key"}) == before


def opened(world: ShopWorld) -> Host:
    return open_management(world.run())[1]


def take(world: ShopWorld, host: Host, revision: str | None) -> str:
    sha = checkout.choose(world.run(), host, revision)
    checkout.switch(world.run(), host, sha)
    return sha


def hooked(world: ShopWorld, line: str) -> Run:
    """Return a run with a hook on the management instance before `git`, where the revision is noted by an earlier step."""
    run = world.run(hooks={"before": {"git": (Hook(line, "management"),)}}, database={"snapshot": "shop"})
    reach(run)
    run.journal.note(revision=world.v2)
    return run


def test_a_release_is_deployed_verified_and_a_second_run_finds_nothing_to_do(world: ShopWorld) -> None:
    world.publish(world.v2)
    before = static_names(world)
    rds = world.cloud.client("rds")
    rds.create_db_instance(DBInstanceIdentifier="shop", DBInstanceClass="db.t4g.micro", Engine="postgres", AllocatedStorage=20)
    release = deploy_release(world.run(database={"snapshot": "shop"}), None)
    assert (release.revision, release.instance_id) == (world.v2, world.management)
    hashed = {name for name in static_names(world) - before if name.count(".") > 1}
    assert set(release.added) == hashed and len(hashed) == 3
    assert (world.disk() / "app/REVISION").read_text() == f"{world.v2}\n"
    assert world.tags()["ramped:revision"] == world.v2
    assert world.tags()["ramped:host-key"].startswith("ssh-ed25519 ")
    steps = [line for line in world.printed.splitlines() if line.startswith("-> ")]
    assert steps == [
        f"-> {step}" for step in ("management instance", "SSH", "git", "migrate", "collectstatic", "restart", "verify")
    ]
    assert "shop.0003_notes_and_reviews" in world.printed
    (snapshot,) = rds.describe_db_snapshots(DBInstanceIdentifier="shop", SnapshotType="manual")["DBSnapshots"]
    assert snapshot["Status"] == "available" and f"snapshot {snapshot['DBSnapshotIdentifier']} of database shop" in world.printed
    assert "untracked" not in world.printed and "warning" not in world.printed

    mark = len(world.out.getvalue())
    assert deploy_release(hooked(world, 'echo "$RAMPED_STEP $RAMPED_REVISION" > ../hooked; pwd'), world.v2) == release
    assert (world.disk() / "hooked").read_text() == f"git {world.v2}\n"
    again = world.out.getvalue()[mark:]
    assert "requirements: unchanged" in again
    assert "no migrations to run" in again and "snapshot" not in again
    assert "0 static files copied" in again
    assert f"   | {world.disk() / 'app'}" in again

    with pytest.raises(Refused, match=r"hooks\.before\.git failed: `echo no room; exit 4` exited 4: no room"):
        deploy_release(hooked(world, "echo no room; exit 4"), world.v1)
    assert (world.disk() / "app/REVISION").read_text() == f"{world.v2}\n"
    back = deploy_release(world.run(), world.v1)
    assert back.revision == world.v1
    assert (world.disk() / "app/REVISION").read_text() == f"{world.v1}\n"


def test_a_stopped_management_instance_is_started_and_known_again(world: ShopWorld) -> None:
    deploy_release(world.run(), world.v1)
    world.cloud.client("ec2").stop_instances(InstanceIds=[world.management])
    # Still stopping: it must be waited for before it can be started.
    assert deploy_release(world.run(), "main").revision == world.v1
    assert f"the management instance {world.management} is stopp" in world.printed


def test_a_revision_may_be_a_tag_a_branch_or_a_short_sha(world: ShopWorld) -> None:
    # A stale local branch of the same name must not win.
    sh(f"git branch topic {world.v1}", world.disk() / "app")
    sh(f"git update-ref refs/heads/topic {world.v2} && git update-ref refs/tags/v1.0 {world.v1}", world.origin)
    with opened(world) as host:
        assert take(world, host, "topic") == world.v2
        assert (world.disk() / "app/REVISION").read_text() == f"{world.v2}\n"
        assert take(world, host, "v1.0") == world.v1
        assert take(world, host, world.v2[:9]) == world.v2
        assert take(world, host, None) == world.v1


@pytest.mark.parametrize("revision", ["nowhere", "0123456789ab", "refs/heads/main", "--upload-pack=reboot", "main; touch /tmp/x"])
def test_an_unknown_revision_is_refused(untouched: ShopWorld, revision: str) -> None:
    with pytest.raises(Refused, match="origin has no tag, branch or commit") as caught:
        deploy_release(untouched.run(), revision)
    assert revision in str(caught.value) and "\n" not in str(caught.value)


def test_changed_files_are_refused_by_name(untouched: ShopWorld) -> None:
    app = untouched.disk() / "app"
    (app / "shop/views.py").write_text("# tried something\n")
    (app / "notes.txt").write_text("mine")
    with pytest.raises(Refused, match=r"have uncommitted changes: shop/views\.py\. "):
        deploy_release(untouched.run(), None)
    sh("git checkout -q . && rm notes.txt", app)


def test_files_that_git_does_not_know_are_shown_and_no_reason_to_stop(untouched: ShopWorld) -> None:
    (untouched.disk() / "app/notes.txt").write_text("mine")
    with pytest.raises(Refused, match="origin has no"):
        deploy_release(untouched.run(), "nowhere")
    assert "warning: " in untouched.err.getvalue() and "notes.txt" in untouched.err.getvalue()
    assert "REVISION" not in untouched.err.getvalue() and "staticfiles.json" not in untouched.err.getvalue()
    (untouched.disk() / "app/notes.txt").unlink()


@pytest.mark.parametrize(
    ("section", "says"),
    [
        ({"directory": "elsewhere"}, "elsewhere is no git checkout"),
        ({"virtualenv": "elsewhere"}, "elsewhere is no virtual environment"),
        ({"manage": "src/manage.py"}, "app holds no src/manage.py"),
    ],
)
def test_a_host_that_was_never_prepared(untouched: ShopWorld, section: dict[str, str], says: str) -> None:
    with pytest.raises(Refused, match=says):
        deploy_release(untouched.run(app=section), None)


def test_no_management_instance(still: ShopWorld) -> None:
    with pytest.raises(Refused, match="no management instance: an instance with the tag ramped:role=other does not exist"):
        deploy_release(still.run(management={"tag": "ramped:role=other"}), None)


def test_several_management_instances(still: ShopWorld) -> None:
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "ramped:role", "Value": "twins"}]}]
    ec2 = still.cloud.client("ec2")
    ran = ec2.run_instances(ImageId=still.image, MinCount=2, MaxCount=2, SubnetId=still.subnets[1], TagSpecifications=tags)
    with pytest.raises(Refused, match="several instances have the tag ramped:role=twins: i-.*, i-.*"):
        deploy_release(still.run(management={"tag": "ramped:role=twins"}), None)
    ec2.terminate_instances(InstanceIds=[one["InstanceId"] for one in ran["Instances"]])


def test_another_host_key_than_the_one_remembered_is_refused(still: ShopWorld) -> None:
    ec2 = still.cloud.client("ec2")
    ec2.create_tags(Resources=[still.management], Tags=[{"Key": "ramped:host-key", "Value": OTHER_KEY}])
    with pytest.raises(WrongHostKey, match="its tag ramped:host-key says ssh-ed25519 SHA256:"):
        deploy_release(still.run(), None)
    ec2.delete_tags(Resources=[still.management], Tags=[{"Key": "ramped:host-key"}])


def test_a_dry_run_looks_and_changes_nothing(untouched: ShopWorld) -> None:
    untouched.publish(untouched.v2)
    calls = len(untouched.cloud.control("calls")["changes"])
    release = deploy_release(untouched.run(dry=True), None)
    assert (release.revision, release.added) == (untouched.v2, ())
    assert f"would fetch, check out {untouched.v2} in app on {untouched.management}" in untouched.printed
    assert "would restart shop.service" in untouched.printed
    assert len(untouched.cloud.control("calls")["changes"]) == calls


def test_a_dry_run_does_not_start_what_is_stopped(world: ShopWorld) -> None:
    ec2 = world.cloud.client("ec2")
    ec2.stop_instances(InstanceIds=[world.management])
    world.cloud.wait(lambda: world.cloud.instance(world.management)["State"]["Name"] == "stopped")
    deploy_release(world.run(dry=True), "main")
    assert f"would start the management instance {world.management}, which is stopped" in world.printed
    assert world.cloud.instance(world.management)["State"]["Name"] == "stopped"


def test_requirements_are_installed_when_their_files_change_and_only_then(world: ShopWorld) -> None:
    files = {
        "requirements.txt": "-r more/base.txt\ndjango\n",
        "more/base.txt": "-c limits.txt\nwhitenoise\n",
        "more/limits.txt": "",
    }
    nested = world.commit(files)
    broken = world.commit({"more/base.txt": "not a requirement!\n"}, onto=nested)
    deeper = world.commit({"more/limits.txt": "gunicorn<100\n"}, onto=broken)
    with opened(world) as host:

        def install(revision: str) -> bool:
            return building.install_and_build(world.run(), host, take(world, host, revision))

        assert [install(world.v1), install(nested), install(nested)] == [False, True, False]
        # It fails again, for nothing was installed; and what is mended is installed.
        for _ in range(2):
            with pytest.raises(RemoteFailed, match="`pip install` exited"):
                install(broken)
        (world.disk() / "app/more/base.txt").write_text("whitenoise\n")
        assert building.install_and_build(world.run(), host, deeper)
        sh("git checkout -q .", world.disk() / "app")
        with pytest.raises(RemoteFailed, match="`pip install` exited"):
            install(deeper)
        assert not building.install_and_build(world.run(app={"requirements": ()}), host, deeper)


def test_a_broken_application_is_noticed_though_the_restart_says_yes(world: ShopWorld) -> None:
    broken = world.commit({"config/wsgi.py": "raise RuntimeError('no such luck today')\n"})
    run, _ = impatient(world.run(), world.address())
    with pytest.raises(DeployError, match=f"the health view with revision.*({'|'.join(DEAD)})") as caught:
        deploy_release(run, broken)
    assert "The end of the journal of shop.service:" in str(caught.value) and "no such luck today" in str(caught.value)
    assert "ramped:revision" not in world.tags()
    assert deploy_release(world.run(), world.v2).revision == world.v2
    # What was verified once is not while it is deployed anew.
    (world.disk() / "app/gunicorn.conf.py").write_text("raise RuntimeError('this machine is not well')\n")
    with pytest.raises(DeployError):
        deploy_release(world.run(app={"boot_timeout": 3}), world.v2)
    assert "ramped:revision" not in world.tags()


def test_settings_that_do_not_load_stop_the_deploy_before_the_restart(world: ShopWorld) -> None:
    broken = world.commit({"config/settings.py": "raise RuntimeError('half a setting')\n"})
    with pytest.raises(RemoteFailed, match=r"manage\.py pendingmigrations` exited 1: .*half a setting"):
        deploy_release(world.run(), broken)
    assert "-> restart" not in world.printed
    assert deploy_release(world.run(), world.v2).revision == world.v2


def test_files_that_the_site_does_not_serve_are_named(world: ShopWorld) -> None:
    settings = (world.disk() / "app/config/settings.py").read_text().replace("    STATIC_MIDDLEWARE,\n", "")
    unserved = world.commit({"config/settings.py": settings})
    with pytest.raises(DeployError, match=r"3 of 3 new static files are not served: /static/shop/.*\(404 Not Found\)"):
        deploy_release(world.run(), unserved)
    base = sh(f"git show {world.v2}:shop/templates/shop/base.html", world.origin)
    forgotten = base.replace("shop/css/shop.css", "shop/css/forgotten.css")
    with pytest.raises(DeployError, match=r": / answered 500"):
        deploy_release(world.run(), world.commit({"shop/templates/shop/base.html": forgotten}))
    assert "ramped:revision" not in world.tags()


def test_a_step_after_collectstatic_that_spoils_the_manifest_stops_the_deploy(world: ShopWorld) -> None:
    run = world.run(app={"after_collectstatic": ("echo '{' > staticfiles.json",)})
    with pytest.raises(DeployError, match=r"the manifest names no file; before it named 4"):
        deploy_release(run, world.v2)
    assert "ramped:revision" not in world.tags()


def test_files_of_the_release_that_were_there_before_and_are_lost_are_named(world: ShopWorld) -> None:
    deploy_release(world.run(), world.v2)
    lossy = (world.disk() / "app/config/wsgi.py").read_text() + (
        "\n_site = application\n"
        "def application(environ, start):\n"
        "    if 'paper.' in environ['PATH_INFO']:\n"
        "        start('404 Not Found', [])\n"
        "        return []\n"
        "    return _site(environ, start)\n"
    )
    with pytest.raises(DeployError, match=r"1 of \d+ earlier static files are not served: /static/shop/img/paper\..*404"):
        deploy_release(world.run(), world.commit({"config/wsgi.py": lossy}))
    assert "ramped:revision" not in world.tags()


def test_an_absolute_static_url_is_checked_by_its_path_and_must_be_the_one_of_the_settings(world: ShopWorld) -> None:
    (world.disk() / "shop.env").write_text("SHOP_CDN=https://cdn.example.com\n")
    with pytest.raises(
        Refused, match=r"static\.url: found /assets/, but the site has STATIC_URL https://cdn\.example\.com/static/"
    ):
        deploy_release(world.run(static={"url": "/assets/"}), world.v2)
    assert len(deploy_release(world.run(), world.v2).added) == 3


def test_submodules_are_checked_out_at_their_commits(world: ShopWorld) -> None:
    (world.disk() / ".gitconfig").write_text('[protocol "file"]\n\tallow = always\n')
    world.commit({".gitmodules": f'[submodule "lib"]\n\tpath = lib\n\turl = {world.origin}\n'})
    who, lib = "-c user.name=a -c user.email=a@example.com", world.disk() / "app/lib"
    sh(f"git update-index --add --cacheinfo 160000,{world.v1},lib && git {who} commit -qm sub", world.folder / "work-0")
    sh(f"git push -q {world.origin} HEAD:refs/heads/main", world.folder / "work-0")
    with opened(world) as host:
        take(world, host, None)
        assert sh("git rev-parse HEAD", lib) == world.v1
        # Another commit in the submodule than the tree names is what a checkout that was cut short leaves: no reason to refuse.
        sh(f"git fetch -q origin refs/prepared/v2 && git checkout -q {world.v2}", lib)
        take(world, host, None)
        assert sh("git rev-parse HEAD", lib) == world.v1
        (lib / "manage.py").write_text("changed\n")
        with pytest.raises(Refused, match="have uncommitted changes: lib"):
            take(world, host, None)


def test_a_checkout_that_was_cut_short_is_finished(world: ShopWorld) -> None:
    app = world.disk() / "app"
    (app / ".git/ramped").mkdir()
    (app / ".git/ramped/checkout").write_text(f"{world.v2}\n")
    (app / ".git/index.lock").touch()
    (app / "shop/views.py").write_text("half a fi")
    sh(f"git update-ref refs/heads/next {world.v2}", world.origin)
    with opened(world) as host:
        assert take(world, host, world.v2) == world.v2
    assert f"an earlier checkout of {world.v2[:12]} was interrupted" in world.printed
    assert sh("git status --porcelain", app) == "" and not (app / ".git/ramped/checkout").exists()


@pytest.mark.long
def test_killed_again_and_again_the_same_command_finishes(world: ShopWorld, tmp_path: Path) -> None:
    world.publish(world.v2)
    (world.disk() / "venv/.ramped-requirements").unlink()
    (tmp_path / "operator").mkdir()
    folder = Folder(tmp_path / "operator", "from ops import ns\n", world.fabric_yaml())
    for moment in ("-> git", "requirements: changed", "-> migrate", "-> collectstatic", "-> restart", "-> verify"):
        killed = folder.interrupt("fab", "deploy", when=moment, number=signal.SIGKILL)
        assert killed.code == -signal.SIGKILL
        assert "ramped:revision" not in world.tags()
    answer = folder.run("fab", "deploy")
    assert answer.code == 0, answer.err + answer.out
    assert "all 3 new static files" in answer.out
    assert (world.disk() / "app/REVISION").read_text() == f"{world.v2}\n"
    assert world.tags()["ramped:revision"] == world.v2


def test_ctrl_c_tells_how_to_go_on(world: ShopWorld, tmp_path: Path) -> None:
    (tmp_path / "operator").mkdir()
    folder = Folder(tmp_path / "operator", "from ops import ns\n", world.fabric_yaml())
    stopped = folder.interrupt("fab", "deploy", when="-> collectstatic", number=signal.SIGINT)
    assert stopped.code == 3 and "To go on: fab deploy" in stopped.err


def test_both_commands_refuse_in_one_line(still: ShopWorld, tmp_path: Path) -> None:
    folder = Folder(tmp_path, "from ops import ns\n", still.fabric_yaml())
    for binary in ("fab", "invoke"):
        answer = folder.run(binary, "deploy", "--revision", "nowhere")
        assert answer.code == 1
        assert [line for line in answer.err.splitlines() if "origin has no tag, branch or commit 'nowhere'" in line], answer.err
