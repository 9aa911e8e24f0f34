"""A PostgreSQL cluster of the test's own, on a Unix socket in a folder."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.settings_snippets.freezing import freeze

INSTALLED = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))


class Cluster:
    """What the test may do to the server."""

    def __init__(self, binaries: Path, folder: Path) -> None:
        self._binaries, self.folder = binaries, folder
        # PostgreSQL refuses to run as root.
        self._who: dict[str, Any] = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [self._binaries / program, *arguments],
            **self._who,
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
        )

    def create(self) -> None:
        if self._who:
            shutil.chown(self.folder, "nobody", "nogroup")
        self._run("initdb", "--pgdata=data", "--username=shop", "--auth=trust", "--no-sync", "--encoding=UTF8")

    def start(self) -> None:
        own = (
            f"unix_socket_directories={self.folder}",
            "listen_addresses=''",
            "fsync=off",
            "synchronous_commit=off",
            "autovacuum=off",
        )
        options = " ".join(f"-c {one}" for one in own)
        self._run("pg_ctl", "--pgdata=data", "--wait", "--timeout=60", "--log=log", f"--options={options}", "start")

    def stop(self) -> None:
        self._run("pg_ctl", "--pgdata=data", "--wait", "--timeout=60", "--mode=immediate", "stop")

    def _each(self, act: Callable[[int], None]) -> None:
        # The postmaster first when it freezes, so that no child is born meanwhile.
        postmaster = int((self.folder / "data/postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children")
        act(postmaster)
        for child in map(int, children.read_text().split()):
            with suppress(ProcessLookupError, FileNotFoundError):
                act(child)

    def freeze(self) -> None:
        """Let it accept connections, as the kernel does for it, and never answer; open ones freeze too."""
        self._each(freeze)

    def thaw(self) -> None:
        self._each(lambda pid: os.kill(pid, signal.SIGCONT))


@contextmanager
def cluster() -> Iterator[Cluster]:
    """Run a cluster, and remove it."""
    with tempfile.TemporaryDirectory(prefix="pg") as name:
        it = Cluster(INSTALLED[-1].parent, Path(name))
        it.create()
        it.start()
        try:
            yield it
        finally:
            if (it.folder / "data/postmaster.pid").exists():
                it.thaw()
                it.stop()
