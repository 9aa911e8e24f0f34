"""A release: the revision deployed on the management instance, and the static files that it added."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

from .answers import json_object

MARK = "ramped-manifest:"


@dataclass(frozen=True)
class Release:
    """A verified revision on the management instance."""

    revision: str  # full sha
    instance_id: str
    added: tuple[str, ...]  # below static.url: the files that this release's manifests name and none did before
    digests: Mapping[str, str] = field(default_factory=dict, hash=False)  # as Manifest.digests
    waiting: tuple[str, ...] = ()  # migrations that run after the rollout, as PendingMigrations.waiting


@dataclass(frozen=True)
class Manifest:
    """The site's own report on its static files."""

    url: str  # STATIC_URL, which may be absolute
    files: tuple[str, ...]  # hashed names
    hashed: bool  # whether the storage names files by their content at all
    problem: str = ""  # why the manifest could not be read
    before: tuple[str, ...] = field(default=())  # names before this release, where they were recorded
    unarchived: str = ""  # why the names could not be archived beside STATIC_ROOT
    circular: Mapping[str, str] = field(default_factory=dict, hash=False)  # MD5 of modules in a circle, by hashed name
    unhashed: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)  # by file: what it names without a hash
    # What the manifests of other tools name: the beginning of the MD5 or SHA256 of each file, "" where the file is missing.
    others: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def names(self) -> tuple[str, ...]:
        """All files that this release's code names by manifests."""
        return tuple(sorted({*self.files, *self.others}))

    @property
    def digests(self) -> dict[str, str]:
        """The beginning of the MD5 or SHA256 of the files whose names need not tell it, where it is known."""
        return {**self.others, **self.circular}

    @property
    def path(self) -> str:
        """The path part of STATIC_URL, which the instance itself serves when a CDN is in front."""
        return "/" + urlsplit(self.url).path.strip("/") + "/" if urlsplit(self.url).path.strip("/") else "/"


def read_manifest(printed: str) -> Manifest | None:
    """Return the manifest query's answer from everything the site printed; None without one."""
    lines = [line for line in printed.split("\n") if line.startswith(MARK)]
    if not lines:
        return None
    answer = json_object(lines[-1].removeprefix(MARK))
    if answer is None or not {"url", "files", "hashed", "problem", "before", "unarchived"} <= set(answer):
        return None
    try:
        urlsplit(str(answer["url"]))
    except ValueError:  # it is no URL
        return None
    return Manifest(
        url=str(answer["url"]),
        files=_names(answer["files"]),
        hashed=bool(answer["hashed"]),
        problem=str(answer["problem"]),
        before=_names(answer["before"]),
        unarchived=str(answer["unarchived"]),
        circular=_digests(answer.get("circular")),
        unhashed=_references(answer.get("unhashed")),
        others=_digests(answer.get("others")),
    )


def added(manifest: Manifest) -> tuple[str, ...]:
    """Return the files that the release names and the previous release did not, in order."""
    return tuple(sorted(set(manifest.names) - set(manifest.before)))


def url_path(base: str, name: str) -> str:
    """Return the URL path of a static file, quoted once as by Django's `static()`.

    `base`: static.url; `name`: as the manifest names it. Source: Django, `filepath_to_uri` in django/utils/encoding.py.
    """
    return base + quote(name.replace("\\", "/"), safe="/~!*()'", errors="surrogateescape").lstrip("/")


def digest_paths(base: str, *manifests: Manifest | Release) -> dict[str, str]:
    """Return `digests` of manifests by URL path."""
    return {url_path(base, name): digest for manifest in manifests for name, digest in manifest.digests.items()}


def named_file(files: Iterable[str]) -> str | None:
    """Choose the file by which to see that an instance serves the new files: preferably a stylesheet or script."""
    ordered = sorted(files, key=lambda name: (not name.endswith((".css", ".js")), name))
    return ordered[0] if ordered else None


def lost_names(manifest: Manifest) -> str:
    """Return what is wrong with a manifest that names nothing although the release before had hashed files, or ""."""
    if manifest.files or not manifest.before or not manifest.hashed:
        return ""
    return (
        f"after collectstatic the manifest names no file; before it named {len(manifest.before)}. Look at the storage of "
        "STORAGES['staticfiles']: a post_process or _post_process of its own must name every file"
    )


def unhashed_references(manifests: Iterable[Manifest]) -> list[str]:
    """Return a line for each file whose text names others without a hash: an old page gets the newest release's file there."""
    lines = {f"{name}: {', '.join(found)}" for manifest in manifests for name, found in manifest.unhashed.items()}
    return sorted(lines)


def _digests(value: object) -> dict[str, str]:
    return {str(name): str(digest) for name, digest in value.items()} if isinstance(value, dict) else {}


def _references(value: object) -> dict[str, tuple[str, ...]]:
    return {str(name): _names(found) for name, found in value.items()} if isinstance(value, dict) else {}


def _names(value: object) -> tuple[str, ...]:
    return tuple(str(name) for name in value) if isinstance(value, list) else ()
