"""The simplest hosts: really on the network, and failing on demand."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from rehearsal.hosts.bare import BareHosts
from rehearsal.hosts.base import FaultyHosts, Hosts
from tests.rehearsal.hosts import support

PATIENCE = 30.0


@pytest.fixture
def hosts() -> Iterator[BareHosts]:
    running = BareHosts()
    running.revisions["ami-1"] = "v1"
    yield running
    running.close()


@pytest.fixture
def address(hosts: BareHosts) -> str:
    free = support.address()
    hosts.launch("i-1", free, "ami-1", "", {})
    return free


def ask(address: str, path: str = "/") -> tuple[int, Any] | None:
    """Ask an instance; None where it refuses."""
    try:
        with urllib.request.urlopen(f"http://{address}:8080{path}", timeout=PATIENCE) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)
    except OSError:
        return None


def becomes(address: str, status: int | None, path: str = "/") -> Any:
    """Wait until an instance answers with this status (None: refuses); return what it says."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        answer = ask(address, path)
        if (answer[0] if answer else None) == status:
            return answer[1] if answer else None
        time.sleep(0.02)
    raise AssertionError(f"{address} does not become {status}")


def test_it_is_a_kind_of_hosts(hosts: BareHosts) -> None:
    kind: Hosts = hosts
    assert isinstance(kind, FaultyHosts)


def test_an_instance_answers_with_the_revision_of_its_image(hosts: BareHosts, address: str) -> None:
    assert becomes(address, 200) == {"status": "ok", "revision": "v1"}
    assert becomes(address, 200, "/health_check/shop.example") == {"status": "ok", "revision": "v1"}
    assert becomes(address, 404, "/other")["status"] == "error"


def test_power_is_real(hosts: BareHosts, address: str) -> None:
    becomes(address, 200)
    hosts.stop("i-1")
    becomes(address, None)
    hosts.start("i-1")
    becomes(address, 200)
    hosts.reboot("i-1")
    becomes(address, 200)
    assert hosts.console("i-1").count("boot ") == 3
    hosts.terminate("i-1")
    becomes(address, None)
    hosts.terminate("i-1")
    assert (hosts.running(), hosts.console("i-1")) == ([], "")


def test_a_snapshot_keeps_what_the_disk_had(hosts: BareHosts, address: str) -> None:
    hosts.deploy("i-1", "v2")
    hosts.snapshot("i-1", "ami-2")
    hosts.deploy("i-1", "v3")
    hosts.launch("i-2", support.address(), "ami-2", "", {})
    assert (hosts.revision("i-1"), hosts.revision("i-2")) == ("v3", "v2")
    hosts.forget_image("ami-2")
    hosts.forget_image("ami-2")
    hosts.launch("i-3", support.address(), "ami-2", "", {})
    assert hosts.revision("i-3") == "base"


@pytest.mark.parametrize(("fault", "status"), [("error", 500), ("dead", None)])
def test_an_image_s_fault_hits_those_that_run_and_those_to_come(
    hosts: BareHosts, address: str, fault: str, status: int | None
) -> None:
    becomes(address, 200)
    hosts.set_image_fault("ami-1", fault)
    becomes(address, status)
    hosts.reboot("i-1")
    becomes(address, status)
    hosts.set_image_fault("ami-1", None)
    becomes(address, 200)


def test_unknown_faults_are_named(hosts: BareHosts, address: str) -> None:
    with pytest.raises(ValueError, match="no such fault of a host: sad"):
        hosts.set_instance_fault("i-1", "sad")
