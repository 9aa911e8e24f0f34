"""Models of a state, made one at a time: with what they refer to as stubs, so that a large site's state is never made whole."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from django.apps import apps as installed
from django.db import models
from django.db.migrations.state import ModelState, ProjectState, StateApps

Name = tuple[str, str]  # label of the app, name of the model in lower case
Face = tuple[Any, ...]
_KEPT = ("db_table", "managed", "proxy", "swappable")  # of the options of a stub


class Rendering:
    """Make models of a state."""

    def __init__(self, state: ProjectState) -> None:
        self._state = state
        self._stubs: dict[Name, tuple[ModelState, Face, list[Name]]] = {}

    def names(self) -> list[Name]:
        """Return the names of all models, those of apps without migrations too."""
        others = (model._meta for app in self._state.real_apps for model in installed.get_app_config(app).get_models())
        return [*self._state.models, *((meta.app_label, meta.model_name) for meta in others)]

    def face(self, name: Name) -> Face:
        """Return what makes a model the same as before, and what it refers to: fields and options are shared between states."""
        found = self._found(name)
        if found is None:
            return ()
        stubs = tuple((other, self._stub(other, state)[1]) for other, state in self._around(found).items() if other != name)
        own = (found.name, tuple((key, id(field)) for key, field in found.fields.items()), _frozen(found.options), found.bases)
        return own, stubs

    def render(self, name: Name) -> list[type[models.Model]]:
        """Return the class of a model, and those of its tables between two models."""
        found = self._found(name)
        assert found is not None
        states = {other: state if other == name else self._stub(other, state)[0] for other, state in self._around(found).items()}
        made = StateApps([], states).get_model(*name)
        # A model that another takes the place of, as a site's own user does, has no such tables.
        through = (field.remote_field.through for field in made._meta.local_many_to_many)
        return [made, *(one for one in through if one is not None and one._meta.auto_created is made)]

    def _found(self, name: Name) -> ModelState | None:
        if name in self._state.models:
            return self._state.models[name]
        return _of_today(name) if name[0] in self._state.real_apps else None

    def _stub(self, name: Name, state: ModelState) -> tuple[ModelState, Face, list[Name]]:
        """Return the stub of a model, what makes it the same as before, and what it refers to."""
        if name not in self._stubs:
            stub = _stub(state)
            face = tuple(id(field) for field in stub.fields.values()), repr(sorted(stub.options.items())), repr(stub.bases)
            self._stubs[name] = stub, face, list(_references(stub))
        return self._stubs[name]

    def _around(self, first: ModelState) -> dict[Name, ModelState]:
        """Return a model, and those that are needed to make it."""
        found = {(first.app_label, first.name_lower): first}
        left = list(_references(first))
        while left:
            name = left.pop()
            if name not in found and (state := self._found(name)) is not None:
                found[name] = state
                left += self._stub(name, state)[2]
        return found


@cache
def _of_today(name: Name) -> ModelState:
    """Return a model of an app without migrations."""
    return ModelState.from_model(installed.get_model(*name), exclude_rels=True)


def _references(state: ModelState) -> Iterator[Name]:
    for base in state.bases:
        if isinstance(base, str):
            yield _name(base, state)
    for field in state.fields.values():
        remote = getattr(field, "remote_field", None)
        for target in (getattr(remote, "model", None), getattr(remote, "through", None)):
            if target and target != "self":
                yield _name(target, state)


def _name(target: Any, state: ModelState) -> Name:
    if isinstance(target, str):
        app, _, model = target.rpartition(".")
        return app or state.app_label, model.lower()
    return target._meta.app_label, target._meta.model_name


def _stub(state: ModelState) -> ModelState:
    """Return a model with nothing but what others can refer to."""
    composite = (one.field_names for one in state.fields.values() if type(one).__name__ == "CompositePrimaryKey")
    together = (*state.options.get("unique_together", ()), *(one.fields for one in _uniques(state)), *composite)
    keys = {key for names in together for key in names}
    fields = {key: field for key, field in state.fields.items() if _referable(field, key in keys)}
    options = {key: value for key, value in state.options.items() if key in _KEPT}
    return ModelState(state.app_label, state.name, fields, options, state.bases)


def _referable(field: Any, in_key: bool) -> bool:
    if not isinstance(field, models.Field) or field.many_to_many:
        return False
    parent = field.remote_field is not None and getattr(field.remote_field, "parent_link", False)
    return bool(in_key or field.primary_key or parent or (field.remote_field is None and field.unique))


def _uniques(state: ModelState) -> list[models.UniqueConstraint]:
    return [one for one in state.options.get("constraints", ()) if isinstance(one, models.UniqueConstraint)]


def _frozen(options: dict[str, Any]) -> Face:
    """Return options so that they can be compared; what is in their lists is shared between states, too."""
    lists = ("indexes", "constraints")
    return tuple((key, tuple(map(id, value)) if key in lists else repr(value)) for key, value in sorted(options.items()))
