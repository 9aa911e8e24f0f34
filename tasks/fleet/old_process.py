"""A process of the running release, started beside the new static files before `restart-all` restarts any.

A release that changed what the old code reads to name files (a manifest in the shared STATIC_ROOT) breaks it at its next start,
while the processes that run go on as before: so nothing shows it, until all of them are restarted.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..aws.serving import WebInstance, serves
from ..errors import DeployError, Refused, RemoteFailed
from ..hosts.beside import beside
from ..hosts.pages import listed, page_faults
from ..hosts.pool import Hosts
from ..hosts.ssh import Host
from ..runtime.run import Run

_ON = (
    "No instance was restarted. What code reads to name files must be in its checkout, not in the shared STATIC_ROOT (docs:"
    " static files). To release without restart-all: ship --skip restart-all"
)


def require_old_process(run: Run, hosts: Hosts, webs: Sequence[WebInstance]) -> float | None:
    """Start the application of one web instance once more; refuse to restart any if it would not answer the pages.

    Also where the running process fails too: it may have read the new release's manifest. Returns the seconds until it had
    answered, None where none was started. Raises Refused, RemoteFailed.
    """
    host = _first(run, hosts, webs) if run.settings.app.pages else None
    if host is None:
        return None
    begun = run.clock.elapsed()
    old = beside(run, host, any_release=True)
    took = run.clock.elapsed() - begun
    if old.error:
        raise Refused(f"{host.name}: its release does not start any more beside the new static files: {old.error}. {_ON}")
    if old.faults:
        running = page_faults(run, host, any_release=True)
        also = f" Nor does the running process: {listed(running)}." if running else ""
        raise Refused(
            f"{host.name}: started beside the new static files, its release does not answer: {listed(old.faults)}.{also} {_ON}"
        )
    pages = ", ".join(page.path for page in run.settings.app.pages)
    run.out.say(f"{host.name}: a second process of its release answers {pages} beside the new static files")
    return took


def seconds_alone(run: Run, host: Host) -> float | None:
    """Return the seconds in which one more process loads the application on a host; None where it cannot."""
    begun = run.clock.elapsed()
    try:
        found = beside(run, host, any_release=True, pages=False)
    except RemoteFailed:
        return None
    return None if found.error else run.clock.elapsed() - begun


def _first(run: Run, hosts: Hosts, webs: Sequence[WebInstance]) -> Host | None:
    for web in webs:
        try:
            return hosts.open(web.instance)
        except DeployError:
            if serves(run.cloud, web):
                raise
    return None
