"""Which host key a machine must show, and who says so."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from paramiko import PKey

from ..aws import instances
from ..aws.instances import Machine
from ..decisions.access import host_keys
from ..errors import HostUnreachable, SettingsError
from ..runtime.cloud import Cloud
from ..settings.model import Ssh

TAG = "ramped:host-key"


@dataclass(frozen=True)
class Trust:
    """The host keys that are accepted, as "ssh-ed25519 AAAA...", and where they come from."""

    keys: tuple[str, ...]
    source: str

    def __bool__(self) -> bool:
        return bool(self.keys)


class WrongHostKey(HostUnreachable):
    """Say that a host shows another key than the one it is known by."""


class UnknownHostKey(HostUnreachable):
    """Say that nothing vouches for a host's key."""


def trust(cloud: Cloud, machine: Machine, ssh: Ssh) -> Trust:
    """Look up the keys of an instance: the known_hosts file, else its tag, else what it printed at its first boot.

    Returns an empty Trust when nobody knows it (yet: a console is shown minutes after the boot).
    """
    known = trust_address(machine.address, ssh.port, ssh)
    if known:
        return known
    pinned = host_keys.from_tag(machine.tags.get(TAG, ""))
    if pinned:
        return Trust(pinned, f"its tag {TAG}")
    return Trust(host_keys.from_console(instances.console(cloud, machine.id)), "its console output")


def trust_address(address: str, port: int, ssh: Ssh) -> Trust:
    """Look up the keys of an address in the known_hosts file alone, as for a gateway.

    Raises SettingsError when the file cannot be read.
    """
    if ssh.known_hosts is None:
        return Trust((), "")
    path = Path(ssh.known_hosts).expanduser()
    try:
        text = path.read_text(errors="replace")
    except OSError as error:
        raise SettingsError(
            f"ssh.known_hosts: {path}: {error.strerror}; allowed: a readable known_hosts file, or null"
        ) from error
    return Trust(host_keys.from_known_hosts(text, address, port), str(path))


def pin(cloud: Cloud, machine: Machine, trusted: Trust) -> None:
    """Write a key that the console vouched for into the instance's tag: after a stop and start the console is empty."""
    key = host_keys.to_pin(trusted.keys)
    if key is not None and trusted.source == "its console output":
        instances.tag(cloud, [machine.id], {TAG: key})


def judge(who: str, shown: PKey, trusted: Trust) -> None:
    """Accept the key that a host shows, or raise WrongHostKey or UnknownHostKey naming the fingerprints."""
    key = f"{shown.get_name()} {shown.get_base64()}"
    if key in trusted.keys:
        return
    offered = f"{shown.get_name()} {host_keys.fingerprint(key)}"
    if not trusted:
        raise UnknownHostKey(
            f"{who} shows the host key {offered}, and nothing vouches for it: no line in ssh.known_hosts, no tag {TAG},"
            " nothing in its console output. Compare it on the machine (ssh-keygen -lf), then add it to"
            " ssh.known_hosts"
        )
    known = ", ".join(f"{key.split()[0]} {host_keys.fingerprint(key)}" for key in trusted.keys)
    raise WrongHostKey(
        f"{who} shows the host key {offered}, but {trusted.source} says {known}. Somebody else may be answering there. Only if"
        f" the machine was rebuilt: remove the old key from {trusted.source} and run again"
    )
