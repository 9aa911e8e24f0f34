"""What machine hosts need of the computer, and what of it is missing here."""

import os
import shutil
import subprocess
from pathlib import Path

# Each program with the Debian package that brings it.
PROGRAMS = {
    "systemd-nspawn": "systemd-container",
    "mmdebstrap": "mmdebstrap",
    "ip": "iproute2",
    "git": "git",
    "ssh-keygen": "openssh-client",
    "unshare": "util-linux",
    "setpriv": "util-linux",
    "nsenter": "util-linux",
}
POSTGRESQL = Path("/usr/lib/postgresql")
INSTANCES_PER_MACHINE = 6  # of inotify: what one systemd with its services takes, rounded up


def search_path() -> str:
    """Return the PATH with the folders in which Debian keeps what only root runs."""
    return os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"))


def missing(instances: int = 1) -> str:
    """Return in one line what is missing for a number of instances (and the management instance), or ""."""
    release = Path("/etc/os-release")
    if not release.is_file() or "ID=debian" not in release.read_text(encoding="utf-8").splitlines():
        return "machine hosts need Debian: their image is made with its tools and packages"
    if os.geteuid() != 0:
        return "machine hosts need root: they mount file systems and make namespaces"
    packages = {package for name, package in PROGRAMS.items() if shutil.which(name, path=search_path()) is None}
    if not list(POSTGRESQL.glob("*/bin/initdb")):
        packages.add("postgresql")
    if packages:
        return f"machine hosts need packages that are not installed: apt install {' '.join(sorted(packages))}"
    known = {line.split()[-1] for line in Path("/proc/filesystems").read_text(encoding="ascii").splitlines()}
    if lacking := {"overlay", "cgroup2"} - known:
        return f"machine hosts need file systems that this kernel does not have: {', '.join(sorted(lacking))}"
    return _forbidden() or _too_many(instances)


def _forbidden() -> str:
    """Return why no box can be made, although everything is there: in a container, say, whose root may not mount."""
    probe = ["unshare", "--mount", "--net", "--pid", "--fork", "mount", "-t", "cgroup2", "cgroup2", "/sys/fs/cgroup"]
    done = subprocess.run(probe, capture_output=True, text=True, check=False)
    return f"machine hosts need to mount and to make namespaces: {done.stderr.strip()}" if done.returncode else ""


def _too_many(instances: int) -> str:
    """Return what to do so that all machines boot: past the limit they hang silently."""
    limit, wanted = Path("/proc/sys/fs/inotify/max_user_instances"), (instances + 3) * INSTANCES_PER_MACHINE
    if int(limit.read_text(encoding="ascii")) >= wanted:
        return ""
    return (
        f"{instances} machines need more of inotify than this computer allows: sysctl -w fs.inotify.max_user_instances={wanted}"
    )
