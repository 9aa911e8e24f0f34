"""A folder whose every operation takes its time, to stand for EFS: a FUSE pass-through.

`python -m tests.benchmarks.slow_disk FROM TO`. A look takes 1 ms and a change 3 ms, however many are on at once. The kernel keeps
names and attributes for a second, as it does for NFS. It needs root, /dev/fuse, libfuse.so.2 (apt install libfuse2) and fusepy.
"""

# mypy: allow-subclassing-any
# ruff: noqa: PTH101, PTH102, PTH103, PTH104, PTH105, PTH106, PTH108, PTH118, PTH208

import errno
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

LOOK, CHANGE = 0.001, 0.003
_LOOKS = {"getattr", "readdir", "open", "read", "access", "statfs"}
_CHANGES = {"create", "write", "truncate", "mkdir", "rmdir", "unlink", "rename", "chmod", "chown", "utimens"}
_STAT = ("st_atime", "st_ctime", "st_gid", "st_mode", "st_mtime", "st_nlink", "st_size", "st_uid", "st_ino")


class Missing(Exception):
    """Say what there would have to be for a slow disk."""


@contextmanager
def slow_disk(behind: Path, folder: Path, environment: Mapping[str, str]) -> Iterator[None]:
    """Show what is in `behind` slowly in `folder`. Raises Missing where this machine cannot."""
    folder.mkdir(exist_ok=True)
    command = [sys.executable, "-m", __name__, str(behind), str(folder)]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            while not folder.is_mount():
                if process.poll() is not None:
                    assert process.stderr
                    raise Missing(process.stderr.read().strip().splitlines()[-1])
                time.sleep(0.05)
            yield
        finally:
            process.terminate()  # libfuse unmounts


def _serve(behind: str, folder: str) -> None:
    from fuse import FUSE, FuseOSError, Operations  # type: ignore[import-not-found, unused-ignore]

    class Slow(Operations):
        """Each method is that of the system call of its name."""

        use_ns = True

        def __call__(self, operation: str, path: str, *arguments: Any) -> Any:
            # What is in neither, such as release and ioctl, an NFS client answers by itself.
            time.sleep(LOOK if operation in _LOOKS else CHANGE if operation in _CHANGES else 0)
            try:
                return getattr(self, operation)(behind + path if path else path, *arguments)
            except OSError as error:
                raise FuseOSError(error.errno or errno.EIO) from error

        def getattr(self, path: str, handle: int | None = None) -> dict[str, Any]:
            stat = os.lstat(path)
            return {key: getattr(stat, f"{key}_ns" if key.endswith("time") else key) for key in _STAT}

        def readdir(self, path: str, handle: int) -> list[Any]:
            # With the kind of each entry, as an NFS server tells it.
            return [".", "..", *((e.name, {"st_mode": 0o040000 if e.is_dir() else 0o100000}, 0) for e in os.scandir(path))]

        def create(self, path: str, mode: int, *more: Any) -> int:
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, mode)

        def open(self, path: str, flags: int) -> int:
            return os.open(path, flags)

        def read(self, path: str, size: int, offset: int, handle: int) -> bytes:
            return os.pread(handle, size, offset)

        def write(self, path: str, data: bytes, offset: int, handle: int) -> int:
            return os.pwrite(handle, data, offset)

        def truncate(self, path: str, length: int, handle: int | None = None) -> None:
            os.truncate(path, length)

        def release(self, path: str, handle: int) -> None:
            os.close(handle)

        def fsync(self, path: str, *more: Any) -> None:
            pass

        def mkdir(self, path: str, mode: int) -> None:
            os.mkdir(path, mode)

        def rmdir(self, path: str) -> None:
            os.rmdir(path)

        def unlink(self, path: str) -> None:
            os.unlink(path)

        def rename(self, old: str, new: str) -> None:
            os.rename(old, behind + new)

        def chmod(self, path: str, mode: int) -> None:
            os.chmod(path, mode)

        def chown(self, path: str, user: int, group: int) -> None:
            os.chown(path, user, group)

        def utimens(self, path: str, times: tuple[int, int] | None = None) -> None:
            os.utime(path, ns=times)

        def access(self, path: str, mode: int) -> None:
            if not os.access(path, mode):
                raise FuseOSError(errno.EACCES)

        def statfs(self, path: str) -> dict[str, int]:
            told = os.statvfs(path)
            return {key: getattr(told, key) for key in ("f_bavail", "f_bfree", "f_blocks", "f_bsize", "f_files", "f_frsize")}

    FUSE(Slow(), folder, foreground=True)


if __name__ == "__main__":
    try:
        _serve(*sys.argv[1:3])
    except (ImportError, OSError, RuntimeError) as missing:
        raise SystemExit(f"{missing}: a slow disk needs root, /dev/fuse, libfuse2 and fusepy") from missing
