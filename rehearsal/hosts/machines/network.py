"""The network in a box: one bridge, to which every machine has a cable; nothing leads out of it."""

import subprocess
from collections.abc import Sequence
from ipaddress import IPv4Address

BRIDGE = "machines"
METADATA = "169.254.169.254"  # the metadata service listens there, on the box's side of the bridge


class NetworkError(Exception):
    """Say which command failed, and what it said."""


def base(octet: int) -> str:
    """Return the first two parts of all addresses of a rehearsal."""
    return f"10.{octet}"


def gateway(octet: int) -> str:
    """Return the address at which machines reach what runs beside them in the box."""
    return f"{base(octet)}.0.1"


def build(octet: int) -> None:
    """Make the bridge, with the addresses of what is no machine (10.N.0.1 to .9, the metadata service's). Raises NetworkError."""
    _batch(
        f"link add {BRIDGE} type bridge",
        *(f"address add {base(octet)}.0.{last}/16 dev {BRIDGE}" for last in range(1, 10)),
        f"address add {METADATA}/32 dev {BRIDGE}",
        f"link set {BRIDGE} up",
    )


def plug_in(instance_id: str, address: str, octet: int) -> None:
    """Make an instance's network namespace, /run/netns/<id>, with its address on `eth0`. Raises NetworkError.

    The MAC address is derived from the IP address: a machine that takes an address over is found at once.
    """
    cable = _cable(instance_id)
    hardware = "02:00:" + ":".join(f"{part:02x}" for part in IPv4Address(address).packed)
    _run("ip", "netns", "add", instance_id)
    _batch(
        f"link add {cable} type veth peer name eth0 address {hardware} netns {instance_id}",
        f"link set {cable} master {BRIDGE} up",
    )
    _batch(
        "link set lo up",
        f"address add {address}/16 dev eth0",
        "link set eth0 up",
        f"route add default via {gateway(octet)}",
        within=("-netns", instance_id),
    )


def unplug(instance_id: str) -> None:
    """Remove an instance's namespace, and with it the cable. Raises NetworkError."""
    _run("ip", "netns", "delete", instance_id)


def _cable(instance_id: str) -> str:
    return f"v{instance_id[-12:]}"  # the name of an interface has 15 characters


def _batch(*lines: str, within: Sequence[str] = ()) -> None:
    _run("ip", *within, "-batch", "-", text="\n".join(lines))


def _run(*command: str, text: str = "") -> None:
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NetworkError(f"`{' '.join(command)}` exited {done.returncode}: {done.stderr.strip()}")
