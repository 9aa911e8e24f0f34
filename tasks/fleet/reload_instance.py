"""Reload a web instance by the gentlest method that works, so that it serves the new static files."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Sequence

from ..aws import tags
from ..aws.draining import Drains, Targets
from ..aws.serving import WebInstance
from ..decisions.release.releases import named_file, url_path
from ..decisions.release.reload import (
    PROPERTIES,
    Effect,
    ReloadMethod,
    Service,
    methods,
    next_method,
    patience,
    read_service,
    unnoticed,
)
from ..errors import Cancelled, DeployError, Refused, TimedOut
from ..hosts.http import NoAnswer
from ..hosts.pool import Hosts
from ..hosts.shell import commands
from ..hosts.site import ask_health, headers
from ..hosts.ssh import Host
from ..runtime.run import Run
from ..runtime.waiting import Waiting
from .old_process import seconds_alone

_ASKS = 10  # new connections, since each may reach another worker


class InstanceReloader:
    """Reload instances; a method without effect on one is skipped on the others. Called from several threads."""

    def __init__(self, run: Run, hosts: Hosts, targets: Targets, drains: Drains, added: Sequence[str]) -> None:
        self._run = run
        self._hosts = hosts
        self._targets = targets
        self._drains = drains
        self._paths = [url_path(run.settings.static.url, name) for name in added]
        named = named_file(added)
        self._named = url_path(run.settings.static.url, named) if named else None
        self._without_effect: dict[Service, list[ReloadMethod]] = {}
        self.start: float | None = None  # seconds in which one more process of the running release started
        self._measuring = threading.Lock()
        self._measured = False  # here, since no page was asked for that

    def reload(self, web: WebInstance, fleet: int, *, only_if_needed: bool) -> str:
        """Reload an instance, and wait until it serves the new files and is healthy in its target groups.

        `fleet`: the number of instances in service in its group. Returns what was done. Raises DeployError.
        """
        host = self._hosts.open(web.instance)
        if tags.DRAINED in web.instance.tags:
            self._run.out.say(f"{web.id}: was deregistered from its target groups by an earlier run: registering it again")
            self._drains.come_back(web)
        finds = self._finds_new_files(host)
        if (finds or only_if_needed) and self._serves_all(host):
            done = f"nothing: it {'finds new files by itself' if finds else 'serves them already'}"
        else:
            done = self._renew(host, web, fleet).value
        self._targets.await_healthy(web)
        return done

    def renew_settings(self, web: WebInstance, fleet: int) -> str:
        """Read the settings of an instance anew and restart its site with them, without losing a request.

        `fleet`: as for `reload`. Returns what was done. Raises DeployError.
        """
        host, unit = self._hosts.open(web.instance), self._run.settings.app.services[0]
        if tags.DRAINED in web.instance.tags:
            self._drains.come_back(web)
        self._read_settings(host)
        service = read_service(host.read(commands.show(unit, PROPERTIES)).stdout)
        if not service.loaded:
            raise Refused(f"{web.id}: no unit {unit} on this instance; the first of app.services must be the site's service")
        method = self._unnoticed(methods(service)[-1], host, web, fleet)
        self._apply(method, host, web, fleet, ask_health(host, self._run.settings.app)[0])
        self._targets.await_healthy(web)
        return f"new settings, {method.value}"

    def revive_with_settings(self, web: WebInstance) -> str:
        """Read the settings of an instance out of traffic anew, and restart its site; it may stay out of traffic."""
        unit, limit = self._run.settings.app.services[0], self._run.settings.restart.timeout
        try:
            host = self._hosts.open(web.instance)
            self._read_settings(host)
            host.run(commands.restart(unit), timeout=limit)
            self._run.wait(f"{web.id} to answer", lambda: self._answers(host), timeout=self._patience, every=0.5)
        except Cancelled:
            raise
        except DeployError as error:
            self._run.out.warn(f"{web.id}: {error}")
            return f"still out of traffic: it is {self.sick(web) or 'not healthy'}"
        return "new settings, restart"

    def _read_settings(self, host: Host) -> None:
        unit, limit = self._run.settings.app.settings_unit, self._run.settings.restart.timeout
        assert unit is not None
        host.run(commands.restart(unit), timeout=limit, label=f"systemctl restart {unit}")

    def sick(self, web: WebInstance) -> str:
        """Return the state that keeps an instance out of traffic, or ""; not for an instance drained by a run of ours."""
        return "" if tags.DRAINED in web.instance.tags else self._targets.unhealthy(web)

    def revive(self, web: WebInstance) -> str:
        """Reload or restart an instance out of traffic, and wait only shortly: it must not block the release that may repair it.

        Returns what was done, also if it is still out of traffic.
        """
        unit, limit = self._run.settings.app.services[0], self._run.settings.restart.timeout
        state = self.sick(web) or "not healthy"
        try:
            host = self._hosts.open(web.instance)
            gentle = ReloadMethod.RELOAD in methods(read_service(host.read(commands.show(unit, PROPERTIES)).stdout))
            host.run(commands.systemctl("reload", unit) if gentle else commands.restart(unit), timeout=limit)
            self._run.wait(f"{web.id} to answer", lambda: self._answers(host), timeout=self._patience, every=0.5)
        except Cancelled:
            raise
        except DeployError as error:
            self._run.out.warn(f"{web.id}: {error}")
            return f"still out of traffic: it is {state}, so no visitor misses a file there"
        return ReloadMethod.RELOAD.value if gentle else "restart"

    def _answers(self, host: Host) -> bool | Waiting:
        revision, seen = ask_health(host, self._run.settings.app, fresh=True)
        return revision is not None or Waiting(seen)

    @property
    def _patience(self) -> float:
        restart = self._run.settings.restart
        return patience(restart.timeout, self.start) if restart.patience is None else restart.patience

    def _serves_all(self, host: Host) -> bool:
        app = self._run.settings.app
        return not self._asked(host)[1] and not host.check_many(self._paths, headers(app), port=app.port)

    def _finds_new_files(self, host: Host) -> bool:
        """Return whether the site finds new static files at each request (settings_snippets/django/static_middleware.py).

        Its 404 has `no-store`; that of WhiteNoise, which reads the directory at start, has not.
        """
        path = f"{self._run.settings.static.url}ramped.{uuid.uuid4().hex[:12]}.css"
        try:
            answer = host.http(None, self._run.settings.app.port, path, headers(self._run.settings.app))
        except NoAnswer:
            return False
        return answer.status == 404 and "no-store" in answer.headers.get("cache-control", "")

    def _renew(self, host: Host, web: WebInstance, fleet: int) -> ReloadMethod:
        unit = self._run.settings.app.services[0]
        service = read_service(host.read(commands.show(unit, PROPERTIES)).stdout)
        if not service.loaded:
            raise Refused(f"{web.id}: no unit {unit} on this instance; the first of app.services must be the site's service")
        revision, _ = ask_health(host, self._run.settings.app)
        learned = self._without_effect.setdefault(service, [])
        while (method := next_method(service, learned)) is not None:
            used = self._unnoticed(method, host, web, fleet)
            if self._apply(used, host, web, fleet, revision):
                return used
            learned.append(method)
            self._run.out.say(
                f"{web.id}: {used.value} succeeded, but {self._named} is still not served; trying a stronger method"
            )
        raise DeployError(f"{web.id}: the site is healthy but does not serve {self._named}: is the shared STATIC_ROOT mounted?")

    def _apply(self, method: ReloadMethod, host: Host, web: WebInstance, fleet: int, revision: str | None) -> bool:
        unit, limit = self._run.settings.app.services[0], self._run.settings.restart.timeout
        if method is ReloadMethod.DRAIN:
            self._drains.leave(web, fleet)
        host.run(commands.systemctl("reload", unit) if method is ReloadMethod.RELOAD else commands.restart(unit), timeout=limit)
        serves = self._await_site(host, revision, gentle=method is ReloadMethod.RELOAD)
        if method is ReloadMethod.DRAIN:
            self._drains.come_back(web)
        return serves

    def _unnoticed(self, method: ReloadMethod, host: Host, web: WebInstance, fleet: int) -> ReloadMethod:
        forgiven = self._targets.forgiven(web)
        # A sole instance is not drained: that would stop the site.
        if fleet < 2 or method is not ReloadMethod.SOCKET_RESTART or forgiven == float("inf"):
            return method
        with self._measuring:
            if self.start is None and not self._measured:
                self.start, self._measured = seconds_alone(self._run, host), True
        return unnoticed(method, self.start, forgiven)

    def _await_site(self, host: Host, revision: str | None, *, gentle: bool) -> bool:
        """Wait until the site is healthy with its previous revision; return whether it then serves the named file.

        Waits `restart.patience` for processes that load slowly. `gentle`: after a reload, which a restart may follow where it
        was not done in time. Raises TimedOut.
        """
        effect = Effect(self._patience)

        def probe() -> bool | Waiting:
            found, seen = ask_health(host, self._run.settings.app, fresh=True)
            if found is None or (revision is not None and found != revision):
                effect.ill()
                return Waiting(seen)
            good, bad = self._asked(host)
            worked = effect.seen(good, len(bad), self._run.clock.now())
            return worked if worked is not None else Waiting(f"{bad[0]}{f'; {good} of {_ASKS} did not' if good else ''}")

        what = f"{host.name} to serve {self._named or 'its revision'} after the restart"
        try:
            return self._run.wait(what, probe, timeout=self._run.settings.restart.timeout, every=0.5)
        except TimedOut:
            if not (gentle and effect.partly):
                raise
            return False

    def _asked(self, host: Host) -> tuple[int, list[str]]:
        """Request the named file several times, until there is no answer; return how many were 200, and the others."""
        app, good, bad = self._run.settings.app, 0, list[str]()
        for _ in range(_ASKS if self._named else 0):
            try:
                # A bundle of a site's own may be larger than any page.
                answer = host.http(None, app.port, self._named or "", headers(app), method="HEAD", fresh=True)
            except NoAnswer as error:
                # Each may take seconds: ten of them would exceed every deadline.
                return good, [*bad, str(error)]
            if answer.status == 200:
                good += 1
            else:
                bad.append(f"{host.name}: {self._named} answered {answer}")
        return good, bad
