"""EC2 Instance Connect: a key of this run alone is accepted by an instance for a minute."""

from __future__ import annotations

import io

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from paramiko import Ed25519Key, PKey

from ..runtime.cloud import Cloud


def fresh_key() -> tuple[PKey, str]:
    """Return a key pair that is kept nowhere but in memory: the private key, and the public one as a line."""
    private = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    key = Ed25519Key(file_obj=io.StringIO(private.decode()))
    return key, f"{key.get_name()} {key.get_base64()}"


def send(cloud: Cloud, instance_id: str, user: str, public: str) -> None:
    """Have an instance accept a public key for a user during the next 60 seconds (SendSSHPublicKey)."""
    client = cloud.client("ec2-instance-connect")
    client.send_ssh_public_key(InstanceId=instance_id, InstanceOSUser=user, SSHPublicKey=public)
