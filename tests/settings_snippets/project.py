"""A small Django project in a folder, with the drop-ins copied into it, and its processes."""

import http.client
import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from tests.settings_snippets.commands import Forked, commands

SNIPPETS = Path(__file__).parents[2] / "settings_snippets"
PATIENCE = 240.0  # seconds; other tests run on the same two cores

SETTINGS = """
from pathlib import Path
BASE_DIR = Path(__file__).resolve().parent.parent
SECRET_KEY = "x"
ALLOWED_HOSTS = ["www.example.com"]
ROOT_URLCONF = "config.urls"
USE_TZ = True
TIME_ZONE = "UTC"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "django.contrib.sessions", "django.contrib.staticfiles"]
MIDDLEWARE = ["django.middleware.security.SecurityMiddleware", "whitenoise.middleware.WhiteNoiseMiddleware",
              "django.contrib.sessions.middleware.SessionMiddleware", "django.middleware.common.CommonMiddleware"]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR.parent / "db.sqlite3"}}
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR.parent / "static"
STATICFILES_DIRS = [BASE_DIR / "assets"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "config.local_manifest_storage.LocalManifestStaticFilesStorage"},
}
REVISION = "a1b2c3"
"""
URLS = """
from django.http import HttpResponse
from django.templatetags.static import static
from django.urls import path
from config.health import ApplicationStatus

def page(request):
    return HttpResponse(f"{request.scheme} {request.get_host()} {static('css/site.css')}")

urlpatterns = [path("", page), path("health/", ApplicationStatus.as_view())]
"""
ASSETS = {
    "css/site.css": '@import "base.css";\nbody { background: url("../img/paper.png") }\n' + "/* site */\n" * 60,
    "css/base.css": 'p { background: url("../img/paper.png") }\n' + "/* base */\n" * 60,
    "js/site.js": "import { one } from './part.js';\n" + "// site\n" * 60,
    "js/part.js": "export const one = 1;\n" + "// part\n" * 60,
    "img/paper.png": "\x89PNG and so on" * 20,
}


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str


class Project:
    """One checkout at `root`/`name`; checkouts of the same root share the static files and the database."""

    def __init__(self, root: Path, name: str = "app", settings: str = "") -> None:
        self.root = root
        self.base = root / name
        self.static = root / "static"
        self.manifest = self.base / "staticfiles.json"
        (self.base / "config").mkdir(parents=True)
        (self.base / "config/__init__.py").touch()
        for drop_in in ("local_manifest_storage.py", "health.py", "health_middleware.py"):
            shutil.copyfile(SNIPPETS / "django" / drop_in, self.base / "config" / drop_in)
        (self.base / "config/urls.py").write_text(URLS)
        (self.base / "config/wsgi.py").write_text(
            "from django.core.wsgi import get_wsgi_application\napplication = get_wsgi_application()\n"
        )
        self.configure(settings)
        self.write(ASSETS)

    def configure(self, settings: str) -> None:
        """Set the settings: ours, then these lines."""
        (self.base / "config/settings.py").write_text(f"{SETTINGS}\n{settings}\n")

    def write(self, assets: Mapping[str, str]) -> None:
        """Write static files, as a checkout would."""
        for name, text in assets.items():
            path = self.base / "assets" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            # A checkout is later than the last collectstatic; collectstatic compares whole seconds.
            os.utime(path, (time.time() + 2, time.time() + 2))

    def environment(self) -> dict[str, str]:
        # Whatever Django stands first on the path of these tests is the one that is tested.
        path = os.pathsep.join(filter(None, [str(self.base), os.environ.get("PYTHONPATH", "")]))
        return {**os.environ, "PYTHONPATH": path, "DJANGO_SETTINGS_MODULE": "config.settings", "PYTHONDONTWRITEBYTECODE": "1"}

    def start(self, *command: str, umask: int = 0o022, **options: Any) -> subprocess.Popen[str]:
        """Start python with these arguments; a warning is an error."""
        return subprocess.Popen(
            [sys.executable, "-W", "error", *command], cwd=self.base, env=self.environment(), umask=umask, text=True, **options
        )

    def python(self, *command: str, umask: int = 0o022) -> Ran:
        process = self.start(*command, umask=umask, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        out, err = process.communicate(timeout=PATIENCE)
        return Ran(process.returncode, out, err)

    def manage(self, *arguments: str, umask: int = 0o022, what: str = "manage") -> Ran:
        """Run a command of Django; a warning is an error."""
        ran = commands().run(
            list(arguments),
            what=what,
            folder=self.base,
            environment=self.environment(),
            umask=umask,
            strict=True,
            patience=PATIENCE,
        )
        return Ran(*ran)

    def collectstatic(self, *options: str, umask: int = 0o022) -> Ran:
        """Run collectstatic, which must do well."""
        ran = self.manage("collectstatic", "--noinput", *options, umask=umask)
        assert ran.code == 0, ran.err
        return ran

    def django(self, code: str) -> Ran:
        """Run code in a process that has set Django up."""
        code = f"import django\ndjango.setup()\nfrom django.templatetags.static import static\n{code}"
        return self.manage(code, what="code")

    def paths(self) -> dict[str, str]:
        return dict(json.loads(self.manifest.read_text())["paths"])

    def published(self) -> dict[str, tuple[int, int, bytes]]:
        """Return every file of the static root: inode, time of modification in ns, content."""
        files = (path for path in self.static.rglob("*") if path.is_file())
        return {
            str(path.relative_to(self.static)): (path.stat().st_ino, path.stat().st_mtime_ns, path.read_bytes()) for path in files
        }


@dataclass(frozen=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def drop_in(name: str) -> Any:
    """Return a module of settings_snippets/django, for what needs no settings."""
    spec = importlib.util.spec_from_file_location(name, SNIPPETS / "django" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)  # where dataclasses look for it
    spec.loader.exec_module(module)
    return module


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("unix", timeout=PATIENCE)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(str(self._path))


HTTPS = {"Host": "www.example.com", "X-Forwarded-Proto": "https"}


def ask(
    where: Path | tuple[str, int],
    path: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] = HTTPS,
    source: str | None = None,
) -> Answer:
    """Send one request to a Unix socket or an address, from a source address if one is given."""
    connection: http.client.HTTPConnection
    if isinstance(where, Path):
        connection = _UnixConnection(where)
    else:
        connection = http.client.HTTPConnection(*where, timeout=PATIENCE, source_address=(source, 0) if source else None)
    try:
        connection.putrequest(method, path, skip_host="Host" in headers, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())
    finally:
        connection.close()


@contextmanager
def gunicorn(project: Project, *options: str, threads: int = 8) -> Iterator[tuple[Path, IO[bytes]]]:
    """Run gunicorn on a Unix socket; yield the socket and the log."""
    with tempfile.TemporaryDirectory(prefix="g") as folder, tempfile.TemporaryFile() as log:
        place = Path(folder) / "s"
        command = ["--no-control-socket", "--bind", f"unix:{place}", "--worker-class", "gthread", "--threads", str(threads)]
        process = commands().start(
            [*command, *options, "config.wsgi"],
            what="gunicorn",
            folder=project.base,
            environment=project.environment(),
            umask=0o022,
            log=log,
        )
        try:
            yield _listening(place, process, log), log
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait(PATIENCE)
                raise


def _listening(place: Path, process: Forked, log: IO[bytes]) -> Path:
    def up() -> bool:
        assert process.poll() is None, text_of(log)
        try:
            ask(place, "/")
        except OSError:
            return False
        return True

    eventually(up)
    return place


def eventually(check: Any) -> None:
    """Wait until check() holds."""
    deadline = time.monotonic() + PATIENCE
    while not check():
        assert time.monotonic() < deadline, f"{check} did not come true in {PATIENCE:g} s"
        time.sleep(0.02)


def text_of(log: IO[bytes]) -> str:
    log.seek(0)
    return log.read().decode(errors="replace")


STOCK = """
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
"""
