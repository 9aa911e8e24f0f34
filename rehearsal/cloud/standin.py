"""A stand-in cloud that serves: the HTTP front, the control loop, the routes for the balancer."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import make_server

from ..hosts.base import Hosts
from ..hosts.metadata import Described
from ..keys import OPEN, Keys
from .control import Control
from .moto_state import LOCK
from .options import Options
from .rules import Asked, Fixed, fixed
from .world import World
from .wsgi_app import Front

API_PORT = 8000
SILENCE = 60.0
PUBLIC = 200  # the third part of public addresses


class _QuietHandler(MotoRequestHandler):
    timeout = SILENCE

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002  (the name is werkzeug's)
        if type == "error":
            super().log(type, message, *args)


class Routes:
    """Where the requests for one target group go; by default for the target group of the first listener."""

    def __init__(self, world: World, arn: str | None) -> None:
        self._world = world
        self._arn = arn

    def routable(self) -> list[tuple[str, int]]:
        """Return (address, port) of the targets that get new requests now; safe and cheap from any thread."""
        arn = self._arn or self._world.first_target_group
        return self._world.targets.routable(arn) if arn else []

    def fixed(self, asked: Asked) -> Fixed | None:
        """Return what the first listener's rules answer by themselves to a request, if they do."""
        return fixed(self._world.first_rules, asked)


class StandIn:
    """The AWS API at an address, with everything behind it."""

    def __init__(
        self,
        options: Options,
        hosts: Hosts,
        address: str,
        port: int = API_PORT,
        on_invalidated: Callable[[Sequence[str]], None] = lambda paths: None,
        keys: Keys = OPEN,
    ) -> None:
        self.options = options
        self._hosts = hosts
        self.world = World(options, hosts, on_invalidated, f"{address.rsplit('.', 2)[0]}.{PUBLIC}")
        self._control = Control(self.world)
        front = Front(self.world, self._control, f"{address}:{port}", keys)
        self._server = make_server(address, port, front, threaded=True, request_handler=_QuietHandler)
        self._server.daemon_threads = True  # type: ignore[attr-defined]
        self.url = f"http://{address}:{port}"
        self._ending = threading.Event()
        self._held = False
        self._threads = [
            threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, name="api", daemon=True),
            threading.Thread(target=self._turn, name="control-loop", daemon=True),
        ]

    def routes(self, target_group: str | None = None) -> Routes:
        """Return the routes of a target group (its ARN), by default of the first listener's."""
        return Routes(self.world, target_group)

    def described(self, address: str) -> Described | None:
        """Return the metadata of the instance at an address."""
        return self.world.moto.described(address)

    def parameters(self) -> Mapping[str, str]:
        """Return the current value of each parameter of the Parameter Store, from any thread."""
        with LOCK:
            return self.world.moto.parameters()

    def observe(self, name: str, report: Callable[[], Any]) -> None:
        """Let the control endpoint answer GET `name` with this report."""
        self._control.observe(name, report)

    def obey(self, name: str, action: Callable[[Mapping[str, Any]], Any]) -> None:
        """Let the control endpoint answer POST `name` with what this does."""
        self._control.obey(name, action)

    def start(self) -> None:
        """Begin to serve."""
        for thread in self._threads:
            thread.start()

    def _turn(self) -> None:
        while not self._ending.wait(self.options.tick):
            with LOCK:
                if not self._held:
                    self.world.tick()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let nothing happen by itself for a while: calls are answered, the control loop stands still."""
        with LOCK:
            self._held = True
        try:
            yield
        finally:
            self._held = False

    def close(self) -> None:
        """Stop serving, then the hosts, then forget everything."""
        self._ending.set()
        self._server.shutdown()
        for thread in self._threads:
            thread.join()
        self._server.server_close()
        self._hosts.close()
        self.world.close()
