"""The process of a rehearsal's world: API, hosts, balancer, CDN.

`python -m rehearsal.server --directory D --octet N --options JSON [--hosts processes|bare|machines]` prints one line of
JSON with the endpoints when it is ready, and serves until its standard input ends or SIGTERM comes; then everything is closed.
"""

import argparse
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from .balancer import Balancer
from .cdn import Cdn
from .cloud.options import Options
from .cloud.standin import API_PORT, StandIn
from .host_kinds import KINDS
from .hosts.bare import BareHosts
from .hosts.base import Hosts
from .hosts.metadata import MetadataService
from .hosts.processes import ProcessHosts
from .keys import KEYS, Keys

DATA_PORT = 8080
DEFAULT_TTL = 86_400.0  # CloudFront's default for a 200 without Cache-Control, in seconds
ERROR_TTL = 10.0  # CloudFront's error caching minimum, in seconds


def serve(
    directory: Path,
    octet: int,
    values: Mapping[str, Any],
    kind: str,
    keys: Keys,
    until: threading.Event,
    say: Callable[[str], None],
) -> None:
    """Build the world, print its endpoints, and serve until `until` is set.

    `values` are the cloud's options, and under `hosts` and `cdn` the keyword arguments of those. Raises ValueError for an
    option that does not exist, OSError for an address that is taken.
    """
    options = Options.of({name: value for name, value in values.items() if name not in ("hosts", "cdn")})
    ttls = {"default_ttl": DEFAULT_TTL, "error_ttl": ERROR_TTL, **values.get("cdn", {})}
    hosts = _hosts(kind, directory, octet, values.get("hosts", {}))
    base = KINDS[kind].base(octet)
    with ExitStack() as stack:
        stack.callback(hosts.close)
        cdn = Cdn(f"{base}.0.4", DATA_PORT, (f"{base}.0.3", DATA_PORT), host=KINDS[kind].cdn_host, **ttls)
        standin = StandIn(options, hosts, f"127.{octet}.0.2", API_PORT, cdn.invalidate, keys)
        stack.pop_all()
        stack.callback(standin.close)
        balancer = Balancer(f"{base}.0.3", DATA_PORT, standin.routes(), scheme=KINDS[kind].scheme)
        standin.observe("balancer", lambda: {str(status): count for status, count in balancer.requests.items()})
        parts: list[StandIn | Balancer | Cdn | MetadataService] = [standin, balancer, cdn, *_metadata(kind, standin)]
        for part in parts:
            part.start()
            if part is not standin:
                stack.callback(part.close)
        say(json.dumps(_endpoints(standin, base, octet)))
        until.wait()


def _metadata(kind: str, standin: StandIn) -> list[MetadataService]:
    """Return what answers machines about themselves; process hosts have no address of their own for it."""
    if kind != "machines":
        return []
    service = MetadataService(standin.described, parameters=standin.parameters)
    standin.obey("metadata", service.change)
    return [service]


def _hosts(kind: str, directory: Path, octet: int, values: Mapping[str, Any]) -> Hosts:
    if kind == "bare":
        return BareHosts(**values)
    if kind == "machines":
        return _machines(directory, octet, values)
    return ProcessHosts(directory, **values)


def _machines(directory: Path, octet: int, values: Mapping[str, Any]) -> Hosts:
    """Return machine hosts. Raises ValueError where they cannot run."""
    from .hosts.machines.golden import GoldenError
    from .hosts.machines.hosts import MachineHosts
    from .hosts.machines.network import NetworkError

    try:
        return MachineHosts(directory, octet, **values)
    except (LookupError, GoldenError, NetworkError) as error:
        raise ValueError(str(error)) from None


def _endpoints(standin: StandIn, base: str, octet: int) -> dict[str, Any]:
    return {
        "api": standin.url,
        "control": f"{standin.url}/_rehearsal/",
        "balancer": f"http://{base}.0.3:{DATA_PORT}",
        "cdn": f"http://{base}.0.4:{DATA_PORT}",
        "region": standin.options.region,
        "account": standin.world.account,
        "octet": octet,
    }


def _keys() -> Keys:
    """Take the keys out of the environment, which other users cannot read, and which hosts must not inherit."""
    given = json.loads(os.environ.pop(KEYS, "{}"))
    return Keys(frozenset(given.get("callers", ())), given.get("control", ""))


def _watch_stdin(until: threading.Event) -> None:
    # a buffered reader still waiting for its lock would abort the interpreter at its end
    while os.read(sys.stdin.fileno(), 4096):
        pass
    until.set()


def _obey_signals(until: threading.Event) -> None:
    signal.signal(signal.SIGTERM, lambda *_: until.set())
    # a parent that holds our standard input handles Ctrl-C itself: it still needs us before it closes our input
    ignored = not sys.stdin.isatty()
    signal.signal(signal.SIGINT, signal.SIG_IGN if ignored else lambda *_: until.set())


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and serve; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m rehearsal.server", description=__doc__)
    parser.add_argument("--directory", type=Path, required=True, help="where disks and images are kept")
    parser.add_argument("--octet", type=int, required=True, help="the N of all addresses, 127.N.x.y or 10.N.x.y")
    parser.add_argument("--options", type=json.loads, default={}, help="JSON: the cloud's options; `hosts` and `cdn` for those")
    parser.add_argument("--hosts", choices=tuple(KINDS), default="processes")
    args = parser.parse_args(arguments)
    # asyncio warns of every answer to an SSH client that has hung up: not our reader's business.
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    until = threading.Event()
    _obey_signals(until)
    threading.Thread(target=_watch_stdin, args=(until,), name="stdin", daemon=True).start()
    try:
        serve(args.directory, args.octet, args.options, args.hosts, _keys(), until, lambda line: print(line, flush=True))
    except (ValueError, TypeError, OSError) as error:
        print(f"rehearsal server: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
