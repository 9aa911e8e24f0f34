"""The unit of somebody's site on a host of the rehearsal: gunicorn, or uvicorn where the site is ASGI."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

UVICORN = "uvicorn"
_UNIT = """\
# {name} on a host of the rehearsal; for a real machine see deploy/systemd.
[Unit]
Description={name} ({server})
Requires=shop.socket
After=network.target shop.socket

[Service]
{kind}
WorkingDirectory=%h/app/{source}
EnvironmentFile=%h/site.env
Environment=DJANGO_SETTINGS_MODULE=rehearsal_settings "PYTHONPATH={path}" REHEARSAL_CHECKOUT=%h/app
Environment=REHEARSAL_SETTINGS={settings} REHEARSAL_VALUES=%h/{programs}/values.json REHEARSAL_APPLICATION={application}
ExecStart=%h/venv/bin/python -m {command}
ExecReload=/bin/kill -s HUP $MAINPID
KillMode=mixed
TimeoutStopSec=30
Restart=on-failure

[Install]
WantedBy=multi-user.target
"""
_GUNICORN = "gunicorn --worker-class gthread --workers 2 --threads 4 --graceful-timeout 20 --timeout 90 {more}rehearsal_wsgi"
_UVICORN = (
    "uvicorn --fd 3 --workers 2 --lifespan off --no-proxy-headers --timeout-graceful-shutdown 20 {more}rehearsal_asgi:application"
)
# Options that only later versions have, without which a loaded machine kills workers that start, or a host has a file more.
_LATER = {"gunicorn": ((25, 1), "--no-control-socket "), UVICORN: ((0, 37), "--timeout-worker-healthcheck 90 ")}


def service(name: str, facts: Mapping[str, Any], programs: str, path: str, venv: Path) -> str:
    """Return the unit.

    Args: name: of the site. facts: what `init` recorded. programs: the folder of our modules on a disk. path: of modules.
    """
    server = UVICORN if facts["server"] == UVICORN else "gunicorn"
    source = str(Path(facts["manage"]).parent)
    application = facts["application"]
    since, option = _LATER[server]
    command = _UVICORN if server == UVICORN else _GUNICORN
    return _UNIT.format(
        name=name,
        server=server,
        kind="Type=exec" if server == UVICORN else "Type=notify\nNotifyAccess=main",
        source="" if source == "." else source,
        programs=programs,
        path=path,
        settings=facts["settings"],
        application=application if ":" in application else f"{application}:application",
        command=command.format(more=option if _version(venv, server) >= since else ""),
    )


def quoted(text: str) -> str:
    """Return a text that means itself between the double quotes of a unit's Environment=."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")


def _version(venv: Path, package: str) -> tuple[int, ...]:
    """Return the first two numbers of a package's version in an environment; (0,) where it is not there."""
    found = sorted(venv.glob(f"lib/python*/site-packages/{package}-*.dist-info"))
    version = found[-1].name.removeprefix(f"{package}-").removesuffix(".dist-info") if found else "0"
    return tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
