"""What each test would make anew though it is always the same: models and methods of boto3's clients, and looks at garbage.

A world has ten clients and more. Each session of botocore would read the models of its services again, 50 to 170 ms of processor,
and each client would make the hundreds of methods of its service, half of what a client costs.
"""

import functools
import gc
from typing import Any

import botocore.session
import pytest
from botocore.client import ClientCreator

_load, _make = ClientCreator._load_service_model, ClientCreator._create_methods
_models: dict[tuple[Any, str, str | None], Any] = {}
_methods: dict[Any, dict[str, Any]] = {}


def share_models() -> None:
    """Let all sessions and clients of this process share models and methods, which nothing changes."""
    botocore.session.create_loader = functools.cache(botocore.session.create_loader)
    ClientCreator._load_service_model = _model_of
    ClientCreator._create_methods = _methods_of


def _model_of(creator: Any, service_name: str, api_version: str | None = None) -> Any:
    key = (creator._loader, service_name, api_version)
    if key not in _models:
        _models[key] = _load(creator, service_name, api_version)
    return _models[key]


def _methods_of(creator: Any, service_model: Any) -> dict[str, Any]:
    if service_model not in _methods:
        _methods[service_model] = _make(creator, service_model)
    return dict(_methods[service_model])  # botocore adds those of its own to it


def keep_imports() -> None:
    """Look for no garbage until `pytest_collection_finish`: what is imported and collected stays."""
    gc.disable()


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Look for garbage again, but not among what is there by now, which would be looked through hundreds of times."""
    gc.collect()
    gc.freeze()
    gc.enable()
