"""Secrets planted where an operator or a site has some, and everything in which they must not be seen."""

import importlib.util
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType

from tasks.runtime.command import BEFORE_EACH
from tasks.runtime.notices import VARIABLE
from tasks.runtime.run import Run
from tasks.settings.hooks import Hook
from tests.worlds.shop_world import ShopWorld, sh

# Letters and digits alone: nothing takes them for a token by its form, so only care hides them.
OPERATOR, REMOTE, DATABASE, HISTORY = ("canaryOperator4711", "canaryRemote4711", "canaryDatabase4711", "canaryHistory4711")
BYPASS, WEBHOOK, REFUSING = ("canaryBypass4711", "canaryWebhook4711", "canaryRefusing4711")
_ALL = (OPERATOR, REMOTE, DATABASE, HISTORY, BYPASS, WEBHOOK, REFUSING)
SPANS = "opentelemetry.exporter.otlp.proto.http"


class _Services:
    """Webhooks, some of which refuse, and a collector of spans, on a free port of this machine; they keep what they are sent."""

    def __init__(self) -> None:
        self.got: dict[str, bytes] = {}
        kept = self.got

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                kept[self.path] = kept.get(self.path, b"") + self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(500 if REFUSING in self.path else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self._thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self._thread.join()
        self.server.server_close()


class Canaries:
    """Plant them, and look at every process of the machine meanwhile; a context manager.

    `folder`: the operator's; reports are written there.
    """

    def __init__(self, world: ShopWorld, folder: Path) -> None:
        self._world = world
        self._folder = folder
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._services = _Services()
        self._variables = {
            "DEPLOY_TOKEN": OPERATOR,
            VARIABLE: f"slack {self._services.url}/{WEBHOOK}\njson {self._services.url}/{REFUSING}\n",
            "OTEL_EXPORTER_OTLP_ENDPOINT": self._services.url,
            "no_proxy": "127.0.0.1",
        }
        self.lines: set[str] = set()

    def __enter__(self) -> "Canaries":
        self._before = {name: os.environ.get(name) for name in self._variables}
        os.environ.update(self._variables)
        disk = self._world.disk()
        sh(f"git remote add backup https://deploy:{REMOTE}@git.example.com/shop.git", disk / "app")
        environment = disk / "shop.env"
        environment.write_text(f"{environment.read_text()}DATABASE_PASSWORD={DATABASE}\n")
        for place in (disk, self._folder):
            (place / ".bash_history").write_text(f"export PGPASSWORD={HISTORY}\n")
        (self._folder / "bypass").write_text(BYPASS)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()
        self._services.close()
        for name, value in self._before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value

    @contextmanager
    def reported(self, run: Run, name: str) -> Iterator[Run]:
        """Give a run everything that a command reports to, and hooks that print all that they see; yield it."""
        far, here = str(self._world.disk()), str(self._folder)
        hooks = {
            "git": (Hook(f"env; env | grep ^RAMPED_ | grep -v ^{VARIABLE}= >{here}/hook.env; cat .bash_history", folder=here),),
            "migrate": (
                Hook(f"env; cat {far}/shop.env {far}/.bash_history; git remote -v", "management"),
                Hook(f"cat {far}/shop.env; git remote -v; cat {far}/.bash_history; exit 3", "management", failure="warn"),
            ),
        }
        every = ("start", "success", "failure")
        more = run.with_(
            notices={"events": every, "commands": (name,)},
            telemetry={"spans": importlib.util.find_spec(SPANS) is not None},
            maintenance={"bypass_header": "X-Team", "bypass_secret": str(self._folder / "bypass")},
            hooks={"before": hooks, "failed": hooks},
        )
        whole = replace(more, command="fab ship", hooks=None)  # type: ignore[arg-type]
        whole.report_to(name, str(self._folder / "events"))
        whole.record(str(self._folder / "report.html"))
        for first in BEFORE_EACH:
            first(whole)
        whole.journal.began()
        with whole.hooks.around_command(name):
            yield whole
        whole.journal.ended("ok", 0)
        whole.journal.close()

    def _look(self) -> None:
        while not self._over.wait(0.02):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    self.lines.add(path.read_bytes().decode(errors="replace"))
                except OSError:
                    continue

    def texts(self) -> dict[str, str]:
        """Return everything in which none may be seen, by where."""
        ec2, ssm, cloud = self._world.cloud.client("ec2"), self._world.cloud.client("ssm"), self._world.cloud
        names = [one["Name"] for one in ssm.describe_parameters()["Parameters"]]
        reports = {name: (self._folder / name).read_text() for name in ("events", "report.html", "hook.env")}
        return reports | {
            "printed": self._world.printed,
            "command lines": "\n".join(self.lines),
            "bodies of notices and spans": b"".join(self._services.got.values()).decode(errors="replace"),
            "parameters": str([ssm.get_parameter_history(Name=name)["Parameters"] for name in names]),
            "API calls": str(cloud.control("calls")),
            "instances and tags": str(ec2.describe_instances()["Reservations"]),
            "images": str(ec2.describe_images(Owners=["self"])["Images"]) + str(ec2.describe_snapshots()["Snapshots"]),
            "template": str(ec2.describe_launch_template_versions(LaunchTemplateName="web")),
            "group": str(cloud.group()),
            "consoles": "".join(self._world.hosts.console(id) for id in (self._world.management, *cloud.members())),
        }

    def seen(self) -> dict[str, list[str]]:
        """Return which of them are seen, by where."""
        return {where: found for where, text in self.texts().items() if (found := [one for one in _ALL if one in text])}

    def services(self) -> set[str]:
        """Return the paths under which something was sent."""
        return set(self._services.got)
