"""The pages of `app.pages` on a site that serves: each must answer, and every static file that it names."""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import DeployError, RemoteFailed
from ..runtime.run import Run
from .beside import asked_of, beside, names_of
from .http import Limits, NoAnswer
from .shell.scripts.pages import faults
from .site import headers
from .ssh import Host

_ANY = Limits(30.0, 60.0, 16 * 1024**2)


def require_pages(run: Run, host: Host) -> None:
    """Refuse a release whose pages do not answer on this host; raises DeployError with all of them, and their reasons."""
    found = page_faults(run, host)
    if found:
        raise DeployError(f"{host.name}: {listed(found | _reasons(run, host, found))}")


def _reasons(run: Run, host: Host, found: Mapping[str, str]) -> dict[str, str]:
    """Return the faults with the errors that the site raises: it does not log them unless it is set to."""
    try:
        again = beside(run, host, any_release=False).faults
    except RemoteFailed:
        return {}  # the faults are known, if not their reasons
    return {path: fault for path, fault in again.items() if found.get(path, "") in fault and path in found}


def page_faults(run: Run, host: Host, address: str | None = None, *, any_release: bool = False) -> dict[str, str]:
    """Return what is wrong with the pages of an instance, by their paths; asked from a host near it.

    `address`: None for the host's own; `any_release`: what is expected of a new release alone does not count.
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


def listed(found: Mapping[str, str]) -> str:
    """Return the faults as one sentence."""
    return "; ".join(f"{path} {fault}" for path, fault in found.items())
