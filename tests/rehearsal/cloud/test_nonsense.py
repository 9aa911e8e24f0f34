"""Requests that make no sense, of a caller who has the keys: each gets an answer of its own, and none stops the world."""

import json
import logging
import random
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape

import pytest
from moto.core.utils import get_service_model
from werkzeug.test import EnvironBuilder, run_wsgi_app

from rehearsal.addresses import Octet
from rehearsal.cloud import standin, wsgi_app
from rehearsal.cloud.aws_protocol import MODELS
from rehearsal.cloud.errors import ApiError
from rehearsal.cloud.metric_api import MetricApi
from rehearsal.cloud.options import Options
from rehearsal.cloud.standin import StandIn
from rehearsal.hosts.bare import BareHosts
from rehearsal.keys import KEY_HEADER, Keys

OURS, CONTROL = "AKIAOURS0000000000000", "the key"
TEXTS = (
    "",
    "x",
    "-1",
    "9" * 400,
    "nan",
    "1e999",
    "\0",
    "\ud7ff",
    "[]",
    "null",
    "a" * 5000,
    "<x>",
    "../../etc/passwd",
    "i-0",
    "1.2.3.4/99",
)
NUMBERS = (0, -1, 10**30, 1e308, float("inf"), float("nan"), True, None)
DEEP = "[" * 100_000
JSON = (DEEP, '{"a":' * 50_000 + "1" + "}" * 50_000, '{"Name":', '"x"', "[]", "null", "1", "\xff", '{"Name":NaN}', "9" * 6000)
NONE = ("1", '{"Tags": 1}', '{"Tags": [1]}')
BOMB = "".join(f"<!ENTITY a{n} '{(f'&a{n - 1};' if n else 'aaaaaaaaaa') * 10}'>" for n in range(9))
XML = (
    "<a>" * 50_000,
    "<a",
    f"<!DOCTYPE a [{BOMB}]><a>&a8;</a>",
    "",
    "<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>",
)
QUERY = (
    "Filter.1.Name=x&Filter.99999999999.Value.1=y",
    "&" * 9000,
    "Tag." * 9000 + "=1",
    "InstanceId.-1=x",
    "InstanceId.x=1",
    "%ff=%fe",
    "%" * 900,
)


@pytest.fixture(scope="module")
def cloud() -> Iterator[StandIn]:
    with Octet() as octet:
        made = StandIn(Options(), BareHosts(), f"127.{octet.number}.0.2", keys=Keys(frozenset([OURS]), CONTROL))
        made.start()
        yield made
        made.close()


def put(cloud: StandIn, path: str, body: bytes, method: str = "POST", **headers: str) -> tuple[int, str]:
    """Put a request before the WSGI application; the connections are another test's."""
    host = cloud.url.removeprefix("http://")
    builder = EnvironBuilder(path, method=method, headers={"Host": host, **headers}, data=body)
    chunks, status, _ = run_wsgi_app(cloud._server.app, builder.get_environ(), buffered=True)  # type: ignore[arg-type]
    return int(status.split()[0]), b"".join(chunks).decode(errors="replace")


def call(cloud: StandIn, service: str, action: str, body: str, path: str = "/", method: str = "POST") -> tuple[int, str]:
    model = get_service_model(MODELS[service])
    scope = f"AWS4-HMAC-SHA256 Credential={OURS}/20260101/eu-central-1/{service}/aws4_request, Signature={'0' * 64}"
    kind = (
        "x-amz-json-1.1" if "json" in str(model.protocol) else "xml" if "xml" in str(model.protocol) else "x-www-form-urlencoded"
    )
    named = {"Authorization": scope, "Content-Type": f"application/{kind}"}
    if "json" in str(model.protocol):
        named["X-Amz-Target"] = f"{model.metadata.get('targetPrefix')}.{action}"
    return put(cloud, path, body.encode("utf-8", "surrogatepass"), method, **named)


def form_of(service: str) -> str:
    """Return how the requests of a service are written: json, xml or query."""
    model = get_service_model(MODELS[service])
    return "json" if "targetPrefix" in model.metadata else "xml" if "xml" in str(model.protocol) else "query"


class Shapes:
    """Parameters of the shape that an action wants, with some values of other kinds."""

    def __init__(self, seed: int) -> None:
        self.pick = random.Random(seed)

    def of(self, shape: Any, depth: int = 0) -> Any:
        if self.pick.random() < 0.2 or depth > 4:
            return self.pick.choice([*TEXTS, *NUMBERS, [], {}, [None], {"": 1}])
        if shape.type_name == "structure":
            return {name: self.of(one, depth + 1) for name, one in shape.members.items() if self.pick.random() < 0.5}
        if shape.type_name == "list":
            return [self.of(shape.member, depth + 1) for _ in range(self.pick.randrange(3))]
        return {"k": self.of(shape.value, depth + 1)} if shape.type_name == "map" else self.pick.choice(TEXTS)


def flat(name: str, value: Any) -> Iterator[str]:
    if isinstance(value, dict | list):
        for key, one in value.items() if isinstance(value, dict) else enumerate(value, 1):
            yield from flat(f"{name}.{key}" if name else str(key), one)
    else:
        yield f"{quote(name)}={quote(str(value))}"


def xml(name: str, value: Any) -> str:
    if isinstance(value, list):
        return "".join(xml(name, one) for one in value)
    inner = "".join(xml(key or "x", one) for key, one in value.items()) if isinstance(value, dict) else escape(str(value))
    return f"<{name}>{inner}</{name}>"


def bodies(service: str, action: str) -> Iterator[tuple[str, str, str]]:
    """Return method, path and body of requests for an action: broken ones, and some that have nearly its shape."""
    model = get_service_model(MODELS[service])
    operation, pick = model.operation_model(action), Shapes(hash_of(action))
    shaped = [pick.of(operation.input_shape) if operation.input_shape else {} for _ in range(4)]
    if form_of(service) == "json":
        yield from (("POST", "/", body) for body in (*JSON, *(json.dumps(one) for one in shaped)))
    elif form_of(service) == "xml":
        path = operation.http["requestUri"].replace("{", "%7B").replace("}", "%7D").partition("?")[0]
        yield from ((operation.http["method"], path, body) for body in (*XML, *(xml("X", one) for one in shaped)))
    else:
        begin = f"Action={action}&Version={model.api_version}&"
        yield from (("POST", "/", begin + body) for body in (*QUERY, *("&".join(flat("", one)) for one in shaped)))
        yield from (("POST", "/", body) for body in (begin[:-3], f"Action={action[:-2]}&Version={model.api_version}"))


def hash_of(text: str) -> int:
    return sum(map(ord, text))


@pytest.mark.parametrize("service", MODELS)
def test_every_action_of_ours_answers_nonsense_as_a_mistake_of_the_caller(
    cloud: StandIn, service: str, caplog: pytest.LogCaptureFixture
) -> None:
    own = sorted(cloud.world.actions.get(MODELS[service], ()))
    wrong = []
    with caplog.at_level(logging.ERROR):
        for action in own or sorted(get_service_model(MODELS[service]).operation_names)[:9]:
            for method, path, body in bodies(service, action):
                status, text = call(cloud, service, action, body, path, method)
                # What nothing of ours answers may fail within moto, and the log says where.
                failed = own and (status >= 500 or caplog.records) or (status >= 500 and "InternalFailure" not in text)
                if failed or "Traceback" in text or "root:x" in text:
                    wrong.append((action, body[:80], status, text[:200], [one.getMessage() for one in caplog.records]))
                caplog.clear()
    assert not wrong, wrong


@pytest.mark.parametrize(
    "body",
    [*JSON, '{"instance": []}', '{"instance": {}}', '{"seed": "x"}', '{"seed": 1e999}', '{"images": 1}', '{"images": [1]}']
    + ['{"tick": "x"}', '{"tick": NaN}', '{"tick": -1}', '{"boot": []}', '{"full_subnets": [1]}', '{"terminate_many": 1}']
    + ['{"caller": 1, "policies": 1}', '{"policies": [1]}', '{"calls": [1]}', '{"calls": {"a": 1}}', '{"image": "x", "disk": 1}']
    + ['{"group": 1, "change": "x"}', '{"group": "x", "change": 1, "at_call": "x"}', '{"target_group": [], "traffic": 1}']
    + ['{"calls": [{"service": [], "action": "x"}]}', '{"calls": [{"service": "autoscaling", "action": []}]}']
    + [f'{{"calls": [{{"service": "autoscaling", "action": "CreateOrUpdateTags", "params": {one}}}]}}' for one in NONE]
    + ['{"target_group": "x", "traffic": {"requests": "x"}}', '{"seconds": "x"}', '{"seconds": 1e300}', '{"seconds": -1}'],
)
def test_the_control_endpoint_refuses_what_it_does_not_want(cloud: StandIn, body: str) -> None:
    routes = [name for method, name in cloud._control._routes if method == "POST" and name != "calls/clear"]
    before = cloud.options.report(), cloud.world.faults.report(), cloud.world.timing._ahead
    for name in routes:
        status, text = put(cloud, f"/_rehearsal/{name}", body.encode("latin-1"), **{KEY_HEADER: CONTROL})
        assert 200 <= status <= 400 and (status == 200 or json.loads(text)["error"]), (name, status, text)
    assert (cloud.options.report(), cloud.world.faults.report(), cloud.world.timing._ahead) == before


@pytest.mark.parametrize("period", [1, 0])
def test_an_answer_of_metrics_has_an_end(period: int) -> None:
    metric = {"Namespace": "AWS/ApplicationELB", "MetricName": "RequestCount"}
    query = {"Id": "a", "MetricStat": {"Metric": metric, "Period": period, "Stat": "Sum"}}
    with pytest.raises(ApiError, match="data points"):
        MetricApi().get({"MetricDataQueries": [query], "StartTime": 0, "EndTime": 1_700_000_000})


@pytest.mark.parametrize("path", ["/", "/_rehearsal/calls"])
def test_a_body_that_is_too_big_is_not_read(cloud: StandIn, path: str) -> None:
    scope = {"Authorization": f"AWS4 Credential={OURS}/20260101/eu-central-1/ssm/aws4_request", KEY_HEADER: CONTROL}
    assert put(cloud, path, b"x" * (wsgi_app.LONGEST + 1), **scope)[0] == 413


def test_who_sends_slowly_holds_up_nobody_and_who_says_nothing_is_hung_up_on(
    cloud: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = cloud.url.removeprefix("http://")
    address, port = host.split(":")
    slow = f"POST /_rehearsal/options HTTP/1.1\r\nHost: {host}\r\n{KEY_HEADER}: {CONTROL}\r\nContent-Length: 99\r\n\r\n".encode()
    with socket.create_connection((address, int(port)), timeout=60) as sender:
        sender.sendall(slow)
        whole = slow.replace(b"POST /_rehearsal/options", b"GET /_rehearsal/faults").replace(
            b"99\r\n", b"0\r\nConnection: close\r\n"
        )
        for _ in range(20):  # one of them comes after the slow one
            with socket.create_connection((address, int(port)), timeout=60) as other:
                other.sendall(whole)
                assert other.recv(12) == b"HTTP/1.1 200"
    monkeypatch.setattr(standin._QuietHandler, "timeout", 0.1)
    for said in (b"", b"GET / HT", slow):
        with socket.create_connection((address, int(port)), timeout=60) as silent:
            silent.sendall(said)
            while silent.recv(4096):
                pass
