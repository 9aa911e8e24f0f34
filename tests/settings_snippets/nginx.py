"""nginx with the snippet before the site's processes."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from tests.settings_snippets.project import PATIENCE, SNIPPETS, Answer, Project, ask, eventually

SITE, ASGI = SNIPPETS / "nginx/site.conf", SNIPPETS / "nginx/site-asgi.conf"


NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


BALANCER, STRANGER = "127.0.0.2", "127.0.0.3"


CHECK = "/health_check/www.example.com"


def configuration(folder: Path, site: str) -> Path:
    """Wrap the snippet into a whole configuration that needs no root and writes into the folder alone."""
    (folder / "site.conf").write_text(site)
    kinds = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    user = "user root;" if os.geteuid() == 0 else ""
    main = folder / "nginx.conf"
    main.write_text(
        f"{user} pid {folder}/pid; error_log {folder}/error.log; events {{}}\n"
        f"http {{ {kinds} access_log {folder}/access.log; include {folder}/site.conf; }}\n"
    )
    return main


def nginx(folder: Path, *arguments: str) -> list[str]:
    return [str(NGINX), "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf"), *arguments]


# What a careful site sets, and one that trusts X-Forwarded-Host besides: whatever nginx lets through of it would be seen.
CAREFUL = """
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = True
SECURE_HSTS_SECONDS = 31536000
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
USE_X_FORWARDED_HOST = True
ROOT_URLCONF = "config.more"
"""


MORE = """
from config.urls import *
from django.http import HttpResponse
urlpatterns += [path('big/', lambda request: HttpResponse(b'x' * 3_000_000))]
"""


def careful(root: Path, settings: str = "") -> Project:
    """Return a project with these settings, its static files and its database."""
    project = Project(root, settings=CAREFUL + settings)
    (project.base / "config/more.py").write_text(MORE)
    project.collectstatic()
    assert project.manage("migrate", "-v0").code == 0
    return project


def moved(upstream: Path, port: int, more: Mapping[str, str], site: Path) -> str:
    """Return the snippet for a free port, before a server on this socket, with one address that is trusted as the balancer."""
    text = site.read_text()
    changes = {
        "listen 80": f"listen 127.0.0.1:{port}",
        f"unix:/run/{'uvicorn' if site == ASGI else 'gunicorn'}.sock": f"unix:{upstream}",
        "127.0.0.0/8 ": f"{BALANCER}/32",
        **more,
    }
    for old, new in changes.items():
        assert old in text, f"the snippet has no more {old!r}"
        text = text.replace(old, new)
    return text


@contextmanager
def serving(folder: Path, upstream: Path, more: Mapping[str, str] = MappingProxyType({}), site: Path = SITE) -> Iterator[int]:
    """Run nginx with the snippet; yield its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    configuration(folder, moved(upstream, port, more, site))
    process = subprocess.Popen(nginx(folder, "-g", "daemon off;"))

    def up() -> bool:
        assert process.poll() is None, (folder / "error.log").read_text()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    try:
        eventually(up)
        yield port
    finally:
        process.terminate()
        process.wait(PATIENCE)


def get(site: tuple[str, int], path: str, source: str = BALANCER, method: str = "GET", **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return ask(site, path, headers={"Host": f"{site[0]}:{site[1]}", **named}, source=source, method=method)
