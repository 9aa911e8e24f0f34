"""The units and the pasted lines: each read by the program that it is for."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import botocore.session
import pytest

from tests.settings_snippets.project import SNIPPETS, Project
from tests.settings_snippets.unit_files import unit

UNITS = (".service", ".socket", ".target", ".timer")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")
def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    for name in ("ramped-role", "ramped-settings", "ramped-whole"):
        shutil.copy(SNIPPETS / "systemd" / name, tmp_path / name)
    for file in (path for path in (SNIPPETS / "systemd").iterdir() if path.suffix in UNITS):
        # The paths and users of the site are not on this machine.
        text = file.read_text().replace("/srv/shop/venv/bin/python", sys.executable).replace("=/srv/shop/app", f"={tmp_path}")
        text = text.replace("/srv/shop/venv/bin/uwsgi", sys.executable).replace("=/usr/local/sbin", f"={tmp_path}")
        (tmp_path / file.name).write_text(re.sub(r"^(User|Group|SocketUser|SocketGroup)=.*$", "", text, flags=re.MULTILINE))
    (tmp_path / "cron.service.d").mkdir()
    shutil.copy(SNIPPETS / "systemd/run-once.conf", tmp_path / "cron.service.d")
    (tmp_path / "cron.service").write_text("[Service]\nExecStart=/bin/true\n")
    units = sorted(str(path) for path in tmp_path.iterdir() if path.suffix in UNITS)
    ran = subprocess.run(["systemd-analyze", "verify", "--man=no", *units], capture_output=True, text=True)
    mine = [line for line in ran.stderr.splitlines() if any(Path(unit).name in line for unit in units)]
    assert mine == [] and len(units) == 15


CONFINED = {
    **dict.fromkeys(("gunicorn", "uvicorn", "uwsgi", "celery-worker", "celery-beat"), 3.0),
    **dict.fromkeys(("ramped-role", "ramped-settings", "ramped-whole", "ramped-host-keys"), 5.0),
}


def test_every_service_is_confined_or_known_here() -> None:
    assert {path.stem for path in (SNIPPETS / "systemd").glob("*.service")} == set(CONFINED)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here: apt-get install systemd")
@pytest.mark.parametrize("name", CONFINED)
def test_systemd_finds_little_that_a_service_may_do_besides_its_work(name: str) -> None:
    command = ["systemd-analyze", "security", "--offline=yes", "--no-pager", str(SNIPPETS / f"systemd/{name}.service")]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, "LC_ALL": "C.UTF-8"})
    level = re.findall(r"Overall exposure level for .*: (\d+\.\d) ", ran.stdout)
    assert level and float(level[0]) <= CONFINED[name], ran.stdout


def test_gunicorn_may_drain_longer_than_its_workers_need_and_nginx_waits_as_long_as_it() -> None:
    service = unit("gunicorn.service")
    graceful = int(re.findall(r"--graceful-timeout (\d+)", service["ExecStart"])[0])
    assert int(service["TimeoutStopSec"]) > graceful
    assert unit("gunicorn.socket")["ListenStream"] in (SNIPPETS / "nginx/site.conf").read_text()


def test_gunicorn_knows_the_options_of_the_unit(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.static.mkdir()
    options = unit("gunicorn.service")["ExecStart"].split()[1:]
    ran = project.python(*options, "--check-config")
    assert ran.code == 0, ran.err


@pytest.mark.parametrize("name", ["celery-worker.service", "celery-beat.service", "run-once.conf"])
def test_a_job_asks_for_the_role_after_that_is_known_and_belongs_to_the_jobs(name: str) -> None:
    asks = unit(name)
    assert asks["ConditionPathExists"] == "/run/ramped/role-management" and asks["PartOf"] == "ramped-jobs.target"
    assert asks["Wants"] == "ramped-role.service" and "ramped-role.service" in asks["After"].split()
    assert asks.get("WantedBy", "ramped-jobs.target") == "ramped-jobs.target"


def test_the_template_is_one_that_ec2_takes_and_gives_no_instance_a_role() -> None:
    from botocore.validate import ParamValidator

    from tasks.decisions.access.roles import passed_on, tags_of

    data = json.loads((SNIPPETS / "aws/launch-template.json").read_text())
    shape = botocore.session.get_session().get_service_model("ec2").shape_for("RequestLaunchTemplateData")
    assert not ParamValidator().validate(data, shape).has_errors()
    assert tags_of(data) == {} and passed_on(data, (), "ramped:role=management") == []


def test_user_data_makes_host_keys_and_shows_them() -> None:
    import yaml

    text = (SNIPPETS / "aws/user-data.yaml").read_text()
    told = yaml.safe_load(text)
    assert text.startswith("#cloud-config\n") and told["ssh_deletekeys"] and told["ssh"]["emit_keys_to_console"]


def test_sudo_understands_the_rules() -> None:
    visudo = shutil.which("visudo", path="/usr/sbin:/usr/bin")
    if visudo is None:
        pytest.skip("no visudo here: apt-get install sudo")
    subprocess.run([visudo, "-cf", SNIPPETS / "systemd/sudoers"], check=True, capture_output=True)


def test_the_pasted_lines_make_a_project_that_passes_djangos_deployment_check_of_static_files(tmp_path: Path) -> None:
    project = Project(tmp_path)
    shutil.copyfile(SNIPPETS / "django/settings.py", project.base / "config/pasted.py")
    shutil.copyfile(SNIPPETS / "django/urls.py", project.base / "config/urls.py")
    (project.base / "REVISION").write_text("0123abc\n")
    (project.base / "config/settings.py").write_text(
        (project.base / "config/settings.py").read_text() + "\nfrom config.pasted import *\n"
    )
    (tmp_path / "shared").mkdir()
    project.collectstatic()
    assert (tmp_path / "shared/static" / project.paths()["css/site.css"]).exists()
    code = (
        "from django.conf import settings\nfrom django.urls import reverse\nfrom django.test import Client\n"
        "from django.core.management import call_command\ncall_command('migrate', verbosity=0)\n"
        "answer = Client().get(reverse('health'), headers={'host': 'www.example.com', 'x-forwarded-proto': 'https'})\n"
        "print(settings.REVISION, answer.status_code, answer.json()['revision'])"
    )
    ran = project.django(code)
    assert ran.out == "0123abc 200 0123abc\n", ran.err
