"""The SSH connections of one run: one for each host, kept open, and closed at the end."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import NamedTuple

from paramiko import PKey

from ..aws import instance_connect
from ..aws.instances import Ec2Instance
from ..aws.management import find, running_management
from ..decisions.access.host_keys import CONSOLE_WAIT
from ..errors import HostUnreachable
from ..runtime.plain import duration
from ..runtime.run import Run
from ..runtime.text import gist
from ..runtime.waiting import Waiting
from .certificates import certified
from .connecting import connect
from .keys import CONSOLE, Trust, UnknownHostKey, WrongHostKey, pin, trust, trust_address
from .sessions import Session, credentials
from .ssh import Host

_CONSOLE_POLL = 10.0  # seconds


class Login(NamedTuple):
    """The parts of [user@]host[:port]; missing parts are empty."""

    user: str
    address: str
    port: int


def read_login(text: str) -> Login:
    """Read [user@]host[:port]; an IPv6 address with a port needs brackets."""
    user, _, rest = text.rpartition("@")
    if rest.startswith("["):
        address, _, port = rest[1:].partition("]")
        return Login(user, address, int(port.lstrip(":") or 0))
    address, colon, port = rest.partition(":")
    return Login(user, address, int(port)) if colon and port.isdigit() else Login(user, rest, 0)


class Hosts:
    """Open hosts once in a run, from several threads too; a context manager.

    `patient`: wait for the console of a new instance, which confirms its host key.
    """

    def __init__(self, run: Run, *, patient: bool = True) -> None:
        self._run = run
        self._patient = patient
        self._open: dict[str, Host] = {}
        self._shown: dict[bytes, str] = {}  # host key -> the first instance with it
        self._locks: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Hosts:
        """Return the hosts themselves."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close every host."""
        self.close()

    def close(self) -> None:
        """Close every host, gateways last."""
        while self._open:
            _, host = self._open.popitem()
            host.close()

    def open(self, instance: Ec2Instance) -> Host:
        """Return the host, connecting to it if necessary.

        Raises HostUnreachable.
        """
        with self._alone(instance.id):
            if instance.id not in self._open:
                self._open[instance.id] = self._opened(instance)
            return self._open[instance.id]

    def _opened(self, instance: Ec2Instance) -> Host:
        via = self._gateway(instance)
        reach = self._reach(instance, via)
        trusted = self._trust(instance, reach, via)
        try:
            host = self._connect(instance, reach, trusted, via)
        except UnknownHostKey:
            # Only where sshd shows a key: before, the console is empty for another reason.
            trusted = self._await_console(instance)
            if not trusted:
                raise
            host = self._connect(instance, reach, trusted, via)
        host.when_changed = self._run.changes.note
        host.when_noisy = lambda text: self._run.out.warn(
            f"{instance.id}: ~/.bashrc, or another file that the shell reads at its start, prints: {gist(text)}. It is ignored"
            " here, but breaks scp and rsync: print only in interactive shells"
        )
        shown = host.connection.transport.get_remote_server_key()
        self._compare(instance, shown)
        if trusted.source == CONSOLE and not self._run.dry:
            self._pin(instance, shown)
        return host

    def _pin(self, instance: Ec2Instance, shown: PKey) -> None:
        def probe() -> bool | Waiting:
            return pin(self._run.cloud, instance, shown) or Waiting(f"EC2 does not know {instance.id} yet")

        self._run.wait(f"tagging {instance.id}", probe, timeout=self._run.settings.app.boot_timeout)

    def _await_console(self, instance: Ec2Instance) -> Trust:
        """Wait until the console of a young instance shows its host keys: EC2 may post it 20 minutes after the launch.

        Returns an empty Trust where it is too late for that, or where a CA is set instead.
        """
        ssh, left = self._run.settings.ssh, instance.launched + CONSOLE_WAIT - self._run.clock.now()
        if ssh.host_ca is not None or left <= 0 or not self._patient:
            return Trust((), "")
        self._run.out.say(
            f"{instance.id}: nothing vouches for its host key yet; waiting up to {duration(left)} for EC2 to show its console"
        )

        def probe() -> Trust | Waiting:
            found = trust(self._run.cloud, instance, ssh)
            return found or Waiting(f"the console of {instance.id} shows no host keys yet")

        return self._run.wait(f"the console of {instance.id}", probe, timeout=left, every=_CONSOLE_POLL)

    def _reach(self, instance: Ec2Instance, via: Host | None) -> str:
        """Return the address to connect to: private within the instances' network."""
        ssh = self._run.settings.ssh
        if via is not None or ssh.address == "private" or ssh.gateway == "ssm":
            return instance.address
        reach = instance.public if ssh.address == "public" else instance.dns
        if not reach:
            what = "public address" if ssh.address == "public" else "public DNS name"
            raise HostUnreachable(
                f"{instance.id} cannot be reached from here, because it has no {what} (ssh.address: {ssh.address}): give it an"
                " Elastic IP (management-create --elastic-ip), or reach it by its private address (ssh.address: private)"
            )
        return reach

    def _trust(self, instance: Ec2Instance, reach: str, via: Host | None) -> Trust:
        ssh = self._run.settings.ssh
        if ssh.host_ca is None:
            return trust(self._run.cloud, instance, ssh, reach)
        revoked = trust_address(instance.address, ssh.port, ssh, reach).revoked
        names = tuple(dict.fromkeys((instance.id, instance.address, reach)))
        certain = certified(instance.id, reach, ssh.port, ssh, names, self._run.clock.now(), via)
        return replace(certain, revoked=revoked)

    def _connect(self, instance: Ec2Instance, reach: str, trusted: Trust, via: Host | None) -> Host:
        ssh = self._run.settings.ssh
        key = self._pushed(instance) if ssh.instance_connect else None
        if ssh.gateway != "ssm":
            return connect(instance.id, reach, ssh, trusted, via=via, key=key, local=instance.address)
        session = Session(instance.id, ssh.port, self._run.settings.aws, credentials(self._run.cloud))
        try:
            return connect(instance.id, instance.address, ssh, trusted, session=session, key=key)
        except BaseException:
            session.close()
            raise

    def _pushed(self, instance: Ec2Instance) -> PKey:
        """Return a key that the instance now accepts for a minute."""
        key, public = instance_connect.fresh_key()

        def probe() -> bool | Waiting:
            rejection = instance_connect.send(self._run.cloud, instance.id, self._run.settings.ssh.user, public)
            return Waiting(rejection) if rejection else True

        self._run.wait(f"EC2 Instance Connect to {instance.id}", probe, timeout=self._run.settings.app.boot_timeout)
        return key

    def _compare(self, instance: Ec2Instance, shown: PKey) -> None:
        """Warn where two instances have the same host key: it came with the image."""
        with self._lock:
            first = self._shown.setdefault(shown.asbytes(), instance.id)
        if first != instance.id:
            self._run.out.warn(
                f"{first} and {instance.id} show the same SSH host key, so the image contains its parent's key: each"
                " can impersonate the other. Bake with ramped-image (image.cleaner), or create new keys at the first boot"
            )

    def wait(self, instance: Ec2Instance, timeout: float) -> Host:
        """Return the host as soon as SSH accepts our key.

        `timeout`: seconds. Raises TimedOut with the last error, WrongHostKey at once.
        """

        def probe() -> Host | Waiting:
            try:
                return self.open(instance)
            except WrongHostKey:
                raise
            except HostUnreachable as error:
                return Waiting(str(error))

        return self._run.wait(f"SSH on {instance.id}", probe, timeout=timeout)

    def _gateway(self, instance: Ec2Instance) -> Host | None:
        wanted = self._run.settings.ssh.gateway
        if wanted in (None, "direct", "ssm"):
            return None
        if wanted == "management":
            return self._through_management(instance)
        login = read_login(wanted)
        with self._alone(wanted):
            if wanted not in self._open:
                ssh = self._run.settings.ssh
                trusted = trust_address(login.address, login.port or 22, ssh)
                gateway = f"the gateway {login.address}"
                self._open[wanted] = connect(gateway, login.address, ssh, trusted, user=login.user, port=login.port or 22)
            return self._open[wanted]

    def _through_management(self, instance: Ec2Instance) -> Host | None:
        management = find(self._run)
        if management.id == instance.id:
            return None
        starting = self._alone("the start of the gateway")
        # EC2 calls an instance running long before its sshd answers: what another thread starts is waited for there.
        if management.state == "running" and not starting.locked():
            return self.open(management)
        with starting:
            return self.wait(running_management(self._run), self._run.settings.app.boot_timeout)

    def _alone(self, name: str) -> threading.Lock:
        with self._lock:
            return self._locks.setdefault(name, threading.Lock())
