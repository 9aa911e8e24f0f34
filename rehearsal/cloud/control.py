"""The control endpoint, `/_rehearsal/...`: faults at run time, the log of calls, accidents."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from werkzeug.wrappers import Request, Response

from .errors import ApiError
from .values import Values, number, numbers, objects, parsed, text, whole
from .world import World


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
            ("POST", "unkind"): lambda values: happen.be_unkind(whole(values, "seed")),
            ("POST", "policies"): lambda values: world.permissions.attach(text(values, "caller"), objects(values, "policies")),
            ("POST", "scps"): lambda values: world.permissions.bound(objects(values, "policies")),
            ("GET", "calls"): lambda values: world.calls.report(),
            ("POST", "calls/clear"): lambda values: world.calls.clear(),
            ("POST", "kill"): lambda values: happen.kill(text(values, "instance")),
            ("POST", "interrupt"): lambda values: happen.interrupt(text(values, "instance"), bool(values.get("recommended"))),
            ("POST", "break"): lambda values: happen.break_instance(text(values, "instance"), _fault(values)),
            ("POST", "alarm"): lambda values: happen.alarm(text(values, "group"), whole(values, "change"), _at(values)),
            ("POST", "metrics"): lambda values: world.metrics.set(text(values, "target_group"), numbers(values, "traffic")),
            ("POST", "others"): lambda values: happen.others(_calls(values), _at(values)),
            ("POST", "lifecycle"): lambda values: happen.move(text(values, "instance"), text(values, "state")),
            ("POST", "image"): lambda values: happen.add_image(text(values, "image"), Path(text(values, "disk"))),
            ("POST", "advance"): lambda values: world.timing.advance(number(values, "seconds")),
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
            return _json(action(parsed(request.get_data())) or {}, 200)
        except (ApiError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            # `others` makes calls of ours with parameters that nothing has checked.
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


def _calls(values: Values) -> list[Values]:
    return [{**call, "service": text(call, "service"), "action": text(call, "action")} for call in objects(values, "calls")]


def _at(values: Values) -> int | None:
    return None if values.get("at_call") is None else whole(values, "at_call")


def _fault(values: Values) -> str | None:
    return None if values.get("fault", "error") is None else text({"fault": "error", **values}, "fault")


def _json(value: Any, status: int) -> Response:
    return Response(json.dumps(value, default=str), status=status, content_type="application/json")
