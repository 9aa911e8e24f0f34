"""Static files of several releases in one shared directory, each release with its own manifest.

Copy this file into the project and name it in the settings (settings_snippets/django/settings.py has the lines). STATIC_ROOT is
shared by all instances; `staticfiles.json` is not: it is in BASE_DIR, or in the directory of the setting
STATICFILES_MANIFEST_ROOT. So old code keeps naming old files while new code names new ones. Differences from
WhiteNoise's CompressedManifestStaticFilesStorage, on which this is built:

- `collectstatic` only adds. A published hashed file is neither deleted nor written again, unless its size shows that it is
  broken. `--clear` and WHITENOISE_KEEP_ONLY_HASHED_FILES are refused: running instances may still serve the deleted files. So is
  `--link`: a link into this machine's checkout is broken on every other machine, and stops each WhiteNoise that starts there.
- A file appears under its name complete, after its .gz and .br; the manifest comes last.
- Modes do not depend on the umask: they are FILE_UPLOAD_PERMISSIONS and FILE_UPLOAD_DIRECTORY_PERMISSIONS, or 0644 and 0755.
- A missing or broken manifest is an error that says what to run, and the process reads it again next time.
- Storages that put bundles into STATIC_ROOT while they post-process (asset packagers) may wrap it.
- A CSS or JS file is rewritten once all that it references has its name, so long chains of imports end. Files that import each
  other in a circle, legal in JavaScript modules, are named by the content of all of them; `.staticfiles.json.notes`, beside the
  manifest, has the hash of the content of each, as its name is none.
- Other manifests in STATIC_ROOT by which code names files (django-vite's, those of offline django-compressor and of webpack) are
  refused: old code that starts later would read the new release's. Elsewhere a deploy asks for them (`manifests_of_others`).
- A reference to a missing file is an error in one line, with file and line. Those of others' files can be left as they are.
- References from hashed files to unhashed names are printed, and kept in the notes: an old page that follows one gets the newest
  release's file.

Made for Django 4.2 to 6.1 and WhiteNoise 6.12.
"""

# mypy: allow-subclassing-any, allow-untyped-decorators

from __future__ import annotations

import hashlib
import json
import os
import posixpath
import re
import secrets
import shutil
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import unquote, urlsplit

from django.apps import apps
from django.conf import settings
from django.contrib.staticfiles.management.commands import collectstatic
from django.core.exceptions import ImproperlyConfigured, SuspiciousFileOperation
from django.core.files.base import ContentFile, File
from django.core.files.storage import FileSystemStorage
from django.core.management.base import CommandError
from django.utils.functional import cached_property
from whitenoise.storage import CompressedManifestStaticFilesStorage

TEXTS = (".css", ".js", ".mjs", ".svg", ".html", ".htm", ".webmanifest")  # the files whose references are listed
SHOWN = 20  # files with unhashed references that collectstatic prints
# What may be a path, between quotes or in url(): a name with an ending of one to eleven letters.
_PATH = re.compile(r"""(?:["'`]|url\()([^"'`\s()<>{}\\|?#]+\.[A-Za-z0-9]{1,11})(?=["'`)?#])""")
_ATTRIBUTE = re.compile(r"""(?i:href|src|data|poster)\s*=\s*["']([^"'\s?#]+)""")  # of SVG and HTML
_COMMENT_LINE = re.compile(r"^[ \t]*(?://|\*|/\*[^\n]*\*/[ \t]*$).*", re.MULTILINE)
# In what JSON files by which code names others are called, or in their settings.
_OF_BUILDS = ("manifest", "stats", "asset", "bundle", "entrypoint", "importmap")
_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:|//")


class ManifestError(ValueError):
    """A static file has no known name; a ValueError, like Django's own error."""


class _AtomicFiles(FileSystemStorage):
    """Write files atomically, with modes that do not depend on the umask."""

    @cached_property
    def file_permissions_mode(self) -> int:
        return self._file_permissions_mode or settings.FILE_UPLOAD_PERMISSIONS or 0o644

    @cached_property
    def directory_permissions_mode(self) -> int:
        return self._directory_permissions_mode or settings.FILE_UPLOAD_DIRECTORY_PERMISSIONS or 0o755

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        """Return the name itself: an existing file is replaced."""
        return str(name).replace("\\", "/")

    def _staging(self, full_path: Path) -> Path:
        """Return the directory for the temporary file; on the same file system as the target."""
        return full_path.parent

    def _save(self, name: str, content: File[Any]) -> str:
        full_path = Path(self.path(name))
        self._make_directories(full_path.parent)
        with self._staged(full_path) as temporary:
            content.seek(0)
            with temporary.open("xb") as target:
                for chunk in content.chunks():
                    target.write(chunk.encode() if isinstance(chunk, str) else chunk)
            self._before_placing(temporary, full_path)
            self._place(temporary, full_path)
        return str(name).replace("\\", "/")

    def _before_placing(self, temporary: Path, full_path: Path) -> None:
        """Called before the file appears under its name."""

    @contextmanager
    def _staged(self, full_path: Path) -> Iterator[Path]:
        """Yield the name of a temporary file to be placed; remove it after an error."""
        temporary = self._staging(full_path) / f".{full_path.name[:80]}.{secrets.token_hex(8)}.tmp"
        try:
            yield temporary
        except BaseException:
            for suffix in ("", ".br", ".gz"):
                Path(f"{temporary}{suffix}").unlink(missing_ok=True)
            raise

    def _place(self, temporary: Path, full_path: Path) -> None:
        temporary.chmod(self.file_permissions_mode)
        self._ensure_location_group_id(str(temporary))
        temporary.replace(full_path)

    def _make_directories(self, directory: Path) -> None:
        if directory.is_dir():
            return
        missing = [path for path in (directory, *directory.parents) if not path.exists()]
        for path in reversed(missing):
            with suppress(FileExistsError):  # another run was faster
                path.mkdir()
                # A set-group-id bit that came from the parent stays.
                path.chmod(self.directory_permissions_mode | (path.stat().st_mode & 0o2000))


class ManifestStorage(_AtomicFiles):
    """Keep `staticfiles.json` in its directory, replaced atomically."""

    def delete(self, name: str) -> None:
        """Keep the file: Django deletes the manifest before it saves it, and saving replaces it."""

    def _before_placing(self, temporary: Path, full_path: Path) -> None:
        # An image of the machine may be taken soon: it must not contain an empty manifest.
        with temporary.open("rb") as stream:
            os.fsync(stream.fileno())


@dataclass
class _Publication:
    """The state of one run of post_process."""

    originals: frozenset[str]
    hashed: set[str] = field(default_factory=set)
    rewritten: dict[str, File[Any]] = field(default_factory=dict)  # CSS and JS; the last pass is only known at the end
    rewritable: frozenset[str] = frozenset()  # CSS and JS, without what is not to be rewritten
    seen: set[str] = field(default_factory=set)  # what has been processed at least once
    referring: str = ""  # the file that is being rewritten
    uses: dict[str, dict[str, str]] = field(default_factory=dict)  # the names that it references, and what was put there
    circle: dict[str, bytes] | None = None  # contents of files in a circle, whose names are still to be found
    named: dict[str, str] = field(default_factory=dict)  # the names of files in circles
    left: dict[str, list[str]] = field(default_factory=dict)  # references to missing files that were left as they are


class LocalManifestStaticFilesStorage(_AtomicFiles, CompressedManifestStaticFilesStorage):
    """Hash and compress the static files into the shared STATIC_ROOT, and name them by a local manifest.

    Options (`OPTIONS` in STORAGES; by the old STATICFILES_STORAGE setting, attributes of a subclass): those of Django's
    ManifestStaticFilesStorage, `manifest_storage` among them, and

    - support_js_module_import_aggregation: True: imports in JS modules are rewritten too.
    - allow_missing_references: patterns of paths such as "vendor/*": what these files reference and nobody has is left as it
      is, with a warning.
    - do_not_rewrite: patterns of paths: these files are hashed and published as they are.
    - allow_shared_manifests: patterns of paths below STATIC_ROOT or BASE_DIR: files that look like manifests of others, and are
      none.
    """

    allow_missing_references: Sequence[str] = ()
    do_not_rewrite: Sequence[str] = ()
    allow_shared_manifests: Sequence[str] = ()

    def __init__(
        self,
        *args: Any,
        manifest_storage: Any = None,
        support_js_module_import_aggregation: bool | None = None,
        allow_missing_references: Sequence[str] | None = None,
        do_not_rewrite: Sequence[str] | None = None,
        allow_shared_manifests: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        if support_js_module_import_aggregation is not None:
            self.support_js_module_import_aggregation = support_js_module_import_aggregation
        if allow_missing_references is not None:
            self.allow_missing_references = _patterns("allow_missing_references", allow_missing_references)
        if do_not_rewrite is not None:
            self.do_not_rewrite = _patterns("do_not_rewrite", do_not_rewrite)
        if allow_shared_manifests is not None:
            self.allow_shared_manifests = _patterns("allow_shared_manifests", allow_shared_manifests)
        self.circular_files: dict[str, str] = {}  # hashed names that are no hash of their content: its MD5
        self.unhashed_references: dict[str, list[str]] = {}  # names of files: what their text names without a hash
        self._publication: _Publication | None = None
        self._replaced: set[str] = set()  # names whose files are about to be replaced
        storage = manifest_storage or ManifestStorage(location=_manifest_root())
        self._manifest_place = str(Path(getattr(storage, "location", "")) / self.manifest_name)
        self._manifest_problem: str | None = None
        super().__init__(*args, manifest_storage=storage, **kwargs)

    # Naming files: what a web process does.

    def load_manifest(self) -> tuple[dict[str, str], str]:
        """Read the manifest; an error is kept for `stored_name`, as collectstatic must run without a manifest."""
        self._manifest_problem = None
        try:
            if self.read_manifest() is None:
                raise FileNotFoundError("it does not exist")
            paths, digest = super().load_manifest()
            if not isinstance(paths, dict):
                raise ValueError("its paths are no object")
        except (OSError, ValueError, AttributeError) as error:
            self._manifest_problem = getattr(error, "strerror", None) or str(error)
            return {}, ""
        notes = self._read_notes()
        self.circular_files, self.unhashed_references = notes.get("circular", {}), notes.get("unhashed", {})
        return paths, digest

    @property
    def _notes_name(self) -> str:
        folder, name = posixpath.split(self.manifest_name)
        return posixpath.join(folder, f".{name}.notes")

    def _read_notes(self) -> dict[str, Any]:
        try:
            with self.manifest_storage.open(self._notes_name) as notes:
                found = json.loads(notes.read())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def stored_name(self, name: str) -> str:
        """Return the hashed name of a file; raise ManifestError where the manifest lacks it."""
        if self._manifest_problem:
            self.hashed_files, self.manifest_hash = self.load_manifest()
        if self._manifest_problem and self.manifest_strict:
            raise ManifestError(
                f"The static files manifest {self._manifest_place} cannot be used: {self._manifest_problem}. "
                "Run `manage.py collectstatic` on this machine, with this code."
            )
        try:
            return str(super().stored_name(name))
        except ValueError as error:
            if not self.manifest_strict:
                raise
            raise ManifestError(
                f"{name!r} is not in the static files manifest {self._manifest_place}. "
                "Mind the spelling; if the file is new, run `manage.py collectstatic`."
            ) from error

    # Publishing files: what collectstatic does.

    def get_modified_time(self, name: str) -> Any:
        """Return when the file was modified; collectstatic calls this before it replaces a file, but not for `--clear`."""
        self._replaced.add(name)
        return super().get_modified_time(name)

    def save(self, name: Any, content: Any, max_length: int | None = None) -> str:
        """Save a file; a wrapping storage may delete the old file meanwhile."""
        self._replaced.add(name)
        try:
            return str(super().save(name, content, max_length))
        finally:
            self._replaced.discard(name)

    def delete(self, name: str) -> None:
        """Keep a file that is about to be replaced; raise CommandError for any other."""
        if name not in self._replaced and self._publication is None:
            raise CommandError(
                f"{self.path(name)} is not deleted: running instances may still serve it. Run collectstatic without --clear."
            )
        self._replaced.discard(name)

    def exists(self, name: str) -> bool:
        """Return whether a file exists; during the publication of hashed files `_save` decides instead."""
        if str(name) == str(self.location) and _is_linking():  # the first call of collectstatic
            raise CommandError(
                f"{name} is shared, and links into this machine's checkout are broken on every other machine. "
                "Run collectstatic without --link."
            )
        if str(name) == str(self.location) and _command() is not None and (shared := self.shared_manifests()):
            raise CommandError("\n".join(shared))
        if self._publication and name in self._publication.hashed:
            return False
        return bool(super().exists(name))

    def shared_manifests(self) -> list[str]:
        """Return a sentence for each manifest of others that lies in STATIC_ROOT, which releases share."""
        root, checkout = (Path(os.path.realpath(place)) for place in (self.location, _manifest_root()))
        if root.is_relative_to(checkout):
            return []  # not shared
        found = {Path(os.path.realpath(path)): mend for path, mend in _manifests_of_others(self.location)}
        return [
            f"{path} names files for the code of one release, and lies in STATIC_ROOT, which releases share: old code that "
            f"starts later would name the new release's files, or none. {mend}"
            for path, mend in found.items()
            if path.is_relative_to(root) and not self._looks_like_one(path)
        ]

    def _looks_like_one(self, place: Path) -> bool:
        folders = (Path(os.path.realpath(folder)) for folder in (self.location, _manifest_root()))
        below = [place.relative_to(folder).as_posix() for folder in folders if place.is_relative_to(folder)]
        return any(_matches(name, self.allow_shared_manifests) for name in below)

    def manifests_of_others(self) -> list[Path]:
        """Return the manifests of others by which the code of this release names files, wherever they lie."""
        found = {Path(os.path.realpath(path)): path for path, _ in _manifests_of_others(self.location)}
        own = Path(os.path.realpath(self._manifest_place))
        return [path for place, path in found.items() if place != own and not self._looks_like_one(place)]

    def hashed_name(self, name: str, content: Any = None, filename: str | None = None) -> str:
        """Return the name with the hash of the content."""
        publication = self._publication
        if publication and isinstance(content, ContentFile) and publication.circle is not None:
            content.seek(0)
            publication.circle[name] = content.read()
            return name
        if publication and isinstance(content, ContentFile) and name in publication.named:
            content.seek(0)
            self.circular_files[publication.named[name]] = hashlib.md5(content.read(), usedforsecurity=False).hexdigest()
            return publication.named[name]
        hashed = str(super().hashed_name(name, content, filename))
        if publication and hashed not in publication.originals:
            publication.hashed.add(hashed)
        return hashed

    def post_process(self, paths: dict[str, Any], dry_run: bool = False, **options: Any) -> Iterator[tuple[str, str | None, Any]]:
        """Publish the hashed and the compressed files, then save the manifest, so that it names only complete files."""
        if self.keep_only_hashed_files:
            raise CommandError(
                "WHITENOISE_KEEP_ONLY_HASHED_FILES deletes what running instances may still serve: take it out of the settings."
            )
        self._publication = publication = _Publication(frozenset(paths))
        if not dry_run:
            self.circular_files = self._known_circular_files()
        try:
            yield from super().post_process(paths, dry_run=dry_run, **options)
            # Another hashing loop need not report all of its names.
            self.compress_files(self._publication.rewritten.keys() & set(self.hashed_files.values()))
        finally:
            self._publication = None
        if dry_run:
            return
        if paths and not self.hashed_files:
            raise CommandError(
                f"{len(paths)} static files were collected, but {type(self).__name__} has hashed none of them: "
                f"the manifest {self._manifest_place} stays as it is."
            )
        self._save_notes(publication)
        self.save_manifest()

    # Rewriting: what references what.

    def _post_process(self, paths: Any, adjustable_paths: Any, hashed_files: Any) -> Iterator[tuple[Any, ...]]:
        """Rewrite all files, then again those whose references had no final name yet: in order, so once is enough."""
        publication, adjustable = self._publication, self._rewritable(adjustable_paths)
        if publication is None:
            yield from super()._post_process(paths, adjustable, hashed_files)
            return
        publication.rewritable = adjustable
        fresh = {name: place for name, place in paths.items() if name not in publication.seen}
        again = {name: place for name, place in paths.items() if name in publication.seen and name in adjustable}
        publication.seen.update(fresh)
        yield from super()._post_process(fresh, adjustable, hashed_files)
        for group in _in_order({name: publication.uses.get(name, {}) for name in again}):
            name = group[0]
            if len(group) > 1 or name in publication.uses.get(name, {}):
                yield from self._process_circle({name: again[name] for name in group}, adjustable, hashed_files)
            elif any(hashed_files.get(used, put) != put for used, put in publication.uses.get(name, {}).items()):
                for item in super()._post_process({name: again[name]}, adjustable, hashed_files):
                    yield (*item[:3], False)

    def _process_circle(self, paths: Any, adjustable: Any, hashed_files: Any) -> Iterator[tuple[Any, ...]]:
        """Name files that reference each other by the content of all of them, in which they have their unhashed names."""
        publication = self._publication
        assert publication is not None
        hashed_files.update({self.hash_key(self.clean_name(name)): name for name in paths})
        publication.circle = {}
        for name in paths:
            for item in super()._post_process({name: paths[name]}, adjustable, hashed_files):
                if isinstance(item[2], Exception):
                    yield item
        contents, publication.circle = publication.circle, None
        whole = hashlib.sha256(b"".join(b"%d %s" % (len(contents[name]), contents[name]) for name in sorted(contents))).digest()
        names = {name: self.hashed_name(name, ContentFile(whole + contents[name])) for name in contents}
        publication.named |= names
        hashed_files.update({self.hash_key(self.clean_name(name)): hashed for name, hashed in names.items()})
        for name in paths:
            for item in super()._post_process({name: paths[name]}, adjustable, hashed_files):
                yield (*item[:3], False)

    def _rewritable(self, adjustable_paths: Iterable[str]) -> frozenset[str]:
        return frozenset(name for name in adjustable_paths if not _matches(name, self.do_not_rewrite))

    def _stored_name(self, name: str, hashed_files: dict[str, str]) -> str:
        publication, normal = self._publication, posixpath.normpath(name)
        if publication is None:
            return str(super()._stored_name(name, hashed_files))
        used = self._referenced(normal)
        stored = str(super()._stored_name(used, hashed_files))
        publication.uses.setdefault(publication.referring, {})[self.hash_key(self.clean_name(used))] = stored
        return stored + normal[len(used) :]

    def _referenced(self, normal: str) -> str:
        """Return the file that a reference names: Django would name one with a query by the content before rewriting."""
        path = normal.partition("?")[0]
        rewritten = self._publication.rewritable if self._publication else ()
        return path if path in rewritten and normal not in rewritten else normal

    def url_converter(self, name: str, *args: Any, **options: Any) -> Callable[[re.Match[str]], str]:
        """Return Django's converter of references, which says where a missing file is referenced."""
        convert = super().url_converter(name, *args, **options)
        publication = self._publication
        if publication is None:
            return convert  # type: ignore[no-any-return]

        def converter(match: re.Match[str]) -> str:
            publication.referring = name
            try:
                return str(convert(match))
            except (ValueError, SuspiciousFileOperation) as error:
                reference = " ".join(match["matched"].split())[-120:]
                if _matches(name, self.allow_missing_references):
                    publication.left.setdefault(name, []).append(reference)
                    return match["matched"]
                line = match.string.count("\n", 0, match.start("url")) + 1
                place = f"{name!r} contains this reference {reference!r} on line {line}"
                raise _MissingReferenceError(str(error).partition(" with <")[0], place) from error

        return converter

    def make_helpful_exception(self, exception: Exception, name: str) -> Exception:
        """Return an error in one line, with what to do."""
        if isinstance(exception, _MissingReferenceError):
            kind = os.path.splitext(name)[1].lstrip(".").upper()  # noqa: PTH122
            return CommandError(  # type: ignore[no-any-return]
                f"The {kind} file {name!r} references a file which could not be found: {exception}. Mend it, or, if the file "
                f'is not yours, leave the reference as it is: "OPTIONS": {{"allow_missing_references": ["{name}"]}} in STORAGES.'
            )
        if isinstance(exception, UnicodeDecodeError):
            return CommandError(  # type: ignore[no-any-return]
                f"{name!r} is no UTF-8 ({exception.reason}, byte {exception.start}), so its references cannot be rewritten. Save "
                f'it as UTF-8, or publish it as it is: "OPTIONS": {{"do_not_rewrite": ["{name}"]}} in STORAGES.'
            )
        return exception

    # Notes for people and for the middleware.

    def _known_circular_files(self) -> dict[str, str]:
        """Return those that need not be named again; a storage that names all files in every run knows none."""
        return {}

    def _save_notes(self, publication: _Publication) -> None:
        """Print references that were left, or stay unhashed, and save them."""
        live = set(self.hashed_files.values())
        self.circular_files = {hashed: digest for hashed, digest in self.circular_files.items() if hashed in live}
        self.unhashed_references = unhashed = self._find_unhashed_references()
        left = {name: sorted(set(references)) for name, references in sorted(publication.left.items())}
        notes = {"circular": self.circular_files, "unhashed": unhashed, "missing": left}
        notes = {key: value for key, value in notes.items() if value}
        if notes or self.manifest_storage.exists(self._notes_name):
            self.manifest_storage.delete(self._notes_name)
            self.manifest_storage._save(self._notes_name, ContentFile(json.dumps(notes, indent=1).encode()))
        keys = {name: self.hash_key(self.clean_name(name)) for name in publication.originals}
        lost = sorted(name for name, key in keys.items() if key not in self.hashed_files)
        what = f"has not hashed {len(lost)} collected files, so no page can name them"
        _print(what, {type(self).__name__: lost[:SHOWN]} if lost else {})
        _print("references a missing file, and is left as it is (allow_missing_references)", left)
        _print("references unhashed names, so old pages get the newest release's file", unhashed)

    def _find_unhashed_references(self) -> dict[str, list[str]]:
        """Return by file the collected files that its hashed copy references by their unhashed names."""
        moved = {name for name, hashed in self.hashed_files.items() if name != hashed}
        found = {}
        for name, hashed in sorted(self.hashed_files.items()):
            if hashed != name and name.endswith(TEXTS) and (targets := (moved & set(self._targets(hashed))) - {name}):
                found[name] = sorted(targets)
        return found

    def _targets(self, hashed: str) -> Collection[str]:
        """Return the names that the text of a published file may reference."""
        try:
            text = Path(self.path(hashed)).read_text(encoding="utf-8", errors="replace")
        except OSError:  # another hashing loop has not published it
            return ()
        return _targets(hashed, text)

    def save_manifest(self) -> None:
        """Save the manifest; Django's own call, before the files are complete, is postponed."""
        if self._publication is None:
            super().save_manifest()
            self._manifest_problem = None

    def compress_files(self, paths: Iterable[str]) -> Iterable[tuple[str, str]]:
        """Publish the rewritten files, and missing compressed files."""
        with ThreadPoolExecutor() as executor:
            list(executor.map(self._complete, paths))
        return ()

    @cached_property
    def compressor(self) -> Any:
        """The compressor of WhiteNoise, by its settings."""
        return self.create_compressor(extensions=getattr(settings, "WHITENOISE_SKIP_COMPRESS_EXTENSIONS", None), quiet=True)

    def _save(self, name: str, content: File[Any]) -> str:
        publication = self._publication
        if publication and publication.circle is not None:
            return name
        # Under the same hash the content is the same, unless the file was truncated.
        if publication and super().exists(name) and self.size(name) == content.size:
            return name
        if publication and isinstance(content, ContentFile):
            publication.rewritten[name] = content
            return name
        return super()._save(name, content)

    def _complete(self, name: str) -> None:
        full_path = Path(self.path(name))
        if self._publication and name in self._publication.rewritten:
            super()._save(name, self._publication.rewritten.pop(name))
        elif self.compressor.should_compress(name) and not self._is_compressed(full_path):
            with self._staged(full_path) as temporary:
                _link_or_copy(full_path, temporary)
                self._before_placing(temporary, full_path)
                temporary.unlink()

    def _is_compressed(self, full_path: Path) -> bool:
        """Return whether the compressed variants exist; a .gz ends in the length of its content (RFC 1952, ISIZE)."""
        try:
            if self.compressor.use_brotli:
                Path(f"{full_path}.br").stat()
            with Path(f"{full_path}.gz").open("rb") as stream:
                stream.seek(-4, os.SEEK_END)
                return int.from_bytes(stream.read(), "little") == full_path.stat().st_size % 2**32
        except OSError:
            return False

    def _before_placing(self, temporary: Path, full_path: Path) -> None:
        # A WhiteNoise that starts when the file exists without its variants would always serve it uncompressed.
        if self.compressor.should_compress(full_path.name):
            for variant in map(Path, self.compressor.compress(str(temporary))):
                place = Path(f"{full_path}{variant.suffix}")
                if self._holds(place, variant):
                    variant.unlink()
                else:
                    self._place(variant, place)

    def _holds(self, place: Path, variant: Path) -> bool:
        """Return whether a correct compressed file exists already."""
        try:
            return place.stat().st_size == variant.stat().st_size and place.read_bytes() == variant.read_bytes()
        except FileNotFoundError:
            return False

    def _staging(self, full_path: Path) -> Path:
        """Return a directory beside STATIC_ROOT if it is on the same file system, else the directory of the target."""
        return self._beside or full_path.parent

    @cached_property
    def _beside(self) -> Path | None:
        # A starting WhiteNoise lists STATIC_ROOT, and fails if a file vanishes between listing and stat.
        root = Path(self.location).resolve()
        if root.stat().st_dev != root.parent.stat().st_dev or not os.access(root.parent, os.W_OK | os.X_OK):
            return None
        staging = root.parent / f".{root.name}.incoming"
        staging.mkdir(mode=0o700, exist_ok=True)
        return staging if os.access(staging, os.W_OK | os.X_OK) else None


def _link_or_copy(path: Path, temporary: Path) -> None:
    """Link a file to a second name for compression; copy it where hard links are not supported."""
    try:
        temporary.hardlink_to(path)
    except OSError:
        shutil.copyfile(path, temporary)


class _MissingReferenceError(ValueError):
    """A file references what nobody has."""

    def __init__(self, error: str, place: str) -> None:
        super().__init__(f"{error}. {place}")


def _patterns(option: str, value: Any) -> tuple[str, ...]:
    if isinstance(value, str) or not all(isinstance(pattern, str) for pattern in value):
        raise ImproperlyConfigured(f'{option}: found {value!r}; allowed: a list of paths such as ["vendor/*"]')
    return tuple(value)


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _in_order(uses: Mapping[str, Iterable[str]]) -> Iterator[list[str]]:
    """Yield files after those that they use; what uses each other comes in one list.

    Tarjan, "Depth-first search and linear graph algorithms" (1972), without recursion: chains of imports may be long.
    """
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    for start in sorted(uses):
        path = [] if start in index else [(start, iter(sorted(uses[start])))]
        while path:
            name, rest = path[-1]
            if name not in index:
                index[name] = low[name] = len(index)
                stack.append(name)
            used = next((used for used in rest if used in uses and low.get(used, 0) >= 0), None)
            if used is None:
                path.pop()
                if path:
                    low[path[-1][0]] = min(low[path[-1][0]], low[name])
                if low[name] == index[name]:
                    at = stack.index(name)
                    group, stack[at:] = stack[at:], []
                    low.update(dict.fromkeys(group, -1))  # no other group can have them
                    yield sorted(group)
            elif used in index:
                low[name] = min(low[name], index[used])
            else:
                path.append((used, iter(sorted(uses[used]))))


def _targets(name: str, text: str) -> set[str]:
    """Return what the quoted paths in a text may name, below STATIC_ROOT: relative to the file, or (scripts) to the root."""
    base = urlsplit(settings.STATIC_URL).path
    found = set()
    is_code = name.endswith((".css", ".js", ".mjs", ".webmanifest"))
    for path in map(unquote, set(_PATH.findall(_COMMENT_LINE.sub("", text)) if is_code else _ATTRIBUTE.findall(text))):
        if _SCHEME.match(path):
            continue
        if path.startswith("/"):
            path = path.removeprefix(base) if path.startswith(base) else ""
        elif name.endswith((".js", ".mjs")) and "/" in path:
            found.add(posixpath.normpath(path))
            path = posixpath.join(posixpath.dirname(name), path)
        else:
            path = posixpath.join(posixpath.dirname(name), path)
        found.add(posixpath.normpath(path))
    return found


def _manifests_of_others(static_root: str) -> Iterator[tuple[Path, str]]:
    """Yield manifests by which the site's code names files, by its settings, and what moves each into the checkout."""
    # Not by attribute: that warns of settings that are going to be removed.
    for name, path in _json_files({name: value for name, value in vars(settings._wrapped).items() if name.isupper()}):
        if any(word in f"{name}{path.name}".lower() for word in _OF_BUILDS):
            yield path, f"Set {name} to a path in the checkout: BASE_DIR / ..."
    if apps.is_installed("django_vite"):
        for app, config in (getattr(settings, "DJANGO_VITE", None) or {"default": {}}).items():
            given = config if isinstance(config, dict) else config._asdict()
            is_set = given.get("manifest_path") or (app == "default" and hasattr(settings, "DJANGO_VITE_MANIFEST_PATH"))
            if not given.get("dev_mode") and not getattr(settings, "DJANGO_VITE_DEV_MODE", False) and not is_set:
                # django-vite, README, "manifest_path".
                path = Path(static_root, given.get("static_url_prefix") or "", "manifest.json")
                yield path, f'Set DJANGO_VITE["{app}"]["manifest_path"] to that of the build: BASE_DIR / "assets/manifest.json"'
    if apps.is_installed("webpack_loader"):
        for name, config in (getattr(settings, "WEBPACK_LOADER", None) or {"DEFAULT": {}}).items():
            if "STATS_FILE" not in config:
                yield (
                    Path("webpack-stats.json"),
                    f'Set WEBPACK_LOADER["{name}"]["STATS_FILE"] to a path in the checkout: BASE_DIR / ...',
                )
    if apps.is_installed("compressor") and settings.COMPRESS_OFFLINE and settings.COMPRESS_ENABLED:
        # django-compressor, "Settings", COMPRESS_OFFLINE_MANIFEST_STORAGE_ALIAS.
        from compressor.storage import default_offline_manifest_storage as storage

        with suppress(NotImplementedError):
            yield (
                Path(storage.path(settings.COMPRESS_OFFLINE_MANIFEST)),
                'Set COMPRESS_OFFLINE_MANIFEST_STORAGE_ALIAS = "compress", and STORAGES["compress"] = {"BACKEND": '
                '"compressor.storage.OfflineManifestFileStorage", "OPTIONS": {"location": BASE_DIR}}',
            )


def _json_files(value: Any, name: str = "") -> Iterator[tuple[str, Path]]:
    """Yield each path of a JSON file in the settings, with the expression that reads it.

    A relative one may be anything, but in the settings of these two tools.
    """
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _json_files(item, f"{name}[{json.dumps(str(key))}]" if name else str(key))
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from _json_files(item, f"{name}[{number}]")
    elif (
        isinstance(value, str | Path)
        and str(value).endswith(".json")
        and (os.path.isabs(value) or name.startswith(("DJANGO_VITE", "WEBPACK_LOADER")))  # noqa: PTH117
    ):
        yield name, Path(value)


def _print(what: str, found: Mapping[str, Sequence[str]]) -> None:
    command = _command()
    if not found or command is None or not command.verbosity:
        return
    lines = [f"Warning: {name} {what}: {', '.join(references)}" for name, references in list(found.items())[:SHOWN]]
    if len(found) > SHOWN:
        lines.append(f"Warning: {len(found) - SHOWN} more files; all are in .staticfiles.json.notes beside the manifest.")
    command.stderr.write("\n".join(lines), lambda text: text)


def _is_linking() -> bool:
    """Return whether `collectstatic --link` is the caller; it creates links itself, without the storage."""
    command = _command()
    return command is not None and bool(getattr(command, "symlink", False)) and not command.dry_run


def _command() -> Any:
    """Return the running collectstatic, or None: it tells a storage nothing about itself."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        command = frame.f_locals.get("self")
        if isinstance(command, collectstatic.Command):
            return command
        frame = frame.f_back
    return None


def _manifest_root() -> str:
    """Return the directory of the manifest."""
    for setting in ("STATICFILES_MANIFEST_ROOT", "BASE_DIR"):
        if place := getattr(settings, setting, None):
            return str(place)
    raise ImproperlyConfigured("Set BASE_DIR or STATICFILES_MANIFEST_ROOT: the directory of this machine's staticfiles.json.")
