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

Made for Django 4.2 to 6.1 and WhiteNoise 6.12.
"""

# mypy: allow-subclassing-any, allow-untyped-decorators

from __future__ import annotations

import os
import secrets
import shutil
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.management.commands import collectstatic
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile, File
from django.core.files.storage import FileSystemStorage
from django.core.management.base import CommandError
from django.utils.functional import cached_property
from whitenoise.storage import CompressedManifestStaticFilesStorage


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


class LocalManifestStaticFilesStorage(_AtomicFiles, CompressedManifestStaticFilesStorage):
    """Hash and compress the static files into the shared STATIC_ROOT, and name them by a local manifest.

    Options (`OPTIONS` in STORAGES): those of Django's ManifestStaticFilesStorage, `manifest_storage` among them, and
    `support_js_module_import_aggregation` (True: imports in JS modules are rewritten too; by the old STATICFILES_STORAGE
    setting, set the attribute of this name in a subclass).
    """

    def __init__(
        self, *args: Any, manifest_storage: Any = None, support_js_module_import_aggregation: bool | None = None, **kwargs: Any
    ) -> None:
        if support_js_module_import_aggregation is not None:
            self.support_js_module_import_aggregation = support_js_module_import_aggregation
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
        return paths, digest

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
        if self._publication and name in self._publication.hashed:
            return False
        return bool(super().exists(name))

    def hashed_name(self, name: str, content: Any = None, filename: str | None = None) -> str:
        """Return the name with the hash of the content."""
        hashed = str(super().hashed_name(name, content, filename))
        if self._publication and hashed not in self._publication.originals:
            self._publication.hashed.add(hashed)
        return hashed

    def post_process(self, paths: dict[str, Any], dry_run: bool = False, **options: Any) -> Iterator[tuple[str, str | None, Any]]:
        """Publish the hashed and the compressed files, then save the manifest, so that it names only complete files."""
        if self.keep_only_hashed_files:
            raise CommandError(
                "WHITENOISE_KEEP_ONLY_HASHED_FILES deletes what running instances may still serve: take it out of the settings."
            )
        self._publication = _Publication(frozenset(paths))
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
        self.save_manifest()

    def save_manifest(self) -> None:
        """Save the manifest; Django's own call, before the files are complete, is postponed."""
        if self._publication is None:
            super().save_manifest()
            self._manifest_problem = None

    def make_helpful_exception(self, exception: Exception, name: str) -> Exception:
        """Return WhiteNoise's error with Django's notes: the reference, and its line (Django 6.1)."""
        helpful: Exception = super().make_helpful_exception(exception, name)
        for note in getattr(exception, "__notes__", []) if helpful is not exception else []:
            helpful.add_note(note)
        return helpful

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


def _is_linking() -> bool:
    """Return whether `collectstatic --link` is the caller; it creates links itself, without the storage."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        command = frame.f_locals.get("self")
        if isinstance(command, collectstatic.Command):
            return bool(getattr(command, "symlink", False)) and not command.dry_run
        frame = frame.f_back
    return False


def _manifest_root() -> str:
    """Return the directory of the manifest."""
    for setting in ("STATICFILES_MANIFEST_ROOT", "BASE_DIR"):
        if place := getattr(settings, setting, None):
            return str(place)
    raise ImproperlyConfigured("Set BASE_DIR or STATICFILES_MANIFEST_ROOT: the directory of this machine's staticfiles.json.")
