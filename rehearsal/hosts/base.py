"""What the stand-in cloud asks of the hosts, whatever kind they are."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable


class Hosts(Protocol):
    """Power, disks and consoles of the instances.

    Called with the cloud's lock held: every method starts its work and returns within 50 ms.
    """

    network: str  # in which instances may have their addresses: what serves must not be reached from other machines

    def launch(self, instance_id: str, address: str, image_id: str, user_data: str, tags: Mapping[str, str]) -> None:
        """Power on a new instance at this address: its first boot, from a copy of the image's disk."""

    def stop(self, instance_id: str) -> None:
        """Power off; the disk is kept."""

    def start(self, instance_id: str) -> None:
        """Power on again."""

    def reboot(self, instance_id: str) -> None:
        """Power off and on again."""

    def terminate(self, instance_id: str) -> None:
        """Power off for ever; the disk is gone."""

    def snapshot(self, instance_id: str, image_id: str) -> None:
        """Copy the disk, as this image."""

    def forget_image(self, image_id: str) -> None:
        """Drop the disk of an image; an unknown image is no error."""

    def console(self, instance_id: str) -> str:
        """Return what the machine printed since its first boot."""

    def close(self) -> None:
        """Stop everything and leave nothing behind."""


@dataclass(frozen=True)
class Door:
    """A port of a public address, and where it leads."""

    port: int
    address: str
    to_port: int


@runtime_checkable
class AddressedHosts(Protocol):
    """What hosts offer that can also be reached at a public address (optional)."""

    def doors(self, private: str) -> tuple[Door, ...]:
        """Return what a public address of the instance with this private one opens."""


@runtime_checkable
class ImportingHosts(Protocol):
    """What hosts with real disks offer: an image made of any folder (optional)."""

    def add_image(self, image_id: str, disk: Path) -> None:
        """Copy a folder as an image's disk."""


@runtime_checkable
class CopyingHosts(Protocol):
    """What hosts offer whose snapshots take longer than the call (optional)."""

    def copied(self, image_id: str) -> bool:
        """Say whether the disk is copied: from then on the instance may change it without a trace in the image."""


@runtime_checkable
class ConnectableHosts(Protocol):
    """What hosts offer whose SSH takes keys for a while (optional)."""

    def admit(self, instance_id: str, public_key: str, seconds: float) -> None:
        """Make a running instance accept a public key for `seconds`."""


@runtime_checkable
class FaultyHosts(Protocol):
    """What hosts offer that can also go wrong on demand (optional)."""

    def set_image_fault(self, image_id: str, fault: str | None) -> None:
        """Let instances of this image fail: `error` (answers 500), `dead` (never boots), `silent` (never answers); None mends."""

    def set_instance_fault(self, instance_id: str, fault: str | None) -> None:
        """Let a running instance fail in the same ways."""
