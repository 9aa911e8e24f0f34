"""EC2 Instance Connect: an instance accepts a key of this run for a minute."""

from __future__ import annotations

import io

from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from paramiko import Ed25519Key, PKey

from ..runtime.cloud import Cloud, error_code, throttled

# "Wait a few minutes and try again": errors of SendSSHPublicKey for an instance that has just started.
_LATER = {"EC2InstanceUnavailableException", "EC2InstanceStateInvalidException", "ServiceException"}


def fresh_key() -> tuple[PKey, str]:
    """Return a key pair that is kept only in memory: the private key, and the public key as a line."""
    private = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    key = Ed25519Key(file_obj=io.StringIO(private.decode()))
    return key, f"{key.get_name()} {key.get_base64()}"


def send(cloud: Cloud, instance_id: str, user: str, public: str) -> str:
    """Have an instance accept a public key for a user during the next 60 seconds (SendSSHPublicKey).

    Returns "", or why the instance cannot take it yet.
    """
    client = cloud.client("ec2-instance-connect")
    try:
        client.send_ssh_public_key(InstanceId=instance_id, InstanceOSUser=user, SSHPublicKey=public)
    except ClientError as error:
        if error_code(error) not in _LATER and not throttled(error):
            raise
        return f"{error_code(error)}: {error.response['Error'].get('Message', '')}"
    return ""
