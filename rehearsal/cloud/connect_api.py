"""EC2 Instance Connect: a pushed key is accepted by the host for 60 seconds."""

from collections.abc import Mapping
from typing import Any

from ..hosts.base import ConnectableHosts, Hosts
from .errors import ApiError
from .moto_state import MotoState
from .timing import Timing

ACCEPTED = 60.0  # AWS seconds: "SendSSHPublicKey"


class ConnectApi:
    """Push keys to the hosts."""

    def __init__(self, hosts: Hosts, moto: MotoState, timing: Timing) -> None:
        self._hosts = hosts
        self._moto = moto
        self._timing = timing
        self.actions = {"SendSSHPublicKey": self.send}

    def send(self, params: Mapping[str, Any]) -> Any:
        """Let a running instance accept a key for a while."""
        instance = self._moto.instance(params["InstanceId"])
        if instance is None or instance.state != "running":
            raise ApiError("EC2InstanceNotFoundException", f"{params['InstanceId']} does not exist or does not run")
        if not isinstance(self._hosts, ConnectableHosts):
            raise ApiError("EC2InstanceTypeInvalidException", f"{type(self._hosts).__name__} do not know EC2 Instance Connect")
        self._hosts.admit(params["InstanceId"], params["SSHPublicKey"], self._timing.real(ACCEPTED))
        return {"RequestId": "rehearsal", "Success": True}
