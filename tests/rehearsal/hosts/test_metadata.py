"""The metadata service of the rehearsal: what it tells to whom."""

import http.client
import json
from collections.abc import Iterator, Mapping

import pytest

from rehearsal.hosts.metadata import TOKEN, TTL, Described, MetadataService

ONE = Described("i-1", "127.0.0.1", "eu-central-1a", {"ramped:role": "management", "Name": "web"}, True, "#!/bin/sh\n")
OTHER = Described("i-2", "127.0.0.9", "eu-central-1b", {"ramped:role": "web"}, False)


@pytest.fixture
def service() -> Iterator[MetadataService]:
    made = MetadataService({one.address: one for one in (ONE, OTHER)}.get, "127.0.0.1", 0)
    made.start()
    yield made
    made.close()


def ask(
    service: MetadataService, path: str, headers: Mapping[str, str] = {}, method: str = "GET", source: str = "127.0.0.1"
) -> tuple[int, str]:
    port = int(service.url.rpartition(":")[2])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60, source_address=(source, 0))
    try:
        connection.request(method, path, headers=dict(headers))
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def token(service: MetadataService, source: str = "127.0.0.1") -> dict[str, str]:
    status, text = ask(service, TOKEN, {TTL: "60"}, "PUT", source)
    assert status == 200
    return {"X-aws-ec2-metadata-token": text}


def test_an_instance_reads_its_own_metadata_and_its_tags_only_where_they_are_shown(service: MetadataService) -> None:
    mine, others = token(service), token(service, "127.0.0.9")
    told = {
        path: ask(service, f"/latest/{path}", mine) for path in ("meta-data/instance-id", "user-data", "meta-data/local-ipv4")
    }
    assert told == {
        "meta-data/instance-id": (200, "i-1"),
        "user-data": (200, "#!/bin/sh\n"),
        "meta-data/local-ipv4": (200, "127.0.0.1"),
    }
    tags = "/latest/meta-data/tags/instance"
    assert ask(service, f"{tags}/", mine) == (200, "Name\nramped:role")
    assert ask(service, f"{tags}/ramped:role", mine) == ask(service, f"{tags}/ramped%3Arole", mine) == (200, "management")
    assert ask(service, f"{tags}/nothing", mine)[0] == 404
    assert ask(service, "/latest/meta-data/instance-id", others, source="127.0.0.9") == (200, "i-2")
    assert ask(service, f"{tags}/ramped:role", others, source="127.0.0.9")[0] == 404


def test_the_parameters_below_a_path_are_there_for_an_instance() -> None:
    stored = {"/shop/production/A": "1", "/shop/production/mail/B": "2", "/shop/production2/C": "3"}
    service = MetadataService({ONE.address: ONE}.get, "127.0.0.1", 0, lambda: stored)
    mine = {"X-aws-ec2-metadata-token": service.answer("PUT", TOKEN, {TTL: "60"}, ONE.address)[1]}
    path = "/rehearsal/parameters/shop/production"
    status, text = service.answer("GET", path, mine, ONE.address)
    assert (status, [one["Name"] for one in json.loads(text)["Parameters"]]) == (200, list(stored)[:2])
    assert service.answer("GET", path, {}, ONE.address)[0] == 401


def test_without_its_own_token_a_request_is_refused(service: MetadataService) -> None:
    path = "/latest/meta-data/instance-id"
    assert ask(service, path)[0] == 401
    assert ask(service, path, token(service, "127.0.0.9"))[0] == 401
    assert [ask(service, TOKEN, {TTL: ttl}, "PUT")[0] for ttl in ("", "0", "21601", "x")] == [400] * 4
    assert ask(service, TOKEN, {TTL: "60", "X-Forwarded-For": "10.0.0.1"}, "PUT")[0] == 403
    assert ask(service, path, token(service), source="127.0.0.7")[0] == 503


def test_it_can_fail(service: MetadataService) -> None:
    mine = token(service)
    service.fault = "error"
    assert ask(service, "/latest/meta-data/instance-id", mine)[0] == 503
    assert service.change({"fault": "slow", "seconds": 0.05})["asked"][0] == TOKEN
    assert ask(service, "/latest/meta-data/instance-id", mine) == (200, "i-1")
    assert service.change({"fault": "absent"}) == {"asked": ["/latest/meta-data/instance-id"]}
    with pytest.raises(ConnectionRefusedError):
        ask(service, TOKEN)
    service.change({})
    assert ask(service, "/latest/meta-data/instance-id", mine) == (200, "i-1")
    with pytest.raises(ValueError, match="'late' is no fault of the metadata service; faults: , slow, silent, error, absent"):
        service.change({"fault": "late"})
