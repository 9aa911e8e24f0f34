"""The only place that opens SSH: with exactly the trusted host keys, and one line for each error."""

from __future__ import annotations

import ipaddress
import logging
import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fabric import Config, Connection
from paramiko import Agent, AuthenticationException, ChannelException, PKey, SSHClient, SSHException, Transport
from paramiko.ssh_exception import NoValidConnectionsError, PasswordRequiredException

from ..errors import HostUnreachable, SettingsError
from ..settings.model import Ssh
from .keys import Trust, require_trusted
from .sessions import Session
from .ssh import Host, reason

_TRIES = 6  # sshd_config(5): MaxAuthTries, its default


class LoginRefused(HostUnreachable):
    """A host accepts no key of ours."""


def connect(
    name: str,
    address: str,
    ssh: Ssh,
    trusted: Trust,
    *,
    user: str = "",
    port: int = 0,
    via: Host | None = None,
    session: Session | None = None,
    key: PKey | None = None,
    local: str = "",
) -> Host:
    """Open SSH to a host.

    `name`: for messages; `trusted`: the only host keys that are accepted; `user`, `port`: those of `ssh` when left out;
    `via`: the host through which it is reached; `session`: the tunnel to it, closed with the host; `key`: the only
    key that is offered, instead of `ssh.key`; `local`: its own address, where that is not the address to connect to. Raises
    HostUnreachable with a one-line reason.
    """

    _quiet()
    user, port = user or ssh.user, port or ssh.port
    who = f"{name} ({user}@{address}:{port})"
    connection = Connection(
        address,
        user=user,
        port=port,
        config=_config(),
        gateway=via.connection if via is not None else None,
        connect_timeout=ssh.timeout,
        connect_kwargs={**_how(ssh, trusted, key), **({"sock": session.socket} if session else {})},
    )
    connection.client.set_missing_host_key_policy(_Only(who, trusted))
    try:
        _open(connection, who, address, ssh, direct=via is None and session is None)
    except HostUnreachable as error:
        said = session.complaint() if session else ""
        if said:
            raise type(error)(f"{error}. Session Manager says: {said}") from error
        raise
    own = local or address
    return Host(name, own, connection, session.close) if session else Host(name, own, connection)


def _open(connection: Connection, who: str, address: str, ssh: Ssh, *, direct: bool) -> None:
    try:
        connection.open()
        connection.transport.set_keepalive(15)
        if direct:
            # Small packets at once: without it each command waits some 40 ms for an acknowledgement.
            connection.transport.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except (SSHException, EOFError, OSError, ValueError) as error:
        # A server that never spoke SSH has rejected no login, though paramiko raises the same.
        transport = connection.client.get_transport()
        spoke = transport is not None and bool(transport.remote_version)
        connection.client.close()
        raise _why(error, who, address, ssh, spoke=spoke) from error
    except BaseException:
        connection.client.close()
        raise


def _why(error: BaseException, who: str, address: str, ssh: Ssh, *, spoke: bool) -> HostUnreachable:
    refused = _login(error, ssh, spoke=spoke)
    return LoginRefused(f"{who}: {refused}") if refused else HostUnreachable(_unreached(error, who, address, ssh))


def _login(error: BaseException, ssh: Ssh, *, spoke: bool) -> str:
    """Return what is wrong with the login, or ""."""
    if isinstance(error, PasswordRequiredException):
        return f"{ssh.key or 'the key'} is protected by a passphrase: add it to ssh-agent"
    if isinstance(error, AuthenticationException):
        return f"authentication failed: {reason(error)}. {_advice(ssh)}"
    if (
        spoke
        and isinstance(error, SSHException)
        and re.search(r"No existing session|Too many authentication failures", str(error))
    ):
        return f"authentication failed: sshd ended the session. {_advice(ssh)}"
    if isinstance(error, SSHException) and "No authentication methods available" in str(error):
        return f"authentication failed: there is no key to log in with. {_advice(ssh)}"
    return ""


def _unreached(error: BaseException, who: str, address: str, ssh: Ssh) -> str:
    if isinstance(error, NoValidConnectionsError):
        return f"{who} refuses the connection: no SSH there, or another port (ssh.port)"
    if isinstance(error, ChannelException):
        return f"{who} cannot be reached through the gateway: {reason(error)}"
    if isinstance(error, TimeoutError):
        return f"{who} does not answer within {ssh.timeout} s: {_silent(address)}"
    return f"{who}: no SSH session: {reason(error)}"


def _advice(ssh: Ssh) -> str:
    """Return what to do about a failed login, by the most likely reason."""
    if ssh.key is not None:
        return "Check ssh.user and ssh.key: is the public key in the user's authorized_keys?"
    agent = Agent()
    count = len(agent.get_keys())
    agent.close()
    if count > _TRIES:
        return f"ssh-agent holds {count} keys, and sshd gives up after {_TRIES} (MaxAuthTries): set ssh.key to the right one"
    if not count:
        return "ssh-agent does not run here, or holds no key (SSH_AUTH_SOCK; ssh-add), and ~/.ssh has none that fits: set ssh.key"
    return "Check ssh.user, and set ssh.key: none of the keys of ssh-agent and ~/.ssh is accepted"


def _silent(address: str) -> str:
    """Return what to do about an address that does not answer."""
    check = "check its security group and ssh.gateway"
    if not _is_private(address):
        return check
    return (
        f"{address} is a private address, which cannot be reached from outside of its network. From there set ssh.address: public"
        f" (management-create --elastic-ip), or ssh.gateway. Else {check}"
    )


def _is_private(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_private
    except ValueError:
        return False


def _how(ssh: Ssh, trusted: Trust, own: PKey | None) -> dict[str, Any]:
    how: dict[str, Any] = {
        "banner_timeout": ssh.timeout,
        "auth_timeout": ssh.timeout,
        "channel_timeout": ssh.timeout,
        "transport_factory": _preferring(trusted),
    }
    if own is not None:
        return how | {"pkey": own, "look_for_keys": False, "allow_agent": False}
    if ssh.key is not None:
        key = Path(ssh.key).expanduser()
        if not key.is_file():
            raise SettingsError(f"ssh.key: found {key}, where there is no file; allowed: a private key, or null for ssh-agent's")
        how |= {"key_filename": str(key), "look_for_keys": False}
    return how


def _config() -> Any:
    # Lazily: ~/.ssh/config and ~/.fabric.yaml must not override fabric.yaml.
    return Config(lazy=True, overrides={"load_ssh_configs": False})


def _preferring(trusted: Trust) -> Callable[..., Transport]:
    """Return a transport factory that prefers the kinds of the known host keys, as OpenSSH does."""
    kinds = {key.split()[0] for key in trusted.keys}
    kinds |= {"rsa-sha2-512", "rsa-sha2-256"} if "ssh-rsa" in kinds else set()

    def make(*args: Any, **options: Any) -> Transport:
        transport = Transport(*args, **options)
        security = transport.get_security_options()
        security.key_types = sorted(security.key_types, key=lambda kind: kind not in kinds)
        return transport

    return make


class _Only:
    """Accept the trusted host keys and no other; Fabric's own policy accepts any."""

    def __init__(self, who: str, trusted: Trust) -> None:
        self._who = who
        self._trusted = trusted

    def missing_host_key(self, client: SSHClient, hostname: str, key: PKey) -> None:
        """Accept or refuse a host's key; paramiko calls this for every key, since it knows none."""
        require_trusted(self._who, key, self._trusted)


def _quiet() -> None:
    # Paramiko logs a traceback of what it also raises; without a handler logging prints it.
    log = logging.getLogger("paramiko")
    if not log.handlers:
        log.addHandler(logging.NullHandler())
