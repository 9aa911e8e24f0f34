"""What the commands of a rehearsal may know: an environment made from nothing, in which no real account can be reached.

Two traps of the SDK's endpoint setting are closed here: an explicit endpoint wins over AWS_ENDPOINT_URL, and
AWS_IGNORE_CONFIGURED_ENDPOINT_URLS sends every call to the real AWS.
"""

import base64
import json
import os
import secrets
import site
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

SECRET = "nothing-that-anybody-would-accept"
REGION = "eu-central-1"
# What a program needs to find its files and to print; nothing of AWS's endpoints or credentials.
KEPT = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TERM", "COLUMNS", "LINES", "NO_COLOR", "TMPDIR", "TZ", "SYSTEMROOT")
# Where machine hosts find their image, and the box that they run in.
OF_MACHINES = ("RAMPED_CACHE", "XDG_CACHE_HOME", "REHEARSAL_BOX")
SERVICES = ("autoscaling", "cloudfront", "ec2", "elbv2", "ssm", "sts")

_PROBE = """
import json, sys, botocore.session
session = botocore.session.Session()
endpoints = {}
for name in sys.argv[1:]:
    client = session.create_client(name)
    endpoints[name] = [client.meta.endpoint_url, getattr(client._request_signer._credentials, "access_key", None)]
print(json.dumps(endpoints))
"""


class Refusal(Exception):
    """Say why a rehearsal does not start."""


def bare(environment: Mapping[str, str], home: Path) -> dict[str, str]:
    """Return an environment with nothing of AWS in it but a closed door.

    `home` takes the place of the user's, so that no profile, key or settings file of theirs is read.
    """
    kept = {name: environment[name] for name in (*KEPT, *OF_MACHINES) if name in environment}
    return kept | {
        "HOME": str(home),
        # What `pip install --user` has put into the user's own home is still found.
        "PYTHONUSERBASE": site.getuserbase(),
        "AWS_CONFIG_FILE": str(home / "no-aws-config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(home / "no-aws-credentials"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "PYTHONUNBUFFERED": "1",
    }


def access_key() -> str:
    """Return a new access key, that nobody else on this machine knows."""
    return f"AKIA{base64.b32encode(secrets.token_bytes(10)).decode()}"


def own(environment: Mapping[str, str], home: Path, endpoint: str, key: str) -> dict[str, str]:
    """Return the environment of an operator of the stand-in cloud."""
    return bare(environment, home) | {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
    }


def require_own(environment: Mapping[str, str], endpoint: str, own_key: str, services: Sequence[str] = SERVICES) -> None:
    """Have the SDK itself say where it would go, and with whose key, in an environment.

    Raises Refusal, where that is not the rehearsal's own endpoint on loopback and its own key.
    """
    if not (urlsplit(endpoint).hostname or "").startswith("127."):
        raise Refusal(f"the endpoint {endpoint} is not on loopback: a rehearsal never leaves this machine")
    done = subprocess.run([sys.executable, "-c", _PROBE, *services], env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Refusal(f"the AWS SDK does not work in the rehearsal's environment: {done.stderr.strip().splitlines()[-1]}")
    for service, (url, key) in json.loads(done.stdout).items():
        if url != endpoint:
            raise Refusal(f"calls to {service} would go to {url}, not to the rehearsal's {endpoint}: nothing was started")
        if key != own_key:
            raise Refusal(
                f"calls to {service} would be made with the key {key}, not with the rehearsal's own: nothing was started"
            )


def command(name: str) -> list[str]:
    """Return how to run `fab` or `inv` of the Python that runs this."""
    program = Path(sys.executable).parent / name
    return [str(program)] if os.access(program, os.X_OK) else [sys.executable, "-m", {"fab": "fabric", "inv": "invoke"}[name]]
