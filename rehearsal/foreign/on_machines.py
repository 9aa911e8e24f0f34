"""Somebody's site on machines: its first image is one on which the old release was set up by hand, by the files under deploy/."""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from ..host_kinds import Kind
from ..hosts.machines import disks, golden, image_files
from ..sandbox import Refusal
from . import databases, machine_files, moving, packages, units
from .commands import run
from .existing import PER_HOST, PROGRAMS, Existing, environment_file, say_step

# $0: the disk. $1: as whom. $2: where in it. Then folders with where they are seen in it and how, "--", and the command.
# Nothing of this computer may be changed from within: it has devices of its own, and sees Python as it is read.
_WITHIN = """
disk=$0 user=$1 place=$2
shift 2
mount -t tmpfs -o mode=755 tmpfs "$disk/dev"
for device in null zero full random urandom tty; do
    : >"$disk/dev/$device"
    mount --bind "/dev/$device" "$disk/dev/$device"
done
ln -s /proc/self/fd "$disk/dev/fd"
mkdir -m 1777 "$disk/dev/shm"
mount -t proc proc "$disk/proc"
for folder in run tmp; do mount -t tmpfs -o mode=1777 tmpfs "$disk/$folder"; done
while [ "$1" != -- ]; do
    mount --bind "$1" "$disk$2"
    [ "$3" = rw ] || mount -o remount,bind,ro "$disk$2"
    shift 3
done
shift
exec chroot "$disk" setpriv --reuid="$user" --regid="$user" --init-groups sh -c 'cd "$0" && exec "$@"' "$place" "$@"
"""
NOTHING = "nothing"  # an empty folder
_OWN = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-ec", _WITHIN)


class OnMachines(Existing):
    """A prepared repository whose hosts are machines."""

    @cached_property
    def host(self) -> machine_files.Host:
        """Where it lies on them; raises Refusal."""
        return machine_files.read(self.tree, self.settings["app"], self.facts["server"])

    @cached_property
    def _python(self) -> tuple[str, dict[str, str]]:
        return moving.python_on_machines(self.top / "new-venv", golden.layers(more=self.prepared.debian)[0])

    @property
    def _readable(self) -> dict[str, str]:
        """The Python that is taken along, without the packages that this computer has in it: none of them is the site's."""
        nothing = {f"{place}/lib/{PurePosixPath(place).name}/site-packages": str(self.top / NOTHING) for place in self._python[1]}
        return {**self._python[1], **nothing}

    def app(self, kind: Kind) -> Mapping[str, Any]:
        """Return what its fabric.yaml says of the site, and of its machines."""
        of_host = {"directory": self.host.directory, "virtualenv": self.host.virtualenv, "services": [self.host.service]}
        return {**super().app(kind), **of_host}

    def hosts(self) -> Mapping[str, Any]:
        """Return what machines have besides: what all share, the packages, and where Debian's own does not suit a Python."""
        mounted = {packages.PLACE: str(self.top / packages.FOLDER)}
        shared = str(PurePosixPath(self.host.home, machine_files.SHARED))
        return {"shared_at": shared, "mounted": mounted, "readable": self._readable, "packages": list(self.prepared.debian)}

    def disk(self, top: Path, shared: Path, endpoints: Mapping[str, Any]) -> Path:
        """Set the old release up as a person does who follows deploy/, on the disk of a machine; raises Refusal."""
        if lacking := machine_files.missing(self.tree, self.host.service):
            raise Refusal(f"{self.tree.name}: deploy/ lacks {', '.join(lacking)}, which `ramped init` writes")
        disk = top / "base"
        (self.top / NOTHING).mkdir()
        (self.top / NOTHING).chmod(0o755)
        self._check_out(disk, top, endpoints["origin"])
        self._share(shared, top / "base" / self.host.directory.lstrip("/"))
        # For what is asked from outside of the machines, about the same databases.
        shutil.copytree(PROGRAMS, top / PER_HOST, ignore=shutil.ignore_patterns("__pycache__"))
        (top / PER_HOST / "values.json").write_text(json.dumps(self.values(shared, endpoints)), encoding="utf-8")
        with self._mounted(disk, top) as merged:
            self._lay_out(merged, self.values(PurePosixPath(self.host.home, machine_files.SHARED), endpoints))
            self._within(merged, shared, "root", "/", "sh", "-ec", machine_files.accounts(self.host))
            if self._python[1]:
                self._within(merged, shared, "root", "/", "ldconfig")  # of a Python whose library is a file of its own
            for command in self.first_steps(self.host.virtualenv):
                say_step(command)
                self._within(merged, shared, image_files.USER, self.host.directory, *command)
            # The smoke boot of a rollback asks whether this image is whole, as of those that `ramped-image` has prepared.
            self._within(merged, shared, "root", "/", "/usr/local/sbin/ramped-whole", "record")
        return disk

    def manage(self, venv: Path, tree: Path, disk: Path, *arguments: str) -> str:
        """Run a management command of a release outside of the machines, with the same databases; raises Refusal."""
        return super().manage(venv, tree, self.top, *arguments)

    def _check_out(self, disk: Path, top: Path, origin: str) -> None:
        checkout = disk / self.host.directory.lstrip("/")
        checkout.parent.mkdir(parents=True)
        run("git", "clone", "--quiet", str(top / "origin.git"), checkout, cwd=top)
        run("git", "-C", checkout, "remote", "set-url", "origin", origin, cwd=top)
        (checkout / "REVISION").unlink(missing_ok=True)  # a link of that name leads anywhere
        (checkout / "REVISION").write_text(f"{self.prepared.old}\n", encoding="utf-8")
        venv = disk / self.host.virtualenv.lstrip("/")
        venv.parent.mkdir(parents=True, exist_ok=True)
        (top / "old-venv").rename(venv)
        moving.move(venv, str(top / "old-venv"), self.host.virtualenv, self._python[0])
        moving.move_checkout(venv, str(self.tree), self.host.directory)
        for folder in (venv, checkout):
            for above in (folder, *folder.relative_to(disk).parents):
                (disk / above).chmod(0o755)

    def _share(self, shared: Path, checkout: Path) -> None:
        for name in ("static", "media", "database"):
            (shared / name).mkdir()
        databases.bring(self.facts["databases"], self.prepared.database, shared, checkout, self.tree)
        (shared / "read").touch()  # what the site's workers note; see findings.py
        for path in (shared / "read", *(shared / "database").iterdir()):
            path.chmod(0o664)
        run("chown", "--recursive", f"{image_files.UID}:{image_files.UID}", self.top / packages.FOLDER, cwd=self.top)

    def _lay_out(self, disk: Path, values: Mapping[str, Any]) -> None:
        """Put the site's own files onto the disk."""
        host = self.host
        modules = f"{host.home}/{machine_files.MODULES}"
        file = f"{modules}/site.env"
        path = self.python_path(modules, host.directory, units.quoted)
        drop_in = machine_files.drop_in(host, self.facts, file, path)
        texts = {f"etc/systemd/system/{host.service}.d/rehearsal.conf": drop_in}
        texts["etc/ld.so.conf.d/rehearsal.conf"] = "".join(f"{place}/lib\n" for place in self._python[1])
        texts |= {name.lstrip("/"): environment_file(self.variables()) for name in (file, *host.environment_files)}
        texts[f"{host.home}/{machine_files.MODULES}/values.json".lstrip("/")] = json.dumps(values)
        home = f"home/{image_files.USER}"
        texts |= {f"{home}/{name}": text for name, text in packages.settings(self.top / packages.FOLDER).items()}
        secret = {name.lstrip("/") for name in (file, *host.environment_files)}
        modes = {name: 0o640 if name in secret else 0o644 for name in texts}
        for name, (place, mode) in machine_files.places(host.service).items():
            (disk / place).unlink(missing_ok=True)  # the shop's
            if (self.tree / "deploy" / name).is_file():
                texts[place] = (self.tree / "deploy" / name).read_text(encoding="utf-8")
                modes[place] = mode
        for module in PROGRAMS.glob("*.py"):
            place = f"{host.home}/{machine_files.MODULES}/{module.name}".lstrip("/")
            texts[place], modes[place] = module.read_text(encoding="utf-8"), 0o644
        for place, text in texts.items():
            machine_files.write(disk, place, text, modes[place])
        (disk / host.home.lstrip("/") / machine_files.SHARED).mkdir(exist_ok=True)
        if (self.tree / "uv.lock").is_file() and (found := shutil.which("uv")):
            shutil.copy(Path(found).resolve(), disk / "usr/local/bin/uv")

    @contextmanager
    def _mounted(self, disk: Path, top: Path) -> Iterator[Path]:
        """Mount the disk over the image of machines; raises Refusal."""
        merged = top / "merged"
        layers = [*golden.layers(more=self.prepared.debian), top / "settings"]
        try:
            disks.mount(layers, disk, top / "work", merged)
        except disks.DiskError as error:
            raise Refusal(str(error)) from None
        try:
            yield merged
        finally:
            disks.unmount(merged)

    def _within(self, merged: Path, shared: Path, user: str, place: str, *command: str) -> None:
        """Run a command on the disk as it would run on a machine; raises Refusal."""
        hosts = self.hosts()
        written, read = {hosts["shared_at"]: str(shared), **hosts["mounted"]}, hosts["readable"]
        for name in (*written, *read):
            (merged / name.lstrip("/")).mkdir(parents=True, exist_ok=True)
        binds = [part for name, folder in written.items() for part in (folder, name, "rw")]
        binds += [part for name, folder in read.items() for part in (folder, name, "ro")]
        home = f"{self.host.home}/{machine_files.MODULES}"
        environment = {
            "PATH": f"{self.host.virtualenv}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "VIRTUAL_ENV": self.host.virtualenv,
            "UV_PROJECT_ENVIRONMENT": self.host.virtualenv,
            "HOME": f"/home/{user}",
            "LANG": "C.UTF-8",
            "PYTHONDONTWRITEBYTECODE": "1",
            **self.variables(),
            "DJANGO_SETTINGS_MODULE": "rehearsal_settings",
            "PYTHONPATH": self.python_path(home, self.host.directory),
            "REHEARSAL_SETTINGS": self.facts["settings"],
            "REHEARSAL_VALUES": f"{home}/values.json",
        }
        what = "the accounts and units of deploy/" if user == "root" else " ".join(command[1:4])
        run(*_OWN, merged, user, place, *binds, "--", *command, cwd=self.top, env=environment, what=what)
