"""Host certificates: which CAs a file names, and which certificates of a host they signed.

Source: OpenSSH, "PROTOCOL.certkeys", ssh-keygen(1), sshd(8).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .known_hosts import Damaged, keys_of, read, wildcard

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.serialization import SSHCertificate

_CERTIFICATE = re.compile(r"(?:^|\s)((?:ssh-|ecdsa-)\S+-cert-v01@\S+ AAAA[0-9A-Za-z+/]+=*)")


class DamagedLine(ValueError):
    """A line of a CA's file that cannot be read."""


def authorities(data: bytes, names: Sequence[str]) -> tuple[str, ...]:
    """Return the public keys of the CAs that a file trusts for a host of these names.

    A bare public key is a CA for every host; a line with hosts only with `@cert-authority` and where its pattern
    fits; a revoked key never. Raises DamagedLine.
    """
    lines = list(read(data, bare=True))
    for line in lines:
        if isinstance(line, Damaged):
            raise DamagedLine(f"line {line.number}: {line.why}")
    revoked = keys_of(lines, names, "@revoked")
    alone = [line.key for line in lines if not isinstance(line, Damaged) and not line.hosts]
    found = dict.fromkeys([*alone, *keys_of(lines, names, "@cert-authority")])
    return tuple(key for key in found if key not in revoked)


def vouched_for(printed: str, trusted: Sequence[str], names: Sequence[str], now: float) -> tuple[tuple[str, ...], str]:
    """Return the host keys with a valid certificate, and what is wrong with the other certificates.

    `printed`: by `ssh-keyscan -c`; `trusted`: the CA's public keys; `names`: allowed principals of the host; `now`: epoch
    seconds.
    """
    keys, wrong = [], []
    for line in printed.split("\n"):
        found = _CERTIFICATE.search(line)
        if line.startswith("#") or not found:
            continue
        key, fault = _read(found[1], trusted, names, now)
        if fault:
            wrong.append(fault)
        else:
            keys.append(key)
    return tuple(keys), "; ".join(dict.fromkeys(wrong)) or "it presents none"


def _read(line: str, trusted: Sequence[str], names: Sequence[str], now: float) -> tuple[str, str]:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import SSHCertificate, load_ssh_public_identity

    try:
        certificate = load_ssh_public_identity(line.encode())
        if not isinstance(certificate, SSHCertificate):
            return "", "not a certificate"
        certificate.verify_cert_signature()
        key, by = _text(certificate.public_key()), _text(certificate.signature_key())
    except (ValueError, InvalidSignature, UnsupportedAlgorithm) as error:
        return "", f"a certificate that cannot be verified ({error or type(error).__name__})"
    return key, _fault(certificate, by, trusted, names, now)


def _fault(certificate: SSHCertificate, by: str, trusted: Sequence[str], names: Sequence[str], now: float) -> str:
    from cryptography.hazmat.primitives.serialization import SSHCertificateType

    what = f"the certificate {certificate.key_id.decode(errors='replace')!r}"
    if by not in trusted:
        return f"{what} is signed by another CA"
    if certificate.type != SSHCertificateType.HOST:
        return f"{what} is a user's, not a host's"
    if not certificate.valid_after <= now < certificate.valid_before:
        return f"{what} is not valid now"
    if certificate.critical_options:
        return f"{what} has unknown critical options"
    principals = [name.decode(errors="replace") for name in certificate.valid_principals]
    if not principals:
        return f"{what} names no host: sign it with -n and the instance id or address"
    fits = any(wildcard(principal, name) for principal in principals for name in names)
    return "" if fits else f"{what} is for {', '.join(principals)}"


def _text(key: object) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return str(key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode())  # type: ignore[attr-defined]
