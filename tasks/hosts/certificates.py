"""Host keys signed by an SSH CA: the host presents its certificate, the CA's key verifies it.

Paramiko does not support certificates, so `ssh-keyscan` fetches them; in the following connection the host must prove the
key of the certificate.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from shlex import join

from ..decisions.access.host_certificates import DamagedLine, authorities, vouched_for
from ..decisions.access.known_hosts import name_of
from ..errors import HostUnreachable, SettingsError
from ..settings.model import Ssh
from .keys import Trust, UnknownHostKey, read_file
from .ssh import Host

_LONGEST = 64 * 1024  # bytes of ssh-keyscan's output


def certified(who: str, address: str, port: int, ssh: Ssh, names: Sequence[str], now: float, via: Host | None) -> Trust:
    """Return the host keys that the CA of `ssh.host_ca` has signed.

    `names`: allowed principals of the host; `now`: epoch seconds; `via`: the host through which it is reached. Raises
    UnknownHostKey with what is wrong with its certificates, SettingsError where the CA's file cannot be read.
    """
    path = Path(ssh.host_ca or "").expanduser()
    try:
        trusted = authorities(read_file("ssh.host_ca", path), [*names, name_of(address, port)])
    except DamagedLine as error:
        allowed = "public keys of CAs, alone or after @cert-authority and a pattern, and @revoked lines"
        raise SettingsError(f"ssh.host_ca: {path}: {error}; allowed: {allowed}") from error
    if not trusted:
        raise SettingsError(f"ssh.host_ca: {path} names no CA for {who} ({name_of(address, port)})")
    keys, wrong = vouched_for(_scan(address, port, ssh, via), trusted, names, now)
    if not keys:
        raise UnknownHostKey(f"{who} ({address}:{port}) shows no host certificate that {path} vouches for: {wrong}")
    return Trust(keys, f"its certificate, by {path}")


def _scan(address: str, port: int, ssh: Ssh, via: Host | None) -> str:
    command = ["ssh-keyscan", "-c", "-T", str(ssh.timeout), "-p", str(port), address]
    if via is not None:
        return via.read(join(command), check=False, timeout=ssh.timeout + 30, label="ssh-keyscan").stdout[:_LONGEST]
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=ssh.timeout + 30)
    except FileNotFoundError as error:
        raise SettingsError("ssh.host_ca needs ssh-keyscan here, of OpenSSH's client: install it") from error
    except subprocess.TimeoutExpired as error:
        raise HostUnreachable(f"{address}:{port} does not answer ssh-keyscan within {ssh.timeout + 30} s") from error
    return done.stdout[:_LONGEST].decode(errors="replace")
