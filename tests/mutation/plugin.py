"""For pytest in mutmut: what costs most comes last, for the first failure ends a mutant."""

import pytest

# Whole rollouts of many sizes, each some seconds: of these one is enough here.
_MANY = {"test_zones_stay_balanced": "[2]"}


def _costs(item: pytest.Item) -> int:
    name = item.name.partition("[")[0]
    return 2 * (name in _MANY) + hasattr(getattr(item, "obj", None), "hypothesis")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    less = [
        item
        for item in items
        if item.name.partition("[")[0] in _MANY and not item.name.endswith(_MANY[item.name.partition("[")[0]])
    ]
    config.hook.pytest_deselected(items=less)
    items[:] = sorted((item for item in items if item not in less), key=_costs)
