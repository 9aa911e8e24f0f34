"""EC2 Instance Connect: a pushed key is accepted by the host for 60 seconds."""

from collections.abc import Mapping
from datetime import UTC
from typing import Any

from ..hosts.base import ConnectableHosts, Hosts
from .errors import ApiError
from .moto_state import MotoState
from .options import Options
from .timing import Timing

ACCEPTED = 60.0  # AWS seconds: "SendSSHPublicKey"


class ConnectApi:
    """Push keys to the hosts."""

    def __init__(self, hosts: Hosts, moto: MotoState, options: Options, timing: Timing) -> None:
        self._hosts = hosts
        self._moto = moto
        self._options = options
        self._timing = timing
        self.actions = {"SendSSHPublicKey": self.send}

    def send(self, params: Mapping[str, Any]) -> Any:
        """Let a running instance accept a key for a while."""
        instance = self._moto.instance(params["InstanceId"])
        if instance is None:
            raise ApiError("EC2InstanceNotFoundException", f"The instance {params['InstanceId']} was not found")
        if instance.state != "running":
            text = "Unable to connect because the instance is not in a valid state."
            raise ApiError("EC2InstanceStateInvalidException", f"{text} It is {instance.state}.")
        began = instance.launch_time.replace(tzinfo=UTC).timestamp()
        if self._timing.now() < began + self._timing.real(self._options.connect_unavailable):
            text = "The instance is currently unavailable. Wait a few minutes and try again."
            raise ApiError("EC2InstanceUnavailableException", text, 503)
        if not isinstance(self._hosts, ConnectableHosts):
            raise ApiError("EC2InstanceTypeInvalidException", f"{type(self._hosts).__name__} do not know EC2 Instance Connect")
        self._hosts.admit(params["InstanceId"], params["SSHPublicKey"], self._timing.real(ACCEPTED))
        return {"RequestId": "rehearsal", "Success": True}
