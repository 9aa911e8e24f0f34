"""Auto Scaling's calls about warm pools."""

from collections.abc import Mapping
from typing import Any

from ..errors import ApiError, invalid
from ..paging import page
from .describe import member_details, warm_pool_details
from .groups import Groups
from .mixed import uses_spot, weighted
from .state import WarmPool
from .warm_pools import READY, WarmPools

Params = Mapping[str, Any]


class WarmPoolApi:
    """Put, describe and delete the warm pool of a group."""

    def __init__(self, groups: Groups, pools: WarmPools) -> None:
        self._groups = groups
        self._pools = pools
        self.actions = {"PutWarmPool": self.put, "DescribeWarmPool": self.describe, "DeleteWarmPool": self.delete}

    def put(self, params: Params) -> Any:
        """Create a pool, or change the named parameters."""
        group = self._groups.find(params["AutoScalingGroupName"])
        if weighted(group.mixed) or uses_spot(group.mixed):
            raise invalid("Warm pools are not supported with instance weights, nor with Spot Instances.")
        state = params.get("PoolState", "Stopped")
        if state not in READY:
            raise invalid(f"Invalid pool state: {state}")
        pool = group.warm_pool = group.warm_pool or WarmPool()
        pool.state = state
        pool.reuse = bool(params.get("InstanceReusePolicy", {}).get("ReuseOnScaleIn", pool.reuse))
        pool.least = int(params.get("MinSize", pool.least))
        pool.prepared = int(params.get("MaxGroupPreparedCapacity", pool.prepared))
        return {}

    def describe(self, params: Params) -> Any:
        """Show the pool and its instances."""
        group = self._groups.find(params["AutoScalingGroupName"])
        shown, token = page([member_details(member) for member in group.warm.values()], params, 50)
        pool = {"WarmPoolConfiguration": warm_pool_details(group.warm_pool)} if group.warm_pool else {}
        return {**pool, "Instances": shown, "NextToken": token}

    def delete(self, params: Params) -> Any:
        """Delete the pool with its instances; by force at once, else when they are gone."""
        group = self._groups.find(params["AutoScalingGroupName"])
        if group.warm_pool is None:
            raise invalid(f"No warm pool found for {group.name}")
        if group.warm_pool.deleting:
            raise ApiError("ScalingActivityInProgress", f"The warm pool of {group.name} is being deleted already.")
        group.warm_pool.deleting = True
        for member in group.warm.values():
            self._pools.end(group, member, "a user request deleted the warm pool.")
        return {}
