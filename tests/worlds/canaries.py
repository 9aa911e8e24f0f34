"""Secrets planted where an operator or a site has some, and everything in which they must not be seen."""

import os
import threading
from pathlib import Path
from types import TracebackType

from tests.worlds.shop_world import ShopWorld, sh

# Letters and digits alone: nothing takes them for a token by its form, so only care hides them.
OPERATOR, REMOTE, DATABASE, HISTORY = ("canaryOperator4711", "canaryRemote4711", "canaryDatabase4711", "canaryHistory4711")


class Canaries:
    """Plant them, and look at every process of the machine meanwhile; a context manager."""

    def __init__(self, world: ShopWorld) -> None:
        self._world = world
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self.lines: set[str] = set()

    def __enter__(self) -> "Canaries":
        os.environ["DEPLOY_TOKEN"] = OPERATOR
        disk = self._world.disk()
        sh(f"git remote add backup https://deploy:{REMOTE}@git.example.com/shop.git", disk / "app")
        environment = disk / "shop.env"
        environment.write_text(f"{environment.read_text()}DATABASE_PASSWORD={DATABASE}\n")
        (disk / ".bash_history").write_text(f"export PGPASSWORD={HISTORY}\n")
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()
        del os.environ["DEPLOY_TOKEN"]

    def _look(self) -> None:
        while not self._over.wait(0.02):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    self.lines.add(path.read_bytes().decode(errors="replace"))
                except OSError:
                    continue

    def seen(self) -> dict[str, list[str]]:
        """Return which of them are seen, by where."""
        ec2, cloud = self._world.cloud.client("ec2"), self._world.cloud
        texts = {
            "printed": self._world.printed,
            "command lines": "\n".join(self.lines),
            "API calls": str(cloud.control("calls")),
            "instances and tags": str(ec2.describe_instances()["Reservations"]),
            "images": str(ec2.describe_images(Owners=["self"])["Images"]) + str(ec2.describe_snapshots()["Snapshots"]),
            "template": str(ec2.describe_launch_template_versions(LaunchTemplateName="web")),
            "group": str(cloud.group()),
            "consoles": "".join(self._world.hosts.console(id) for id in (self._world.management, *cloud.members())),
        }
        return {where: found for where, text in texts.items() if (found := [one for one in _ALL if one in text])}


_ALL = (OPERATOR, REMOTE, DATABASE, HISTORY)
