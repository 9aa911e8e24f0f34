"""Who may take a lock."""

import pytest

from tasks.decisions.access.locks import LEASE, Holder, is_free, parameter, read, write

HERE, THERE = "boot-1 pid:[1]", "boot-2 pid:[1]"


def nobody(pid: int) -> bool:
    return False


def everybody(pid: int) -> bool:
    return True


@pytest.mark.parametrize(
    ("holder", "age", "machine", "alive", "may"),
    [
        (Holder("t", "a", "p", HERE, 7), 10, HERE, everybody, False),
        (Holder("t", "a", "p", HERE, 7), 10, HERE, nobody, True),
        (Holder("t", "a", "p", HERE, 7), 10, THERE, nobody, False),  # the same number there is another process
        (Holder("t", "a", "p", "", 7), 10, "", nobody, False),  # neither knows where it runs
        (Holder("t", "a", "p", HERE, 0), 10, HERE, nobody, False),
        (Holder("t", "a", "p", HERE, 7), LEASE, HERE, everybody, False),
        (Holder("t", "a", "p", HERE, 7), LEASE + 1, HERE, everybody, True),
        (Holder("t", "a", "p", THERE, 7), LEASE + 1, HERE, everybody, True),
        (Holder("t", "a", "p", lease=3600), LEASE + 1, HERE, everybody, False),
    ],
)
def test_a_lock_is_free_when_its_lease_is_over_or_its_holder_is_known_to_be_dead(
    holder: Holder, age: float, machine: str, alive: object, may: bool
) -> None:
    assert is_free(holder, age, machine, alive) is may  # type: ignore[arg-type]


def test_a_holder_survives_its_text() -> None:
    holder = Holder("t", "älice@host", "rollout to version 3", HERE, 7, 12.5)
    assert read(write(holder)) == holder


@pytest.mark.parametrize(
    "text", ["", "hello", "[]", '{"token": "t"}', '{"token": "t", "who": "a", "purpose": "p", "more": 1}', "3"]
)
def test_what_is_no_lock_is_told_apart(text: str) -> None:
    with pytest.raises(ValueError, match="."):
        read(text)


@pytest.mark.parametrize(
    ("group", "name"),
    [("web", "/ramped/web/lock"), ("shop_web-1.0", "/ramped/shop_web-1.0/lock")],
)
def test_the_parameter_is_called_after_the_group(group: str, name: str) -> None:
    assert parameter(group) == name


def test_groups_with_odd_names_have_locks_of_their_own() -> None:
    names = {parameter(group) for group in ("my web", "my/web", "my-web", "my:web")}
    assert len(names) == 4
    assert all(set(name) <= set("/-._abcdefghijklmnopqrstuvwxyz0123456789") for name in names)
