"""The site's application, started once more beside the running one: how it is set, and what pages it would answer."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from urllib.parse import urlsplit

from ..decisions.release.readiness import Finding
from ..decisions.release.serving import Serving, differences, read_serving
from ..errors import RemoteFailed
from ..runtime.run import Run
from ..runtime.text import gist
from ..settings.model import Settings
from .shell import commands
from .site import headers
from .ssh import Host

_BESIDE = 180.0  # seconds; more than the deadline of scripts/serving.py


def beside(run: Run, host: Host, *, any_release: bool, pages: bool = True) -> Serving:
    """Start the application of a host's checkout as its unit does, on another socket, and ask it for the pages.

    `any_release`: status, text and headers, which are expected of a new release, do not count; `pages`: False asks only how it
    is set. Raises RemoteFailed where there is no answer.
    """
    settings = run.settings
    question = {
        "pages": asked_of(settings, any_release=any_release) if pages else [],
        "static": settings.static.url,
        "hosts": names_of(settings),
        "headers": headers(settings.app),
        "front": [host.address, settings.app.port],
    }
    label = f"starting the application of {settings.app.services[0]} on another socket"
    answer = host.read(commands.serving(settings.app, question), timeout=_BESIDE, label=label)
    found = read_serving(answer.stdout)
    if found is None:
        raise RemoteFailed(host.name, label, answer.code, gist(answer.stderr or answer.stdout))
    return found


def compared(run: Run, host: Host, own: Serving) -> list[Finding]:
    """Return the findings on whether manage.py (`own`) is set as the service will be: migrations would go elsewhere."""
    unit = run.settings.app.services[0]
    serving = beside(run, host, any_release=False, pages=False)
    if serving.error:
        text = f"the application cannot be loaded as {unit} does it: {serving.error}"
        return [Finding(host.name, "warning", text)]
    if not serving.known:
        text = f"{unit} does not say how it starts the application, so its settings are not compared with those of manage.py"
        return [Finding(host.name, "ok", text)]
    different = differences(own, serving)
    if not different:
        return [Finding(host.name, "ok", f"manage.py has the settings and the databases of {unit}")]
    mend = f"Set what decides it, such as DJANGO_SETTINGS_MODULE, in {unit} (EnvironmentFile=) or in app.environment_file"
    return [Finding(host.name, "problem", f"{'; '.join(different)}. {mend}")]


def asked_of(settings: Settings, *, any_release: bool) -> list[dict[str, Any]]:
    """Return the pages as the scripts have them."""
    free = {"status": None, "text": None, "headers": ()} if any_release else {}
    return [asdict(page) | free for page in settings.app.pages]


def names_of(settings: Settings) -> list[str]:
    """Return the host names under which the site's own files may be named."""
    cdn = urlsplit(settings.static.cdn or "").hostname
    return [settings.app.domain, *([cdn] if cdn else [])]
