"""What is laid onto the disk of a machine that serves somebody's site: the files under deploy/ where an operator puts them."""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ..hosts.machines.image_files import PROGRAMS, UNITS, USER
from ..sandbox import Refusal
from .units import UVICORN

SHARED, MODULES = "shared", "rehearsal"  # folders in the home of a site: what all hosts share, and our modules
_WRAPPED = {UVICORN: "rehearsal_asgi:application"}
_DROP_IN = """\
# The site's own settings with the databases and folders of the rehearsal, and its application with a header for the visitors.
[Service]
{files}Environment=DJANGO_SETTINGS_MODULE=rehearsal_settings "PYTHONPATH={path}" REHEARSAL_CHECKOUT={directory}
Environment=REHEARSAL_SETTINGS={settings} REHEARSAL_VALUES={home}/{modules}/values.json REHEARSAL_APPLICATION={application}
ExecStart=
ExecStart={start}
ReadWritePaths={home}/{shared}
"""


@dataclass(frozen=True)
class Host:
    """Where a site lies on its machines, and as whom it runs: what its fabric.yaml and its unit say."""

    directory: str
    virtualenv: str
    service: str
    user: str
    group: str
    environment_files: tuple[str, ...]
    start: str  # ExecStart

    @property
    def home(self) -> str:
        """The folder of the checkout's folder."""
        return str(PurePosixPath(self.directory).parent)


def read(tree: Path, app: Mapping[str, Any], server: str) -> Host:
    """Return the host of a release in a folder. `app`: of its fabric.yaml. `server`: gunicorn, uvicorn or uwsgi.

    Raises Refusal where its files do not fit together.
    """
    services = [str(name) for name in app.get("services") or [f"{server}.service"]]
    service = next((name for name in services if (tree / "deploy/systemd" / name).is_file()), "")
    if not service:
        raise Refusal(f"{tree.name}/fabric.yaml: app.services: deploy/systemd has no {' or '.join(services)}")
    text = re.sub(r"\\\n\s*", "", (tree / "deploy/systemd" / service).read_text(encoding="utf-8"))

    def every(name: str) -> list[str]:
        return [value.strip() for value in re.findall(rf"^{name}=(.+)$", text, re.MULTILINE)]

    user, start = every("User"), every("ExecStart")
    missing = [key for key in ("directory", "virtualenv") if not str(app.get(key, "")).startswith("/")]
    if missing:
        raise Refusal(f"{tree.name}/fabric.yaml: app.{missing[0]}: machines need a full path")
    if not user or not start:
        raise Refusal(f"{tree.name}/deploy/systemd/{service}: {'ExecStart' if user else 'User'} is missing")
    files = tuple(value.removeprefix("-") for value in every("EnvironmentFile"))
    directory, virtualenv = str(app["directory"]), str(app["virtualenv"])
    return Host(directory, virtualenv, service, user[-1], (every("Group") or user)[-1], files, start[-1])


def drop_in(host: Host, facts: Mapping[str, Any], file: str, path: str) -> str:
    """Return the drop-in of the site's unit.

    Args: facts: what `init` recorded. file: an environment file besides the unit's own. path: of Python's modules.
    Raises Refusal where the unit does not start the site's application.
    """
    module, _, name = facts["application"].partition(":")
    named = rf"(?<![\w.:/]){re.escape(module)}(?::{re.escape(name or 'application')})?(?![\w.:/])"
    start, count = re.subn(named, _WRAPPED.get(facts["server"], "rehearsal_wsgi"), host.start)
    if not count:
        raise Refusal(f"deploy/systemd/{host.service}: ExecStart does not name the application {module}")
    return _DROP_IN.format(
        files="" if file in host.environment_files else f"EnvironmentFile={file}\n",
        home=host.home,
        modules=MODULES,
        path=path,
        shared=SHARED,
        directory=host.directory,
        settings=facts["settings"],
        application=f"{module}:{name or 'application'}",
        start=start,
    )


def places(service: str) -> dict[str, tuple[str, int]]:
    """Return where the files under deploy/ go on a machine, each with its mode; `service`: the site's."""
    socket = f"{PurePosixPath(service).stem}.socket"
    units = {f"systemd/{name}": (f"etc/systemd/system/{name}", 0o644) for name in (*UNITS, service, socket)}
    return {
        **units,
        **{f"systemd/{name}": (f"usr/local/sbin/{name}", 0o755) for name in PROGRAMS},
        "nginx/site.conf": ("etc/nginx/conf.d/site.conf", 0o644),
        "systemd/sudoers": ("etc/sudoers.d/ramped", 0o440),
        "systemd/image.conf": ("etc/ramped/image.conf", 0o644),
        "systemd/run-once.conf": ("etc/systemd/system/cron.service.d/run-once.conf", 0o644),
    }


def missing(tree: Path, service: str) -> list[str]:
    """Return the files that machines need and a release in a folder lacks; its socket is as it likes."""
    return [name for name in places(service) if not name.endswith(".socket") and not (tree / "deploy" / name).is_file()]


def write(disk: Path, place: str, text: str, mode: int) -> None:
    """Write a file onto a disk; a link of the site's repository leads nowhere else. Raises Refusal."""
    file = disk / place
    existing = next(folder for folder in file.parents if folder.exists())
    if not existing.resolve().is_relative_to(disk.resolve()):
        raise Refusal(f"/{place}: a link on the way leads out of the machine's disk: name the place itself")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    file.touch(mode=0o600, exist_ok=False)
    file.write_text(text, encoding="utf-8")
    file.chmod(mode)


def accounts(host: Host) -> str:
    """Return the script that makes the site's user and its folders, and enables its unit in place of the shop's."""
    user, group, stem = shlex.quote(host.user), shlex.quote(host.group), PurePosixPath(host.service).stem
    home, shared, rehearsal = (shlex.quote(str(PurePosixPath(host.home, name))) for name in ("", SHARED, MODULES))
    # /opt of /opt/site is the system's.
    owned = home if len(PurePosixPath(host.home).parts) > 2 else ""
    # Who deploys reads them, too, wherever they lie.
    files = " ".join(map(shlex.quote, host.environment_files))
    trees = " ".join(map(shlex.quote, (host.directory, host.virtualenv, f"/home/{USER}")))
    return f"""
getent group {group} >/dev/null || groupadd --system {group}
id -u {user} >/dev/null 2>&1 || useradd --system --gid {group} --home-dir {home} --no-create-home --shell /usr/sbin/nologin {user}
usermod --append --groups {group} {USER}
chown --no-dereference {USER}:{group} {owned} {shared} {files}
chown --recursive --no-dereference {USER}:{group} {trees} {shared} {rehearsal}
chmod 2775 {shared}/*/
chmod 750 {rehearsal}
rm -f /etc/systemd/system/*.wants/gunicorn.service /etc/systemd/system/*.wants/gunicorn.socket
systemctl --quiet enable {shlex.quote(host.service)}
! [ -e /etc/systemd/system/{stem}.socket ] || systemctl --quiet enable {stem}.socket
mkdir -p /etc/systemd/system/{stem}.service.requires
ln -sf /etc/systemd/system/ramped-whole.service /etc/systemd/system/{stem}.service.requires/
visudo --quiet --check --file=/etc/sudoers.d/ramped
nginx -q -t
"""
