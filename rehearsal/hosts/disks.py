"""The disks of the process hosts: folders, and an image is the copy of one."""

import asyncio
import os
import shutil
import stat
from pathlib import Path


class DiskError(Exception):
    """Say which disk could not be copied, and why."""


async def copy(source: Path, target: Path) -> None:
    """Copy a disk as `cp -a` does, symbolic links kept, without what belongs to a running machine.

    The target appears whole, by a rename. Raises DiskError if the source cannot be read.
    """
    partial = target.with_name(f"{target.name}.partial")
    await asyncio.to_thread(remove, partial)
    partial.parent.mkdir(parents=True, exist_ok=True)
    command = ("cp", "-a", "--reflink=auto", "-T", str(source), str(partial))
    child = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE, env={**os.environ, "LC_ALL": "C"})
    errors = (await child.communicate())[1].decode(errors="replace").strip()
    if child.returncode and not (partial.is_dir() and _only_vanished(errors)):
        await asyncio.to_thread(remove, partial)
        raise DiskError(f"{source}: cannot be copied to {target}: {errors}")
    await asyncio.to_thread(prune, partial)
    partial.rename(target)


def _only_vanished(errors: str) -> bool:
    """Say whether all that went wrong is that files of a live disk were gone when their turn came: then they are not in it."""
    return all(line.startswith("cp: cannot ") and line.endswith(": No such file or directory") for line in errors.splitlines())


def prune(disk: Path) -> None:
    """Remove sockets, pipes and pid files: a machine that boots from the copy makes its own."""
    for path in disk.rglob("*"):
        mode = path.lstat().st_mode
        if stat.S_ISSOCK(mode) or stat.S_ISFIFO(mode) or (stat.S_ISREG(mode) and path.suffix == ".pid"):
            path.unlink()


def remove(disk: Path) -> None:
    """Remove a disk if it is there."""
    if disk.exists():
        shutil.rmtree(disk)
