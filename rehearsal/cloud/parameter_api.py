"""The Parameter Store where moto is kinder: a name rests after its deletion, and updates may collide.

Sources: the API reference, DeleteParameter ("wait for at least 30 seconds to create a parameter with the same name") and
PutParameter (TooManyUpdates).
"""

import random
from collections.abc import Mapping
from typing import Any

from .errors import ApiError
from .moto_state import MotoState
from .options import Options
from .timing import Timing

Params = Mapping[str, Any]


class ParameterApi:
    """Look at calls before moto carries them out."""

    def __init__(self, moto: MotoState, options: Options, timing: Timing) -> None:
        self._moto = moto
        self._options = options
        self._timing = timing
        self._random = random.Random(options.seed)
        self._deleted: dict[str, float] = {}
        self.actions: Mapping[str, Any] = {}
        self.guards = {"PutParameter": self.put, "DeleteParameter": self.delete, "DeleteParameters": self.delete}

    def put(self, params: Params) -> None:
        """Refuse a name that was deleted a moment ago, or an update that meets another."""
        self._collide()
        rest = self._timing.real(self._options.parameter_rest)
        if self._timing.now() < self._deleted.get(params["Name"], float("-inf")) + rest:
            raise ApiError(
                "TooManyUpdates",
                "Failed to create the parameter since stale tags associated to the name detected. "
                "Please retry in a while or change a parameter name.",
            )

    def delete(self, params: Params) -> None:
        """Note when names are deleted, or refuse it where it meets another update."""
        self._collide()
        for name in params.get("Names") or [params["Name"]]:
            if self._moto.ssm.get_parameter(name) is not None:
                self._deleted[name] = self._timing.now()

    def _collide(self) -> None:
        if self._random.random() < self._options.parameter_collisions:
            raise ApiError("TooManyUpdates", "There are concurrent updates for a resource that supports one update at a time.")
