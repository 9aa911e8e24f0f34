"""What the settings say together: values that follow from others, and combinations that cannot work."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

Values = Mapping[str, Any]

# A setting left out, or null, that follows from others.
DERIVED: Mapping[str, tuple[str, Callable[[str], str]]] = {
    "app.health_path": ("app.domain", "/health_check/{}".format),
    "image.name": ("app.domain", str),
}


def derive(values: Values) -> dict[str, Any]:
    """Return the values, with those filled in that follow from others, or gone where the others are wrong themselves."""
    filled = dict(values)
    for path, (source, follow) in DERIVED.items():
        if path in filled and filled[path] is None:
            del filled[path]
            filled |= {path: follow(filled[source])} if source in filled else {}
    return filled


def contradictions(values: Values) -> Iterator[tuple[str, str]]:
    """Tell the combinations that cannot work.

    `values` may lack what was wrong by itself: then nothing is said of it. Yields the path to change and the sentence.
    """
    for rule in _RULES:
        try:
            told = rule(values)
        except KeyError:
            continue
        if told is not None:
            yield told


def _batch_within_surge(values: Values) -> tuple[str, str] | None:
    surge, batch = values["rollout.surge"], values["rollout.batch"]
    if _number(batch) <= _number(surge) or isinstance(batch, int) != isinstance(surge, int):
        return None
    return "rollout.batch", f"found {batch}; allowed: at most rollout.surge ({surge}), for the new ones are launched first"


def _number(amount: int | str) -> int:
    return amount if isinstance(amount, int) else int(amount.rstrip("%"))


def _time_to_serve(values: Values) -> tuple[str, str] | None:
    deadline, warm_up = values["rollout.instance_timeout"], values["rollout.warm_up"]
    looks = values["rollout.poll"] * values["rollout.healthy_polls"]
    if deadline > warm_up + looks:
        return None
    return (
        "rollout.instance_timeout",
        f"found {deadline}; allowed: more than warm_up ({warm_up}) + poll × healthy_polls ({looks:g}), in seconds",
    )


def _time_for_all(values: Values) -> tuple[str, str] | None:
    whole, one = values["rollout.timeout"], values["rollout.instance_timeout"]
    if whole >= one:
        return None
    return "rollout.timeout", f"found {whole}; allowed: at least rollout.instance_timeout ({one})"


def _distribution_has_cdn(values: Values) -> tuple[str, str] | None:
    distribution, cdn = values["static.distribution"], values["static.cdn"]
    if distribution is None or cdn is not None:
        return None
    return "static.cdn", f"found nothing (null); allowed: the address of the CDN, since static.distribution is {distribution}"


def _gateway_is_another(values: Values) -> tuple[str, str] | None:
    gateway, domain = values["ssh.gateway"], values["app.domain"]
    if gateway is None or gateway.rpartition("@")[2].partition(":")[0] != domain:
        return None
    return "ssh.gateway", f"found '{gateway}'; allowed: a host that takes SSH, which the load balancer at app.domain does not"


def _certificates_can_be_asked_for(values: Values) -> tuple[str, str] | None:
    if values["ssh.host_ca"] is None or values["ssh.gateway"] != "ssm":
        return None
    return (
        "ssh.host_ca",
        "found a file; allowed with ssh.gateway: ssm: null, since ssh-keyscan does not go through Session Manager",
    )


def _health_path_is_no_static_file(values: Values) -> tuple[str, str] | None:
    health, url = values["app.health_path"], values["static.url"]
    if not health.startswith(url):
        return None
    return "app.health_path", f"found '{health}'; allowed: a path outside static.url ({url})"


def _check_ends_before_the_next(values: Values) -> tuple[str, str] | None:
    timeout, interval = values["health_check.timeout"], values["health_check.interval"]
    if timeout < interval:
        return None
    return "health_check.timeout", f"found {timeout}; allowed: less than health_check.interval ({interval}), in seconds"


_RULES = (
    _batch_within_surge,
    _time_to_serve,
    _time_for_all,
    _distribution_has_cdn,
    _gateway_is_another,
    _certificates_can_be_asked_for,
    _health_path_is_no_static_file,
    _check_ends_before_the_next,
)
