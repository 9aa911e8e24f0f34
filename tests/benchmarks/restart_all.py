"""What `restart-all` does on its hosts, against the same over OpenSSH: `python -m tests.benchmarks.restart_all [--hosts 20]`.

The work on every host: connect, look at the service, reload it, all hosts at once (batch = hosts). Ours goes through the pool of
connections that the tasks use; the other side is one `ssh` for each host, with curve25519, as many at once. The two are run in
turns, so that what else the machine does falls on both alike. The hosts are process hosts in a process of their own: what is
measured is the way to them, not systemd.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tasks.aws.instances import Ec2Instance
from tasks.decisions.release.reload import PROPERTIES, ReloadMethod, methods
from tasks.hosts.shell import commands

GOAL = 1.1
UNIT = "shop.service"


def serve(folder: Path, count: int) -> None:
    """Boot hosts, print where they are, and keep them until standard input ends."""
    from tests.rehearsal.hosts.support import Fleet, Key, golden_disk, service

    fleet = Fleet(folder / "hosts", Key(folder))
    try:
        fleet.image(golden_disk(folder / "golden", unit=service(kind="simple")))
        launched = [fleet.launch(settle=False) for _ in range(count)]
        fleet.hosts.settle(300)
        keys = {one.address: fleet.hosts.console(one.id).splitlines()[1].split()[:2] for one in launched}
        print(json.dumps({address: " ".join(key) for address, key in keys.items()}), flush=True)
        sys.stdin.read()
    finally:
        fleet.hosts.close()


class Bench:
    """The two ways to the same hosts."""

    def __init__(self, folder: Path, keys: dict[str, str]) -> None:
        self.folder = folder
        self.keys = keys
        self.known = folder / "known_hosts"
        self.known.write_text("".join(f"[{address}]:2222 {key}\n" for address, key in keys.items()))

    def ours(self) -> None:
        """Reload every host through the tasks' own connections."""
        from tasks.hosts.pool import Hosts

        with Hosts(self._run()) as hosts, ThreadPoolExecutor(len(self.keys)) as pool:
            list(pool.map(lambda address: self._reload(hosts, address), self.keys))

    def _reload(self, hosts: Any, address: str) -> None:
        from tasks.decisions.release.reload import read_service

        host = hosts.open(Ec2Instance(address, "running", address, "", "", {}, 0.0))
        service = read_service(host.run(commands.show(UNIT, PROPERTIES)).stdout)
        assert methods(service)[0] is ReloadMethod.RELOAD, service
        host.run(commands.systemctl("reload", UNIT))

    def _run(self) -> Any:
        from tasks.runtime.output import Output
        from tasks.runtime.run import Run
        from tasks.runtime.waiting import SystemClock
        from tasks.settings.model import App, Aws, Image, Management, Restart, RolloutPolicy, Settings, Ssh, Static

        ssh = Ssh(
            user="admin", key=str(self.folder / "key"), port=2222, known_hosts=str(self.known), timeout=60, gateway="direct"
        )
        app = App(directory="app", services=(UNIT,), domain="shop.example.com", health_path="/")
        rest = (Image(name="shop"), RolloutPolicy(), Restart(), Static(url="/static/"))
        image, rollout, restart, static = rest
        settings = Settings(
            aws=Aws(region="eu-central-1"),
            groups=("web",),
            management=Management(),
            ssh=ssh,
            app=app,
            image=image,
            rollout=rollout,
            restart=restart,
            static=static,
        )
        return Run(settings, Output(), SystemClock(), True, "restart-all")

    def openssh(self) -> None:
        """Reload every host with the ssh client."""
        options = {
            "KexAlgorithms": "curve25519-sha256",
            "UserKnownHostsFile": self.known,
            "GlobalKnownHostsFile": "/dev/null",
            "StrictHostKeyChecking": "yes",
            "BatchMode": "yes",
            "IdentitiesOnly": "yes",
            "ConnectTimeout": "60",
        }
        words = ["ssh", "-F", "none", "-i", str(self.folder / "key"), "-p", "2222", "-l", "admin"]
        words += [f"-o{name}={value}" for name, value in options.items()]
        command = f"{commands.show(UNIT, PROPERTIES)} && {commands.systemctl('reload', UNIT)}"
        with ThreadPoolExecutor(len(self.keys)) as pool:
            ended = pool.map(lambda a: subprocess.run([*words, a, command], capture_output=True, text=True), self.keys)
            failed = [one.stderr for one in ended if one.returncode]
        assert not failed, failed


def main() -> int:
    """Print the medians and their ratio; return 1 when it is above the goal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=int, default=20)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve(given.serve, given.hosts)
        return 0
    with tempfile.TemporaryDirectory() as name:
        words = [sys.executable, "-m", "tests.benchmarks.restart_all", "--serve", name, "--hosts", str(given.hosts)]
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdin and server.stdout
            bench = Bench(Path(name), json.loads(server.stdout.readline()))
            took: dict[str, list[float]] = {"ours": [], "openssh": []}
            for _ in range(given.runs + 1):
                for title in took:
                    begin = time.perf_counter()
                    getattr(bench, title)()
                    took[title].append(time.perf_counter() - begin)
            server.stdin.close()
    ours, theirs = (statistics.median(times[1:]) for times in took.values())
    print(f"{given.hosts} process hosts, all at once, medians of {given.runs}: connect, look at the service, reload")
    print(f"restart-all {ours:.2f} s   OpenSSH in parallel {theirs:.2f} s   ratio {ours / theirs:.2f} (goal {GOAL})")
    return int(ours / theirs > GOAL)


if __name__ == "__main__":
    sys.exit(main())
