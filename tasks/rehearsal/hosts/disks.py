"""The disks of the process hosts: folders, and an image is the copy of one."""

import asyncio
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
    for attempt in range(3):
        child = await asyncio.create_subprocess_exec(
            "cp", "-a", "--reflink=auto", "-T", str(source), str(partial), stderr=asyncio.subprocess.PIPE
        )
        _, errors = await child.communicate()
        if child.returncode == 0:
            break
        await asyncio.to_thread(remove, partial)  # a file vanished under way: a live disk is copied at another moment
        if attempt == 2:
            raise DiskError(f"{source}: cannot be copied to {target}: {errors.decode(errors='replace').strip()}")
    await asyncio.to_thread(prune, partial)
    partial.rename(target)


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
