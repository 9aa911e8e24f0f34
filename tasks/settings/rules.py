"""Rules between settings: derived values, and invalid combinations."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

Values = Mapping[str, Any]

# Settings that are derived from others when left out or null.
DERIVED: Mapping[str, tuple[str, Callable[[str], str]]] = {
    "app.health_path": ("app.domain", "/health_check/{}".format),
    "image.name": ("app.domain", str),
}


def derive(values: Values) -> dict[str, Any]:
    """Return the values, with the derived ones filled in, or removed where their source is invalid."""
    filled = dict(values)
    for path, (source, follow) in DERIVED.items():
        if path in filled and filled[path] is None:
            del filled[path]
            filled |= {path: follow(filled[source])} if source in filled else {}
    return filled | _of_static_url(filled)


def _of_static_url(values: Values) -> dict[str, Any]:
    """Split a STATIC_URL on another host into its path, which instances serve too, and the address of the CDN."""
    url = urlsplit(values.get("static.url", ""))
    if not url.netloc:
        return {}
    found = {"static.url": url.path}
    if values.get("static.cdn") is None and url.hostname != values.get("app.domain"):
        found["static.cdn"] = f"{url.scheme or 'https'}://{url.netloc}"
    return found


def contradictions(values: Values) -> Iterator[tuple[str, str]]:
    """Find the invalid combinations.

    A rule is skipped when a value of it is missing in `values`, being invalid itself. Yields the path to change and the sentence.
    """
    for rule in _RULES:
        try:
            found = rule(values)
        except KeyError:
            continue
        if found is not None:
            yield found


def _batch_within_surge(values: Values) -> tuple[str, str] | None:
    surge, batch = values["rollout.surge"], values["rollout.batch"]
    if _number(batch) <= _number(surge) or isinstance(batch, int) != isinstance(surge, int):
        return None
    return "rollout.batch", f"found {batch}; allowed: at most rollout.surge ({surge}): new instances are launched first"


def _number(amount: int | str) -> int:
    return amount if isinstance(amount, int) else int(amount.rstrip("%"))


def _time_to_serve(values: Values) -> tuple[str, str] | None:
    timeout, warm_up = values["rollout.instance_timeout"], values["rollout.warm_up"]
    polls = values["rollout.poll"] * values["rollout.healthy_polls"]
    if timeout > warm_up + polls:
        return None
    return (
        "rollout.instance_timeout",
        f"found {timeout}; allowed: more than warm_up ({warm_up}) + poll × healthy_polls ({polls:g}), in seconds",
    )


def _time_for_all(values: Values) -> tuple[str, str] | None:
    whole, single = values["rollout.timeout"], values["rollout.instance_timeout"]
    if whole >= single:
        return None
    return "rollout.timeout", f"found {whole}; allowed: at least rollout.instance_timeout ({single})"


def _distribution_has_cdn(values: Values) -> tuple[str, str] | None:
    distribution, cdn = values["static.distribution"], values["static.cdn"]
    if distribution is None or cdn is not None:
        return None
    return "static.cdn", f"found nothing (null); allowed: the address of the CDN, because static.distribution is {distribution}"


def _gateway_is_another(values: Values) -> tuple[str, str] | None:
    gateway, domain = values["ssh.gateway"], values["app.domain"]
    if gateway is None or gateway.rpartition("@")[2].partition(":")[0] != domain:
        return None
    return "ssh.gateway", f"found '{gateway}'; allowed: a host that accepts SSH; app.domain is the load balancer"


def _certificates_can_be_asked_for(values: Values) -> tuple[str, str] | None:
    if values["ssh.host_ca"] is None or values["ssh.gateway"] != "ssm":
        return None
    return (
        "ssh.host_ca",
        "found a file; allowed with ssh.gateway: ssm: null, because ssh-keyscan does not work through Session Manager",
    )


def _health_path_is_no_static_file(values: Values) -> tuple[str, str] | None:
    return _outside_static("app.health_path", values)


def _deep_health_path_is_no_static_file(values: Values) -> tuple[str, str] | None:
    return _outside_static("app.deep_health_path", values)


def _outside_static(path: str, values: Values) -> tuple[str, str] | None:
    health, url = values[path], values["static.url"]
    if health is None or url == "/" or not health.startswith(url):
        return None
    return path, f"found '{health}'; allowed: a path outside static.url ({url})"


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
    _deep_health_path_is_no_static_file,
    _check_ends_before_the_next,
)
