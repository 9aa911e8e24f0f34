"""CloudFront's invalidations: idempotent by reference, under way for a while, then complete. Distributions are moto's."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .errors import ApiError
from .moto_state import MotoState
from .options import Options
from .paging import page
from .timing import Timing

Params = Mapping[str, Any]
MAX_PATHS = 3000
MAX_WILDCARDS = 15


@dataclass
class Invalidation:
    """One invalidation of one distribution."""

    id: str
    distribution: str
    reference: str
    paths: tuple[str, ...]
    created: float
    due: float
    complete: bool = False


class Invalidations:
    """Create, get and list invalidations; `on_invalidated` is called with the paths when an invalidation completes."""

    def __init__(
        self, moto: MotoState, options: Options, timing: Timing, on_invalidated: Callable[[Sequence[str]], None]
    ) -> None:
        self._moto = moto
        self._options = options
        self._timing = timing
        self._on_invalidated = on_invalidated
        self._all: list[Invalidation] = []
        self.actions = {
            "CreateInvalidation": self.create,
            "GetInvalidation": self.get,
            "ListInvalidations": self.list,
        }

    def _of(self, params: Params) -> list[Invalidation]:
        if params["DistributionId"] not in self._moto.cloudfront.distributions:
            raise ApiError("NoSuchDistribution", "The specified distribution does not exist.", 404)
        return [invalidation for invalidation in self._all if invalidation.distribution == params["DistributionId"]]

    def create(self, params: Params) -> Any:
        """Begin an invalidation, or return the existing invalidation with the same reference and paths."""
        batch = params["InvalidationBatch"]
        paths = tuple(batch["Paths"].get("Items", ()))
        self._check(paths, int(batch["Paths"]["Quantity"]))
        existing = self._of(params)
        for invalidation in existing:
            if invalidation.reference == batch["CallerReference"]:
                if invalidation.paths != paths:
                    message = (
                        "Your request contains a caller reference that was used for a previous invalidation batch of other paths."
                    )
                    raise ApiError("InvalidArgument", message)
                return self._answer(invalidation)
        self._check_limits(paths, [invalidation for invalidation in existing if not invalidation.complete])
        now = self._timing.now()
        new = Invalidation(
            f"I{secrets.token_hex(6).upper()}",
            params["DistributionId"],
            batch["CallerReference"],
            paths,
            now,
            now + self._options.invalidation,
        )
        self._all.append(new)
        return self._answer(new)

    @staticmethod
    def _check(paths: Sequence[str], quantity: int) -> None:
        if quantity != len(paths) or not paths:
            raise ApiError("InconsistentQuantities", "The value of Quantity and the size of Items don't match.")
        for path in paths:
            if not path.startswith("/") or "*" in path[:-1]:
                raise ApiError("InvalidArgument", f"Your request contains one or more invalid invalidation paths: {path}")

    @staticmethod
    def _check_limits(paths: Sequence[str], running: Sequence[Invalidation]) -> None:
        pending = [*paths, *(path for invalidation in running for path in invalidation.paths)]
        wildcards = sum(path.endswith("*") for path in pending)
        if len(pending) - wildcards > MAX_PATHS or wildcards > MAX_WILDCARDS:
            message = "You have exceeded the maximum number of allowable InProgress invalidation objects."
            raise ApiError("TooManyInvalidationsInProgress", message)

    def get(self, params: Params) -> Any:
        """Return an invalidation."""
        for invalidation in self._of(params):
            if invalidation.id == params["Id"]:
                return {"Invalidation": self._shown(invalidation)}
        raise ApiError("NoSuchInvalidation", "The specified invalidation does not exist.", 404)

    def list(self, params: Params) -> Any:
        """Return all of a distribution, newest first."""
        newest = self._of(params)[::-1]
        shown, token = page(newest, {**params, "NextToken": params.get("Marker")}, 100, "MaxItems")
        items = [
            {"Id": invalidation.id, "CreateTime": self._timing.date(invalidation.created), "Status": _status(invalidation)}
            for invalidation in shown
        ]
        listed = {
            "Marker": params.get("Marker", ""),
            "MaxItems": int(params.get("MaxItems") or 100),
            "IsTruncated": token is not None,
            "Quantity": len(items),
            "Items": items,
        }
        return {"InvalidationList": {**listed, "NextMarker": token} if token else listed}

    def _answer(self, invalidation: Invalidation) -> Any:
        where = (
            f"https://cloudfront.amazonaws.com/2020-05-31/distribution/{invalidation.distribution}/invalidation/{invalidation.id}"
        )
        return {"Location": where, "Invalidation": self._shown(invalidation)}

    def _shown(self, invalidation: Invalidation) -> dict[str, Any]:
        return {
            "Id": invalidation.id,
            "Status": _status(invalidation),
            "CreateTime": self._timing.date(invalidation.created),
            "InvalidationBatch": {
                "Paths": {"Quantity": len(invalidation.paths), "Items": list(invalidation.paths)},
                "CallerReference": invalidation.reference,
            },
        }

    def tick(self, now: float) -> None:
        """Complete what is due."""
        for invalidation in self._all:
            if not invalidation.complete and now >= invalidation.due:
                invalidation.complete = True
                self._on_invalidated(invalidation.paths)


def _status(invalidation: Invalidation) -> str:
    return "Completed" if invalidation.complete else "InProgress"
