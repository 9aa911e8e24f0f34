"""How a group launches: from its template, its overrides, its tags, in the zone that needs it most."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..errors import ApiError, invalid
from ..launch_requests import merged, order, resolve, template_tags
from ..machines import Machines
from ..options import Options
from ..templates import Templates
from ..timing import Timing
from .activities import Activities
from .choices import emptiest_zone
from .mixed import Offer, offers
from .state import Group, Member, TemplateRef

# What another zone may well have; a group tries there next.
OF_A_ZONE = ("InsufficientInstanceCapacity", "InsufficientFreeAddressesInSubnet", "Unsupported")


class Launcher:
    """Launch members of groups; a launch that fails is recorded, and tried again later."""

    def __init__(
        self, machines: Machines, templates: Templates, activities: Activities, options: Options, timing: Timing
    ) -> None:
        self._machines = machines
        self._templates = templates
        self._activities = activities
        self._options = options
        self._timing = timing
        self.draw: Callable[[Group, str], Member | None] = lambda group, zone: None  # of the warm pool

    def reference(self, specification: Mapping[str, Any]) -> TemplateRef:
        """Look a LaunchTemplateSpecification up. Raises ApiError (ValidationError) for a missing template."""
        try:
            template, _ = resolve(self._templates, specification)
        except ApiError as error:
            raise invalid(error.message) from error
        return TemplateRef(template.id, template.name, str(specification.get("Version") or "$Default"))

    def launch(self, group: Group, cause: str, zone: str | None = None) -> Member | None:
        """Bring one member into a zone (default: the emptiest), from the warm pool if it can; None where that failed."""
        zone = zone or self._zone(group)
        drawn = self.draw(group, zone)
        member = drawn or self._attempt(group, zone, cause)
        if member is None:
            return None
        group.members[member.id] = member
        origin = " from warm pool" if drawn else ""
        description = f"Launching a new EC2 instance{origin}: {member.id}"
        member.activity = self._activities.begin(group, description, cause, member.zone, "PreInService")
        member.activity.progress = 30
        return member

    def warm(self, group: Group, cause: str) -> None:
        """Launch one instance into the warm pool."""
        if member := self._attempt(group, self._zone(group, group.warm.values()), cause):
            member.lifecycle = "Warmed:Pending"
            group.warm[member.id] = member
            description = f"Launching a new EC2 instance into warm pool: {member.id}"
            member.activity = self._activities.begin(group, description, cause, member.zone, "PreInService")

    def _zone(self, group: Group, beside: Iterable[Member] = ()) -> str:
        now = self._timing.now()
        open_zones = [zone for zone in group.zones if group.bad_zones.get(zone, 0) <= now] or group.zones
        return emptiest_zone(open_zones, [*group.counted(), *beside])

    def _attempt(self, group: Group, zone: str, cause: str) -> Member | None:
        try:
            member = self._launch(group, zone, self._timing.now())
        except ApiError as error:
            self._failed(group, zone, cause, error)
            return None
        group.failures = 0
        return member

    def _launch(self, group: Group, zone: str, now: float) -> Member:
        """Launch the first that can be: a type that lacks capacity in the zone is passed over for the next of the policy."""
        *others, last = offers(group.mixed, group.desired, group.counted())
        for offer in others:
            try:
                return self._launched(group, zone, offer, now)
            except ApiError as error:
                if error.code not in OF_A_ZONE:
                    raise
        return self._launched(group, zone, last, now)

    def _launched(self, group: Group, zone: str, offer: Offer, now: float) -> Member:
        base = self.reference(offer.template) if offer.template else current(group)
        template, version = resolve(self._templates, base.shown())
        own: dict[str, Any] = {"InstanceType": offer.kind} if offer.kind else {}
        own |= {"ImageId": offer.image} if offer.image else {}
        own |= {"InstanceMarketOptions": {"MarketType": "spot"}} if offer.spot else {}
        tags = {key: value for key, (value, at_launch) in group.tags.items() if at_launch}
        tags.update({"aws:autoscaling:groupName": group.name, **template_tags(template, version)})
        subnet = next(subnet for subnet, subnet_zone in group.subnets.items() if subnet_zone == zone)
        instance = self._machines.launch(order(merged(version.data, own), subnet, tags))
        return Member(
            instance.id,
            zone,
            TemplateRef(template.id, template.name, str(version.number)),
            instance.instance_type,
            now,
            protected=group.protect_new,
            weight=offer.weight,
            spot=offer.spot,
        )

    def _failed(self, group: Group, zone: str, cause: str, error: ApiError) -> None:
        activity = self._activities.begin(group, "Launching a new EC2 instance", cause, zone)
        self._activities.end(activity, "Failed", f"{error.message}. Launching EC2 instance failed.".replace("..", "."))
        wait = self._timing.real(self._options.launch_retry) * min(2**group.failures, 8)
        group.next_launch = self._timing.now() + wait
        group.failures += 1
        if error.code in OF_A_ZONE:
            group.bad_zones[zone] = self._timing.now() + 4 * wait


def current(group: Group) -> TemplateRef:
    """Return the template that a group launches from, overrides apart."""
    if group.template is not None:
        return group.template
    if group.mixed is None:
        raise invalid("The group has neither a launch template nor a mixed instances policy.")
    specification = group.mixed["LaunchTemplate"]["LaunchTemplateSpecification"]
    return TemplateRef(
        specification["LaunchTemplateId"], specification["LaunchTemplateName"], str(specification.get("Version") or "$Default")
    )
