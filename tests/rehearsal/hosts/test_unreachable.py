"""Private addresses that the operator cannot reach, as from outside of the VPC."""

import errno
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from fabric import Connection

from rehearsal.cloud.doors import Doors
from rehearsal.hosts.unreachable import Unreachable
from tests.rehearsal.hosts.support import Fleet, Key, address


@pytest.fixture
def closed_fleet(tmp_path: Path, key: Key, disk: Path) -> Iterator[Fleet]:
    fleet = Fleet(tmp_path / "hosts", key, private="closed")
    fleet.image(disk)
    yield fleet
    fleet.hosts.close()


def reached(host: str, port: int) -> bool:
    """Tell whether a connection is answered; one that is refused would be an answer too."""
    with closing(socket.socket()) as knocking:
        knocking.settimeout(1.5)
        try:
            knocking.connect((host, port))
        except TimeoutError:
            return False
        return True


def test_a_closed_port_swallows_what_knocks_until_it_is_free_again() -> None:
    host = address()
    outside = Unreachable(host, 2222)
    assert not reached(host, 2222)
    outside.close()
    with closing(socket.socket()) as knocking:
        assert knocking.connect_ex((host, 2222)) == errno.ECONNREFUSED


def test_the_operator_comes_in_by_the_public_address_and_from_there_to_the_other_machines(closed_fleet: Fleet, key: Key) -> None:
    gateway, inner = closed_fleet.launch(), closed_fleet.launch()
    assert not reached(gateway.address, 2222)
    public, doors = address(), Doors()
    secrets = {"key_filename": str(key.path), "look_for_keys": False, "allow_agent": False}
    try:
        doors.keep({public: closed_fleet.hosts.doors(gateway.address)})
        first = Connection(public, user="admin", port=2222, connect_kwargs=secrets)
        with first, Connection(inner.address, user="admin", port=2222, gateway=first, connect_kwargs=secrets) as second:
            assert first.run("hostname", hide=True, in_stream=False).stdout
            shown = second.run("echo $SSH_CONNECTION", hide=True, in_stream=False).stdout.split()
        assert (shown[0], shown[2]) == (gateway.address, inner.address)
        assert gateway.ask("/")[0] == 200  # the balancer is inside
    finally:
        doors.close()
