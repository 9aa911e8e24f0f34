"""The local-manifest storage for big trees: the time of a repeated `collectstatic` depends on the changes, not on the size.

Copy this file and its sibling local_manifest_storage.py into the project, and name IncrementalStaticFilesStorage as the backend
of "staticfiles" in STORAGES. Manifest and files are those of LocalManifestStaticFilesStorage, and so of stock. Differences:

- STATIC_ROOT is listed once, by several threads. Listed files are neither read nor compressed nor written again; only the
  sources are read. (collectstatic counts compared files as "copied".)
- CSS and JS are rewritten only where they, their references, or the rules have changed: the settings or the storage's code.
- Beside STATIC_ROOT, in `.<its name>.incoming/`, lies `originals.json`: the content of the unhashed files, the results for
  CSS and JS, and which files are not worth compressing. It is removed before the first unhashed file is written and restored
  at the end: a killed run leaves none, and the next run compares the files themselves. Where that folder cannot be
  created, every run does.
- Runs on one STATIC_ROOT wait for each other (flock on a file in that folder; NFSv4, and so EFS, has it), for
  STATICFILES_LOCK_TIMEOUT at most (a setting; 900 s without it), and print for which process on which machine.
- New files are not kept in memory: rewritten files are in the machine's temporary folder until they are published.

A file that was truncated or altered by another program keeps its name, so the list does not show it. STATICFILES_VERIFY=1 in the
environment (`STATICFILES_VERIFY=1 manage.py collectstatic`), or "OPTIONS": {"verify": True}, reads all files of this release,
with their .gz and .br, and publishes wrong files again.
"""

# mypy: allow-subclassing-any

from __future__ import annotations

import fcntl
import gzip
import hashlib
import json
import os
import platform
import posixpath
import secrets
import sys
import tempfile
import time
import zlib
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.core.files.base import ContentFile, File
from django.core.management.base import CommandError

from .local_manifest_storage import LocalManifestStaticFilesStorage

RECORD = "originals.json"
LISTING_THREADS = 16


@dataclass(frozen=True)
class _Rewritten:
    """The result for a CSS or JS file."""

    source: str  # hash of its content
    hashed: str
    named: dict[str, list[str | None]]  # the referenced files: their hashed names, and the hashes of their sources


@dataclass
class _Run:
    """The state of one run of collectstatic."""

    held: ExitStack
    record: Path | None
    present: set[str]
    originals: dict[str, str] = field(default_factory=dict)  # name: hash of the content
    known: dict[str, _Rewritten] = field(default_factory=dict)  # by earlier runs
    bare: set[str] = field(default_factory=set)  # names that are not worth compressing
    digests: dict[str, str] = field(default_factory=dict)
    hashing: str | None = None  # the hash of the content that is being named, where it is known
    origins: dict[str, str] = field(default_factory=dict)  # hashed name: original name
    sources: dict[str, tuple[Any, str]] = field(default_factory=dict)
    rewritten: dict[str, tuple[int, int]] = field(default_factory=dict)  # where in the spool
    spool: Any = None
    plain: list[tuple[str, str, Any]] = field(default_factory=list)
    good: dict[str, bool] = field(default_factory=dict)
    settled: dict[str, str] | None = None  # CSS and JS that need no rewriting: their hashed names
    done: dict[str, _Rewritten] = field(default_factory=dict)
    circular: dict[str, str] = field(default_factory=dict)  # as circular_files
    targets: dict[str, list[str]] = field(default_factory=dict)  # by hashed name: what its text may reference
    named: dict[str, list[str | None]] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)


class IncrementalStaticFilesStorage(LocalManifestStaticFilesStorage):
    """Publish only what is missing; options are those of LocalManifestStaticFilesStorage, and `verify`."""

    def __init__(self, *args: Any, verify: bool = False, **kwargs: Any) -> None:
        self.verify = verify or os.environ.get("STATICFILES_VERIFY", "") not in ("", "0")
        self._run: _Run | None = None
        super().__init__(*args, **kwargs)

    # What collectstatic asks while it copies.

    def exists(self, name: str) -> bool:
        """Return whether a file exists; collectstatic's first call, for STATIC_ROOT itself, begins a run."""
        if str(name) == str(self.location):
            super().exists(name)  # which refuses `--link`
            self._end()
            self._begin()
        run = self._run
        if run is None or str(name) in ("", str(self.location)):
            return bool(super().exists(name))
        if self._publication is None:
            return f"{name}/" in run.present  # of files `_save` compares the contents
        return name not in self._publication.hashed and (name in run.sources or name in run.present or super().exists(name))

    def open(self, name: str, mode: str = "rb") -> Any:
        """Open a file; during publication its source."""
        if self._run is not None and name in self._run.sources:
            storage, path = self._run.sources[name]
            return storage.open(path)
        return super().open(name, mode)

    def hashed_name(self, name: str, content: Any = None, filename: str | None = None) -> str:
        """Return the name with the hash of the content."""
        run = self._run
        if run is None:
            return super().hashed_name(name, content, filename)
        # The name that `file_hash` gets lacks what looks like a query, and may be a part of the file's name.
        source = name if content is not None else str(filename or name)
        digest = None if isinstance(content, ContentFile) else run.digests.get(source)
        run.hashing = digest if content is not None or source == _path(source) else None
        try:
            hashed = super().hashed_name(name, content, filename)
        finally:
            run.hashing = None
        run.origins[hashed] = name
        return hashed

    def file_hash(self, name: str, content: Any = None) -> Any:
        """Return the hash of a file; a source is hashed once."""
        known = self._run.hashing if self._run is not None else None
        return super().file_hash(name, content) if known is None else known

    # Publishing.

    def post_process(self, paths: dict[str, Any], dry_run: bool = False, **options: Any) -> Iterator[tuple[str, str | None, Any]]:
        """Publish missing files, then the manifest, then record the unhashed files."""
        run = self._begin()
        try:
            if not dry_run:
                self._take(run, paths)
            yield from super().post_process(paths, dry_run=dry_run, **options)
            if not dry_run:
                yield from run.plain
                self._write_record(run, set(paths))
        finally:
            self._end()

    def _take(self, run: _Run, paths: dict[str, Any]) -> None:
        """Note the sources; a file that another storage has put into STATIC_ROOT is its own source."""
        for name, (storage, path) in paths.items():
            if not self._is_ours(storage, path):
                run.sources[name] = (storage, path)
            if name not in run.digests:
                with storage.open(path) as file:
                    run.digests[name] = str(super().file_hash(name, file))

    def _post_process(self, paths: Any, adjustable_paths: Any, hashed_files: Any) -> Iterator[tuple[Any, ...]]:
        """Leave to Django the files to rewrite; give it a set for look-ups, without files that need none."""
        run, adjustable = self._run, self._rewritable(adjustable_paths)
        assert run is not None
        if run.settled is None:
            run.settled = self._settled(run, adjustable)
            hashed_files.update({self.hash_key(name): hashed for name, hashed in run.settled.items()})
            run.order = sorted(paths, key=lambda name: name.count(os.sep), reverse=True)
        yield from ((name, run.settled[name], True, False) for name in paths if name in run.settled)
        rest = {name: place for name, place in paths.items() if name not in run.settled}
        for item in super()._post_process(rest, adjustable, hashed_files):
            name, hashed, processed, _ = item
            named, run.named = run.named, {}
            if isinstance(processed, Exception):
                yield item
            elif name in adjustable:
                run.done[name] = _Rewritten(run.digests[name], hashed, named)
                yield item
            else:
                run.plain.append(item[:3])

    def _settled(self, run: _Run, adjustable: frozenset[str]) -> dict[str, str]:
        """Return the CSS and JS with a known result of an earlier run."""
        run.done = {
            name: known
            for name, known in run.known.items()
            if name in adjustable and known.source == run.digests.get(name) and self._is_good(run, known.hashed)
        }
        while changed := [name for name, known in run.done.items() if not self._names_the_same(run, known, adjustable)]:
            for name in changed:
                del run.done[name]
        return {name: known.hashed for name, known in run.done.items()}

    def _names_the_same(self, run: _Run, known: _Rewritten, adjustable: frozenset[str]) -> bool:
        for name, (hashed, source) in known.named.items():
            if name in adjustable:
                if name not in run.done or run.done[name].hashed != hashed:
                    return False
            elif source is None or _source(run, name) != source:
                return False
        return True

    def _stored_name(self, name: str, hashed_files: dict[str, str]) -> str:
        run, used = self._run, self._referenced(posixpath.normpath(name))
        if run is not None:
            run.named[used] = ["", None]  # of a missing file, which may exist next time
        stored = str(super()._stored_name(name, hashed_files))
        if run is not None and self._publication is not None:
            run.named[used] = [hashed_files.get(self.hash_key(self.clean_name(used)), stored), _source(run, used)]
        return stored

    def save_manifest(self) -> None:
        """Save the manifest, in Django's order."""
        if self._run is not None and self._publication is None:
            # Names of another hashing loop stay, too.
            known = {key: self.hashed_files[key] for key in map(self.hash_key, self._run.order) if key in self.hashed_files}
            self.hashed_files = {**known, **self.hashed_files}
        super().save_manifest()

    def _known_circular_files(self) -> dict[str, str]:
        return dict(self._run.circular) if self._run else {}

    def _targets(self, hashed: str) -> Collection[str]:
        run = self._run
        if run is None:
            return super()._targets(hashed)
        if hashed not in run.targets:
            run.targets[hashed] = sorted(super()._targets(hashed))
        return run.targets[hashed]

    def compress_files(self, paths: Iterable[str]) -> Iterable[tuple[str, str]]:
        """Publish the rewritten files, and missing compressed files."""
        plain = self._run.plain if self._run else []
        names = {*paths, *(name for name, _, _ in plain), *(hashed for _, hashed, _ in plain)}
        if self._run and self._run.spool:
            self._run.spool.flush()
        # A thread for each of thousands of complete files costs more than all else.
        return super().compress_files(sorted(name for name in names if not self._run or self._is_incomplete(self._run, name)))

    def _is_incomplete(self, run: _Run, name: str) -> bool:
        return (
            self.verify or name in run.rewritten or (self.compressor.should_compress(name) and not self._has_variants(run, name))
        )

    def _save(self, name: str, content: File[Any]) -> str:
        run = self._run
        if run is None or (self._publication and self._publication.circle is not None):
            return str(super()._save(name, content))
        if not self._publication or name not in self._publication.hashed:
            return self._save_original(run, name, content)
        if not self._is_good(run, name) and name not in run.rewritten:
            if not isinstance(content, ContentFile):
                return self._place_file(run, name, content)
            if run.spool is None:
                run.spool = run.held.enter_context(tempfile.TemporaryFile(prefix="collectstatic"))  # noqa: SIM115
            content.seek(0)
            start = run.spool.tell()
            run.rewritten[name] = (start, run.spool.write(content.read()))
        return name

    def _save_original(self, run: _Run, name: str, content: File[Any]) -> str:
        digest = run.digests[name] = str(super().file_hash(name, content))
        if run.originals.get(name) != digest and not (name in run.present and self._digest(name) == digest):
            if run.record is not None:
                run.record.unlink(missing_ok=True)
            run.bare.discard(name)
            for variant in {f"{name}.gz", f"{name}.br"} & run.present:
                Path(self.path(variant)).unlink(missing_ok=True)  # the new content may not be worth compressing
                run.present.discard(variant)
            self._place_file(run, name, content)
        run.originals[name] = digest
        return name

    def _place_file(self, run: _Run, name: str, content: File[Any]) -> str:
        """Write a file, its compressed variants first."""
        run.present.discard(name)
        super(LocalManifestStaticFilesStorage, self)._save(name, content)
        run.present.add(name)
        run.good[name] = True
        return name

    def _complete(self, name: str) -> None:
        run = self._run
        if run is None:
            super()._complete(name)
        elif name in run.rewritten:
            start, length = run.rewritten.pop(name)
            self._place_file(run, name, ContentFile(os.pread(run.spool.fileno(), length, start)))
        elif self.compressor.should_compress(name) and not self._has_variants(run, name):
            super()._complete(name)

    def _before_placing(self, temporary: Path, full_path: Path) -> None:
        if self._run is not None and self._publication is None:
            return  # an unhashed file: no page names it, so it may be compressed later, in parallel with others
        super()._before_placing(temporary, full_path)
        if self._run is not None:
            name = full_path.relative_to(self.location).as_posix()
            self._run.bare.add(name)
            self._run.present |= {name + end for end in (".gz", ".br") if Path(f"{full_path}{end}").exists()}

    def _holds(self, place: Path, variant: Path) -> bool:
        if self._run is not None and place.relative_to(self.location).as_posix() not in self._run.present:
            return False
        return super()._holds(place, variant)

    def _is_compressed(self, full_path: Path) -> bool:
        return super()._is_compressed(full_path) if self._run is None else False

    # Checks of existing files.

    def _is_good(self, run: _Run, name: str) -> bool:
        if name not in run.present:
            return False
        if self.verify and name not in run.good:
            run.good[name] = self._proves_its_name(run, name)
        return run.good.get(name, True)

    def _proves_its_name(self, run: _Run, name: str) -> bool:
        with super().open(name) as file:
            if name in self.circular_files:
                return hashlib.file_digest(file, "md5").hexdigest() == self.circular_files[name]
            run.hashing = None
            return bool(super().hashed_name(run.origins[name], file) == name)

    def _is_ours(self, storage: Any, path: str) -> bool:
        """Return whether a file to publish is already in STATIC_ROOT."""
        try:
            return bool(os.path.commonpath((self.location, os.path.abspath(storage.path(path)))) == self.location)  # noqa: PTH100
        except (NotImplementedError, ValueError):
            return False

    def _digest(self, name: str) -> str:
        with super().open(name) as file:
            return str(super().file_hash(name, file))

    def _has_variants(self, run: _Run, name: str) -> bool:
        """Return whether the compressed variants exist, or are known to be useless."""
        suffixes = [".gz", ".br"] if self.compressor.use_brotli else [".gz"]
        there = [suffix for suffix in suffixes if name + suffix in run.present]
        if self.verify and name not in run.bare:
            return len(there) == len(suffixes) and all(self._unpacks(name, suffix) for suffix in there)
        return name in run.bare or len(there) == len(suffixes)

    def _unpacks(self, name: str, suffix: str) -> bool:
        packed = Path(self.path(name + suffix)).read_bytes()
        if suffix == ".gz":
            try:
                content = gzip.decompress(packed)
            except (OSError, EOFError, zlib.error):
                return False
        else:
            import brotli  # type: ignore[import-not-found, unused-ignore]

            try:
                content = brotli.decompress(packed)
            except brotli.error:
                return False
        return bool(content == Path(self.path(name)).read_bytes())

    # A run.

    def _begin(self) -> _Run:
        if self._run is None:
            root = Path(self.location)
            self._make_directories(root)
            staging = self._staging(root / "x")
            beside = staging != root
            with ExitStack() as held:
                if beside:
                    lock = os.open(staging / "lock", os.O_RDWR | os.O_CREAT, 0o600)
                    held.callback(os.close, lock)
                    _lock(lock, root)
                run = _Run(held.pop_all(), staging / RECORD if beside else None, set(_listing(root)))
            self._read_record(run)
            self._run = run
        return self._run

    def _end(self) -> None:
        if self._run is not None:
            run, self._run = self._run, None
            run.held.close()

    def _read_record(self, run: _Run) -> None:
        try:
            stored = json.loads(run.record.read_bytes()) if run.record and not self.verify else {}
            run.originals = {name: digest for name, digest in stored.get("originals", {}).items() if name in run.present}
            if stored.get("compressor") == self._compressor_mark():
                run.bare = set(stored["bare"])
            if stored.get("rules") == self._rules_mark():
                run.known = {name: _Rewritten(*known) for name, known in stored["rewritten"].items()}
                run.circular, run.targets = dict(stored["circular"]), dict(stored["targets"])
        except (OSError, ValueError, TypeError, AttributeError, KeyError):
            run.originals, run.bare, run.known, run.circular, run.targets = {}, set(), {}, {}, {}

    def _write_record(self, run: _Run, names: set[str]) -> None:
        if run.record is None:
            return
        suffixes = (".gz", ".br") if self.compressor.use_brotli else (".gz",)
        live = {*names, *self.hashed_files.values()}
        bare = sorted(name for name in run.bare & live if any(name + end not in run.present for end in suffixes))
        record = {
            "originals": run.originals,
            "bare": bare,
            "compressor": self._compressor_mark(),
            "rewritten": {name: [known.source, known.hashed, known.named] for name, known in run.done.items()},
            "rules": self._rules_mark(),
            "circular": self.circular_files,
            "targets": {name: targets for name, targets in run.targets.items() if name in live},
        }
        temporary = run.record.with_suffix(".new")
        temporary.write_text(json.dumps(record))
        temporary.replace(run.record)

    def _compressor_mark(self) -> str:
        return f"{self.compressor.use_brotli} {self.compressor.extension_re.pattern}"

    def _rules_mark(self) -> str:
        """Return a mark of the rules for rewriting: the settings, and the code, which an upgrade or a subclass may change."""
        modules = {kind.__module__ for kind in type(self).__mro__} - {"builtins"}
        digest = hashlib.md5(usedforsecurity=False)
        for file in sorted(str(sys.modules[module].__file__) for module in modules):
            try:
                digest.update(Path(file).read_bytes())
            except OSError:
                return secrets.token_hex(8)  # unreadable code may change
        options = (self.support_js_module_import_aggregation, self.allow_missing_references, self.do_not_rewrite)
        digest.update(repr((settings.STATIC_URL, _plain(self._patterns), *map(_plain, options))).encode())
        return digest.hexdigest()


def _plain(rule: Any) -> Any:
    """Return rules in a form that is equal in all processes: compiled patterns as text, lazy patterns too (Django 6.1)."""
    if isinstance(rule, dict):
        return [(name, _plain(value)) for name, value in rule.items()]
    if isinstance(rule, list | tuple):
        return [_plain(value) for value in rule]
    return (rule.pattern, int(rule.flags)) if hasattr(rule, "pattern") else rule


def _lock(lock: int, root: Path) -> None:
    """Wait until no other run publishes into the same directory, and print its process."""
    seconds = getattr(settings, "STATICFILES_LOCK_TIMEOUT", 900)
    deadline, printed = time.monotonic() + seconds, False
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(lock, 200, 0).decode(errors="replace") or "just started"
            if time.monotonic() >= deadline:
                raise CommandError(
                    f"Another collectstatic still publishes into {root} after {seconds} s (STATICFILES_LOCK_TIMEOUT): {holder}."
                ) from None
            if not printed:
                print(f"Waiting for another collectstatic that publishes into {root}: {holder}", file=sys.stderr, flush=True)
                printed = True
            time.sleep(0.1)
        else:
            break
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"process {os.getpid()} on {platform.node()}, since {time.strftime('%H:%M:%S')}".encode(), 0)


def _source(run: _Run, name: str) -> str | None:
    """Return the hash of a referenced file (HashedFilesMixin.hashed_name)."""
    return run.digests.get(name) or run.digests.get(_path(name))


def _path(name: str) -> str:
    """Return the file that Django opens for a name."""
    return urlsplit(unquote(name)).path.strip()


def _listing(root: Path) -> Iterator[str]:
    """Yield the names of all files below a directory, and of all folders with a slash; each directory is read once."""

    def read(directory: str) -> tuple[list[str], list[str]]:
        with os.scandir(root / directory) as entries:
            found = [(f"{directory}{entry.name}", entry.is_dir()) for entry in entries]
        return [name for name, folder in found if not folder], [f"{name}/" for name, folder in found if folder]

    waiting = [""]
    with ThreadPoolExecutor(LISTING_THREADS) as executor:
        while waiting:
            level = list(executor.map(read, waiting))
            for names, folders in level:
                yield from (*names, *folders)
            waiting = [folder for _, folders in level for folder in folders]
