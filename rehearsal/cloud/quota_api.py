"""Service Quotas: the account's quota of vCPUs, as EC2 applies it to launches."""

from collections.abc import Mapping
from typing import Any

from .errors import ApiError
from .options import Options

# "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances"
STANDARD = "L-1216C47A"
_HIGH = 1920  # vCPUs, where launches have no limit


class QuotaApi:
    """Answer for the quota that `Capacity` applies."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self.actions = {"GetServiceQuota": self.get}

    def get(self, params: Mapping[str, Any]) -> Any:
        """Return a quota of EC2."""
        if (params["ServiceCode"], params["QuotaCode"]) != ("ec2", STANDARD):
            raise ApiError("NoSuchResourceException", "The request failed because the specified service quota does not exist.")
        value = float(self._options.vcpu_limit or _HIGH)
        return {"Quota": {"ServiceCode": "ec2", "QuotaCode": STANDARD, "Value": value, "Adjustable": True, "GlobalQuota": False}}
