"""The control endpoint, `/_rehearsal/...`: faults at run time, the log of calls, accidents."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from werkzeug.wrappers import Request, Response

from .errors import ApiError
from .world import World

Values = Mapping[str, Any]


class Control:
    """Answer GET and POST of the control endpoint; bodies are JSON objects."""

    def __init__(self, world: World) -> None:
        self._world = world
        happen = world.accidents
        self._routes: dict[tuple[str, str], Callable[[Values], Any]] = {
            ("GET", "faults"): lambda values: world.faults.report(),
            ("POST", "faults"): self.faults,
            ("GET", "options"): lambda values: world.options.report(),
            ("POST", "options"): self.options,
            ("POST", "unkind"): lambda values: happen.be_unkind(int(values["seed"])),
            ("POST", "policies"): lambda values: world.permissions.attach(values["caller"], values["policies"]),
            ("POST", "scps"): lambda values: world.permissions.bound(values["policies"]),
            ("GET", "calls"): lambda values: world.calls.report(),
            ("POST", "calls/clear"): lambda values: world.calls.clear(),
            ("POST", "kill"): lambda values: happen.kill(values["instance"]),
            ("POST", "interrupt"): lambda values: happen.interrupt(values["instance"], bool(values.get("recommended"))),
            ("POST", "break"): lambda values: happen.break_instance(values["instance"], values.get("fault", "error")),
            ("POST", "alarm"): lambda values: happen.alarm(values["group"], int(values["change"]), values.get("at_call")),
            ("POST", "metrics"): lambda values: world.metrics.set(values["target_group"], values["traffic"]),
            ("POST", "others"): lambda values: happen.others(values["calls"], values.get("at_call")),
            ("POST", "lifecycle"): lambda values: happen.move(values["instance"], values["state"]),
            ("POST", "image"): lambda values: happen.add_image(values["image"], Path(values["disk"])),
            ("POST", "advance"): lambda values: world.timing.advance(float(values["seconds"])),
            ("GET", "routes"): lambda values: world.routes_report(),
        }

    def observe(self, name: str, report: Callable[[], Any]) -> None:
        """Answer GET `name` with this report."""
        self._routes["GET", name] = lambda values: report()

    def obey(self, name: str, action: Callable[[Values], Any]) -> None:
        """Answer POST `name` with what this does."""
        self._routes["POST", name] = action

    def __call__(self, request: Request) -> Response:
        """Answer one request: 200 with JSON, 400 with the reason, 404."""
        name = request.path.removeprefix("/_rehearsal/").strip("/")
        action = self._routes.get((request.method, name))
        if action is None:
            known = ", ".join(f"{method} {path}" for method, path in self._routes)
            return _json({"error": f"no such control: {request.method} {name}; there are {known}"}, 404)
        try:
            return _json(action(json.loads(request.get_data() or b"{}")) or {}, 200)
        except (ValueError, KeyError, ApiError) as error:
            return _json({"error": f"{type(error).__name__}: {error}"}, 400)

    def faults(self, values: Values) -> Any:
        """Set faults; those of images are passed on to the hosts."""
        self._world.faults.change(values)
        for image_id, fault in values.get("images", {}).items():
            self._world.accidents.fault_image(image_id, fault)
        return self._world.faults.report()

    def options(self, values: Values) -> Any:
        """Set options of the running cloud."""
        self._world.options.change(values)
        return self._world.options.report()


def _json(value: Any, status: int) -> Response:
    return Response(json.dumps(value, default=str), status=status, content_type="application/json")
