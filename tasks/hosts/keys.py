"""The trusted host keys of an instance, and their source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from paramiko import PKey

from ..aws import instances, tags
from ..aws.instances import Ec2Instance
from ..decisions.access import host_keys, known_hosts
from ..errors import HostUnreachable, SettingsError
from ..runtime.cloud import Cloud
from ..settings.model import Ssh

CONSOLE = "its console output"
_LARGEST = 16 * 1024 * 1024  # bytes of a known_hosts file


@dataclass(frozen=True)
class Trust:
    """The accepted host keys or pins, their source, and revoked keys."""

    keys: tuple[str, ...]
    source: str
    revoked: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.keys)


class WrongHostKey(HostUnreachable):
    """A host has another key than the known one."""


class UnknownHostKey(HostUnreachable):
    """A host's key is in no trusted source."""


def trust(cloud: Cloud, instance: Ec2Instance, ssh: Ssh, reach: str = "") -> Trust:
    """Look up the keys of an instance: the known_hosts file, else its tag, else its console output of the first boot.

    `reach`: the address to connect to, unless private. Returns an empty Trust when none is known (yet: a
    console appears minutes after the boot). Raises WrongHostKey where its console contradicts itself.
    """
    known = trust_address(instance.address, ssh.port, ssh, reach)
    if known:
        return known
    pinned = host_keys.from_tag(instance.tags.get(tags.HOST_KEY, ""))
    if pinned:
        return replace(known, keys=pinned, source=f"its tag {tags.HOST_KEY}")
    try:
        return replace(known, keys=_of_console(cloud, instance.id), source=CONSOLE)
    except host_keys.ConflictingKeys as error:
        raise WrongHostKey(
            f"{instance.id}: its console output shows different host keys: {error}. One of them is not its own. Compare with the"
            " instance (ssh-keygen -lf), then add the right one to ssh.known_hosts"
        ) from error


def _of_console(cloud: Cloud, id: str) -> tuple[str, ...]:
    # The latest output begins at the last boot, at which no keys are printed; the posted output may be older.
    for latest in (True, False):
        found = host_keys.from_console(instances.console(cloud, id, latest=latest))
        if found:
            return found
    return ()


def trust_address(address: str, port: int, ssh: Ssh, other: str = "") -> Trust:
    """Look up the keys of an address in the known_hosts file alone, as for a gateway, and the revoked keys.

    `other`: a further address of the same host. Raises SettingsError when a file cannot be read.
    """
    addresses = [text for text in (address, other) if text]
    names = [known_hosts.name_of(text, port) for text in addresses]
    lines = _lines("ssh.known_hosts", ssh.known_hosts)
    keys = known_hosts.keys_of(lines, names, "")
    revoked = known_hosts.keys_of([*lines, *_lines("ssh.host_ca", ssh.host_ca)], [*names, *addresses], "@revoked")
    source = str(Path(ssh.known_hosts).expanduser()) if ssh.known_hosts else ""
    return Trust(tuple(key for key in keys if key not in revoked), source, revoked)


def _lines(setting: str, path: str | None) -> Sequence[known_hosts.Line | known_hosts.Damaged]:
    return list(known_hosts.read(read_file(setting, Path(path).expanduser()))) if path else []


def read_file(setting: str, path: Path) -> bytes:
    """Return the content of a file from a setting.

    Raises SettingsError.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
    except OSError as error:
        raise SettingsError(f"{setting}: {path}: {error.strerror}; allowed: a readable file, or null") from error
    if len(content) > _LARGEST:
        raise SettingsError(f"{setting}: {path}: larger than {_LARGEST >> 20} MiB; allowed: a file of keys")
    return content


def pin(cloud: Cloud, instance: Ec2Instance, shown: PKey) -> bool:
    """Write a host key that the console confirmed into the instance's tag: after a stop the console is empty.

    Returns False while EC2 does not know the instance yet.
    """
    return instances.tag_new(cloud, instance.id, {tags.HOST_KEY: host_keys.to_pin(_text(shown))})


def require_trusted(who: str, shown: PKey, trusted: Trust) -> None:
    """Accept a host's key, or raise WrongHostKey or UnknownHostKey with the fingerprints."""
    key = _text(shown)
    offered = host_keys.to_pin(key)
    if key in trusted.revoked:
        raise WrongHostKey(f"{who} shows the host key {offered}, which a @revoked line of ssh.known_hosts or ssh.host_ca revokes")
    if host_keys.is_one_of(key, trusted.keys):
        return
    if not trusted:
        raise UnknownHostKey(
            f"{who} shows the host key {offered}, and nothing vouches for it: no line in ssh.known_hosts, no tag {tags.HOST_KEY},"
            f" nothing on its console (EC2 shows the last {host_keys.CONSOLE_SIZE // 1024} KB). Compare it on the machine"
            " (ssh-keygen -lf), then add it to ssh.known_hosts"
        )
    known = ", ".join(f"{key.split()[0]} {host_keys.fingerprint(key)}" for key in trusted.keys)
    raise WrongHostKey(
        f"{who} shows the host key {offered}, but {trusted.source} says {known}. Another machine may be answering there. Only if"
        f" the machine was rebuilt: remove the old key from {trusted.source} and run again"
    )


def _text(key: PKey) -> str:
    return f"{key.get_name()} {key.get_base64()}"
