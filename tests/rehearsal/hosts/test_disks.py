"""Disks are folders, images are their copies."""

import asyncio
import os
import socket
import subprocess
from pathlib import Path

import pytest

from rehearsal.hosts import disks


def test_a_copy_has_the_same_files_links_modes_and_times(tmp_path: Path) -> None:
    source, target = tmp_path / "a", tmp_path / "images" / "b"
    (source / "folder").mkdir(parents=True)
    (source / "folder/program").write_text("#!/bin/sh\n")
    (source / "folder/program").chmod(0o750)
    os.utime(source / "folder/program", (1000, 2000))
    (source / "outside").symlink_to("/srv/shared")
    (source / "inside").symlink_to("folder/program")
    asyncio.run(disks.copy(source, target))
    program = (target / "folder/program").stat()
    assert (program.st_mode & 0o777, program.st_mtime) == (0o750, 2000)
    assert (target / "outside").readlink() == Path("/srv/shared")
    assert (target / "inside").readlink() == Path("folder/program")
    assert not list(tmp_path.rglob("*.partial"))


def test_hard_links_of_a_copy_do_not_reach_into_the_source(tmp_path: Path) -> None:
    source = tmp_path / "a"
    source.mkdir()
    (source / "one").write_text("before")
    os.link(source / "one", source / "two")
    asyncio.run(disks.copy(source, tmp_path / "b"))
    (tmp_path / "b/one").write_text("after")
    assert (source / "one").read_text() == "before"


def test_what_belongs_to_a_running_machine_is_not_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "a"
    source.mkdir()
    monkeypatch.chdir(source)
    Path("gunicorn.pid").write_text("1")
    Path("rapid").write_text("stays")
    os.mkfifo("pipe")
    (tmp_path / "elsewhere.pid").write_text("1")
    Path("link.pid").symlink_to(tmp_path / "elsewhere.pid")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("control.sock")
    asyncio.run(disks.copy(source, tmp_path / "b"))
    assert sorted(path.name for path in (tmp_path / "b").iterdir()) == ["link.pid", "rapid"]
    assert Path("gunicorn.pid").exists()


def test_what_was_left_of_a_broken_copy_does_not_get_in(tmp_path: Path) -> None:
    source = tmp_path / "a"
    source.mkdir()
    (tmp_path / "b.partial").mkdir()
    (tmp_path / "b.partial/leftover").touch()
    asyncio.run(disks.copy(source, tmp_path / "b"))
    assert not list((tmp_path / "b").iterdir())


def test_a_missing_source_is_named(tmp_path: Path) -> None:
    with pytest.raises(disks.DiskError, match=r"/none: cannot be copied to .*/b: cp: .*No such file"):
        asyncio.run(disks.copy(tmp_path / "none", tmp_path / "b"))
    assert list(tmp_path.iterdir()) == []


def test_files_that_vanish_under_way_are_left_out(tmp_path: Path) -> None:
    source = tmp_path / "a"
    source.mkdir()
    (source / "stays").touch()
    churn = "while :; do for n in $(seq 200); do echo > f$n; done; rm -f f*; done"
    busy = subprocess.Popen(["sh", "-c", churn], cwd=source)
    try:
        for number in range(5):
            asyncio.run(disks.copy(source, tmp_path / f"b{number}"))
            assert (tmp_path / f"b{number}/stays").exists()
    finally:
        busy.kill()
        busy.wait()


def test_a_file_that_cannot_be_written_is_an_error_and_no_image_is_left(tmp_path: Path) -> None:
    source = tmp_path / "a"
    source.mkdir()
    (source / "file").touch()
    (tmp_path / "in the way").touch()
    with pytest.raises((disks.DiskError, OSError)):
        asyncio.run(disks.copy(source, tmp_path / "in the way" / "b"))


def test_removing_is_harmless_when_there_is_nothing(tmp_path: Path) -> None:
    disks.remove(tmp_path / "none")
    (tmp_path / "a/b").mkdir(parents=True)
    disks.remove(tmp_path / "a")
    assert not (tmp_path / "a").exists()
