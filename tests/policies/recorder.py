"""Every call that the operations make to a stand-in cloud of this process is held against the published policies.

`--policies-used FILE` appends what was used of them, a line each; `python -m tests.policies.unused FILE` then names the rest.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tasks.runtime.cloud import AGENT

FOLDER = Path(__file__).parents[2] / "settings_snippets/aws/policies"


class Recorder:
    """What was denied in the test that runs, and what was used in all of them."""

    def __init__(self) -> None:
        self.denied: list[str] = []
        self.looks = True
        self.used: set[tuple[str, str, str]] = set()  # policy, Sid, action
        self._rendered: dict[Any, Any] = {}

    def install(self) -> None:
        """Look at every call from now on."""
        from rehearsal.cloud.wsgi_app import Front

        before = Front._carry_out

        def carry_out(front: Any, call: Any, environ: dict[str, Any], body: bytes) -> Any:
            ours = self.looks and AGENT in environ.get("HTTP_USER_AGENT", "").split()
            # What is asked is settled before the call changes anything.
            asked = self._ask(front, call) if ours else []
            response, code = before(front, call, environ, body)
            if code in (None, "DryRunOperation"):
                self._note(call, asked)
            return response, code

        Front._carry_out = carry_out  # type: ignore[method-assign]

    def _ask(self, front: Any, call: Any) -> list[tuple[Any, list[tuple[str, tuple[str, ...]]]]]:
        """Return each request with the policies that allow it and their Sids."""
        from rehearsal.cloud.authorization.evaluate import authorize_all
        from rehearsal.cloud.authorization.state import StandInFacts
        from rehearsal.cloud.authorization.table import requests

        world = front.world
        facts = StandInFacts(world.moto, world.scaling.groups, world._templates)
        policies = self._policies(world)
        asked = []
        for request in requests(call.service, call.action, call.params, facts):
            decisions = [(name, authorize_all([policy], [request])) for name, policy in policies.items()]
            asked.append((request, [(name, decision.statements) for name, decision in decisions if decision]))
        return asked

    def _note(self, call: Any, asked: list[Any]) -> None:
        for request, allowed in asked:
            if not allowed:
                self.denied.append(f"{call.service}:{call.action}: {request} with {dict(request.context)}")
            self.used |= {(name, sid, request.action) for name, sids in allowed for sid in sids}

    def _policies(self, world: Any) -> Any:
        from rehearsal.cloud.authorization.published import OPERATOR, Site, for_site, published

        elb, ec2 = world.moto.elbv2, world.moto.ec2
        site = Site(
            region=world.moto.region,
            account=world.account,
            # The log has its place by the group of the settings, whether it exists or not.
            groups=tuple(world.scaling.groups.all) or ("web",),
            templates=tuple(template.id for template in world._templates.all()),
            subnets=tuple(id for zone in ec2.subnets.values() for id in zone),
            security_groups=tuple(id for vpc in ec2.groups.values() for id in vpc),
            target_groups=tuple(group.name for group in elb.target_groups.values()),
            balancers=tuple(balancer.name for balancer in elb.load_balancers.values()),
            distributions=tuple(world.moto.cloudfront.distributions),
            databases=(*world.moto.rds.databases, *world.moto.rds.clusters, "gone"),  # the policy may name what is gone
            images=("shop", "shop.example.com", "shop.example"),
            user="admin",
        )
        if site not in self._rendered:
            self._rendered[site] = {name: for_site(published(FOLDER, name), site) for name in OPERATOR}
        return self._rendered[site]


RECORDER = Recorder()


@pytest.fixture(scope="session", autouse=True)
def policies_recorded(pytestconfig: pytest.Config) -> Iterator[None]:
    """Install the recorder where any test of this session has a stand-in cloud; write down what was used."""
    if "rehearsal.cloud.wsgi_app" in sys.modules:
        RECORDER.install()
    yield
    if file := pytestconfig.getoption("--policies-used"):
        with Path(file).open("a") as lines:
            lines.writelines(f"{' '.join(used)}\n" for used in sorted(RECORDER.used))


@pytest.fixture(autouse=True)
def policies_allow_every_call(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test whose operations made a call that the published policies deny."""
    RECORDER.denied.clear()
    # The tests of single calls make calls that no operation makes.
    RECORDER.looks = not {"aws", "runtime"} & set(request.path.parts)
    yield
    assert not RECORDER.denied, "the published policies deny:\n" + "\n".join(sorted(set(RECORDER.denied)))
