"""The pages of `app.pages` on a site that serves: each must answer, and every static file that it names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any
from urllib.parse import urlsplit

from ..errors import DeployError
from ..runtime.run import Run
from ..settings.model import Settings
from .http import Limits, NoAnswer
from .shell.scripts.pages import faults
from .site import headers
from .ssh import Host

_ANY = Limits(30.0, 60.0, 16 * 1024**2)


def require_pages(run: Run, host: Host) -> None:
    """Refuse a release whose pages do not answer on this host; raises DeployError with all of them."""
    found = page_faults(run, host)
    if found:
        raise DeployError(f"{host.name}: {listed(found)}")


def page_faults(run: Run, host: Host, address: str | None = None, *, any_release: bool = False) -> dict[str, str]:
    """Return what is wrong with the pages of an instance, by their paths; asked from a host near it.

    `address`: None for the host's own; `any_release`: status and text, which are expected of a new release, do not count.
    """
    app = run.settings.app

    def get(path: str) -> tuple[int, Mapping[str, str], bytes]:
        try:
            answer = host.http(address, app.port, path, headers(app), limits=_ANY, fresh=True)
        except NoAnswer as error:
            raise OSError(str(error)) from error
        return answer.status, answer.headers, answer.body

    return faults(
        asked_of(run.settings, any_release=any_release),
        get,
        lambda names: host.check_many(names, headers(app), port=app.port, address=address),
        run.settings.static.url,
        names_of(run.settings),
    )


def asked_of(settings: Settings, *, any_release: bool) -> list[dict[str, Any]]:
    """Return the pages as the scripts have them."""
    free = {"status": None, "text": None} if any_release else {}
    return [asdict(page) | free for page in settings.app.pages]


def names_of(settings: Settings) -> list[str]:
    """Return the host names under which the site's own files may be named."""
    cdn = urlsplit(settings.static.cdn or "").hostname
    return [settings.app.domain, *([cdn] if cdn else [])]


def listed(found: Mapping[str, str]) -> str:
    """Return the faults as one sentence."""
    return "; ".join(f"{path} {fault}" for path, fault in found.items())
