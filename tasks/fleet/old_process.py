"""A process of the running release, started beside the new static files before `restart-all` restarts any.

A release that changed what the old code reads to name files (a manifest in the shared STATIC_ROOT) breaks it at its next start,
while the processes that run go on as before: so nothing shows it, until all of them are restarted.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..aws.serving import WebInstance, serves
from ..errors import DeployError, Refused
from ..hosts.beside import beside
from ..hosts.pages import listed, page_faults
from ..hosts.pool import Hosts
from ..hosts.ssh import Host
from ..runtime.run import Run

_ON = (
    "No instance was restarted: they serve as long as they are not. What code reads to name files must be in its checkout, not in"
    " the shared STATIC_ROOT (docs: static files). To release anyway: ship --skip restart-all"
)


def require_old_process(run: Run, hosts: Hosts, webs: Sequence[WebInstance]) -> None:
    """Start the application of one web instance once more; refuse to restart any if it would not answer the pages.

    What the running process does not answer either is no reason: the release may mend it. Raises Refused, RemoteFailed.
    """
    host = _first(run, hosts, webs) if run.settings.app.pages else None
    if host is None:
        return
    old = beside(run, host, any_release=True)
    if old.error:
        raise Refused(f"{host.name}: its release does not start any more beside the new static files: {old.error}. {_ON}")
    running = page_faults(run, host, any_release=True) if old.faults else {}
    for path in sorted({*running} & {*old.faults}):
        run.out.warn(f"{host.name}: {path} {running[path]}, before any restart")
    broken = {path: fault for path, fault in old.faults.items() if path not in running}
    if broken:
        raise Refused(f"{host.name}: started beside the new static files, its release does not answer: {listed(broken)}. {_ON}")
    pages = ", ".join(page.path for page in run.settings.app.pages)
    run.out.say(f"{host.name}: a second process of its release answers {pages} beside the new static files")


def _first(run: Run, hosts: Hosts, webs: Sequence[WebInstance]) -> Host | None:
    for web in webs:
        try:
            return hosts.open(web.instance)
        except DeployError:
            if serves(run.cloud, web):
                raise
    return None
