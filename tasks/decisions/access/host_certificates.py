"""What an SSH CA says of a host's key: certificates, judged. Source: OpenSSH, "PROTOCOL.certkeys" and ssh-keygen(1)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.serialization import SSHCertificate

_KEY = re.compile(r"(?:^|\s)((?:ssh-|ecdsa-)\S+ AAAA[0-9A-Za-z+/]+=*)")


def authorities(text: str) -> tuple[str, ...]:
    """Return the public keys in a file, whether each stands alone or after `@cert-authority` and a pattern."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    return tuple(found[1] for line in lines if (found := _KEY.search(line)))


def judge(printed: str, trusted: Sequence[str], names: Sequence[str], now: float) -> tuple[tuple[str, ...], str]:
    """Judge the certificates that a host shows (`ssh-keyscan -c`).

    `trusted`: the CA's public keys; `names`: by which of them a host may be certified; `now`: epoch seconds. Returns the host
    keys that are vouched for, as "ssh-ed25519 AAAA...", and what is wrong with the certificates that are not.
    """
    keys, wrong = [], []
    for line in printed.splitlines():
        found = _KEY.search(line)
        if line.startswith("#") or not found or "-cert-v01@" not in found[1]:
            continue
        key, fault = _judge(found[1], trusted, names, now)
        if fault:
            wrong.append(fault)
        else:
            keys.append(key)
    return tuple(keys), "; ".join(dict.fromkeys(wrong)) or "it shows none"


def _judge(line: str, trusted: Sequence[str], names: Sequence[str], now: float) -> tuple[str, str]:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import SSHCertificate, load_ssh_public_identity

    try:
        certificate = load_ssh_public_identity(line.encode())
        if not isinstance(certificate, SSHCertificate):
            return "", "it is no certificate"
        certificate.verify_cert_signature()
        key, by = _text(certificate.public_key()), _text(certificate.signature_key())
    except (ValueError, InvalidSignature, UnsupportedAlgorithm) as error:
        return "", f"a certificate that cannot be verified ({error or type(error).__name__})"
    return key, _fault(certificate, by, trusted, names, now)


def _fault(certificate: SSHCertificate, by: str, trusted: Sequence[str], names: Sequence[str], now: float) -> str:
    from cryptography.hazmat.primitives.serialization import SSHCertificateType

    what = f"the certificate {certificate.key_id.decode(errors='replace')!r}"
    if by not in trusted:
        return f"{what} is signed by somebody else"
    if certificate.type != SSHCertificateType.HOST:
        return f"{what} is a user's, not a host's"
    if not certificate.valid_after <= now < certificate.valid_before:
        return f"{what} is not valid now"
    if certificate.critical_options:
        return f"{what} has critical options that nobody here knows"
    named = [name.decode(errors="replace") for name in certificate.valid_principals]
    return "" if not named or set(named) & set(names) else f"{what} is for {', '.join(named)}"


def _text(key: object) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return str(key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode())  # type: ignore[attr-defined]
