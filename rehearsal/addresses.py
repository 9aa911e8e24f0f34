"""The N of 127.N.x.y: every stand-in cloud of a computer has a second octet of its own."""

import random
import socket
from contextlib import AbstractContextManager

OCTETS = range(10, 251)
_API = 8000
_CLAIM = 8999  # bound on 127.N.0.2 and never listened on: so two that choose at the same moment choose differently


class Octet(AbstractContextManager["Octet"]):
    """An octet that no other process has until this is closed, however this process ends."""

    def __init__(self) -> None:
        """Claim an address. Raises OSError where none is left."""
        for number in random.sample(OCTETS, len(OCTETS)):
            if claim := _claimed(f"127.{number}.0.2"):
                self.number, self._claim = number, claim
                return
        raise OSError(f"no address 127.N.0.2 is left of {len(OCTETS)}")

    def __exit__(self, *_: object) -> None:
        """Give it back."""
        self.close()

    def close(self) -> None:
        """Give it back; again is harmless."""
        self._claim.close()


def _claimed(address: str) -> socket.socket | None:
    """Claim an address, or return None where it is claimed, or in use without a claim (a server started by hand)."""
    claim = socket.socket()
    try:
        claim.bind((address, _CLAIM))
        with socket.socket() as probe:
            probe.bind((address, _API))
    except OSError:
        claim.close()
        return None
    return claim
