"""AWS's protocols: a request becomes (service, action, parameters), a result or an error becomes a response."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from botocore.model import OperationNotFoundError
from botocore.validate import ParamValidator
from moto.core import errors as moto_errors
from moto.core.model import OperationModel
from moto.core.parse import PROTOCOL_PARSERS, RequestParserError
from moto.core.request import determine_request_protocol
from moto.core.routing import get_service_router
from moto.core.serialize import XFormedAttributePicker, get_serializer_class
from moto.core.utils import get_service_model
from moto.ec2.responses._base_response import EC2BaseResponse
from moto.moto_server.werkzeug_app import BackendRequest
from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.wrappers import Response

from .errors import ApiError

# signing name -> service model; what is not here is not modelled
MODELS = {
    "ec2": "ec2",
    "autoscaling": "autoscaling",
    "elasticloadbalancing": "elbv2",
    "cloudfront": "cloudfront",
    "ec2-instance-connect": "ec2-instance-connect",
    "ssm": "ssm",
    "sts": "sts",
    "monitoring": "cloudwatch",
    "iam": "iam",
    "servicequotas": "service-quotas",
    "rds": "rds",
    "secretsmanager": "secretsmanager",
}

# what the parsers raise for a body that is no request: too deep, cut off, of wrong types
_NONSENSE = (
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    ArithmeticError,
    RecursionError,
    RuntimeError,
    RequestParserError,
)

# the models name few of the codes that the services really use, and moto warns of each
moto_errors.warn = lambda *arguments, **options: None  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Call:
    """One request to the API."""

    service: str
    action: str
    params: Mapping[str, Any]
    protocol: str
    key: str


def credential(request: BackendRequest) -> list[str]:
    """Return the parts of the credential that a request shows: the access key, the date, the region, the service."""
    header = request.headers.get("Authorization", "")
    _, found, rest = header.partition("Credential=")
    return rest.split(",")[0].split("/") if found else []


@contextmanager
def _understood() -> Iterator[None]:
    """Answer what cannot be parsed as AWS does, whatever the parser stumbled over."""
    try:
        yield
    except HTTPException as error:
        raise ApiError("SerializationException", f"The request cannot be read: {error.description}", error.code or 400) from error
    except _NONSENSE as error:
        raise ApiError("SerializationException", f"The request cannot be read: {type(error).__name__}") from error


def read(request: BackendRequest) -> Call:
    """Understand a request.

    Raises ApiError where its service or action is unknown, where it cannot be parsed, and where parameters are missing or wrong.
    """
    scope = credential(request)
    if len(scope) < 5:
        raise ApiError("MissingAuthenticationToken", "Request is missing Authentication Token", 403)
    if scope[3] not in MODELS:
        raise ApiError("UnknownOperationException", f"The service {scope[3]} is not modelled by the stand-in cloud.", 501)
    service = MODELS[scope[3]]
    model = get_service_model(service)
    protocol = determine_request_protocol(model, request.content_type)
    if protocol not in PROTOCOL_PARSERS:
        raise ApiError("UnsupportedProtocol", f"The stand-in cloud does not read {protocol}.", 415)
    with _understood():
        action, uri_params = _action(request, service)
    try:
        operation = model.operation_model(action)
    except (ValueError, KeyError, OperationNotFoundError) as error:
        raise ApiError("InvalidAction", f"The action {action} is not valid for {service}.") from error
    with _understood():
        params = _params(request, operation, protocol, uri_params) or {}
    if shape := operation.input_shape:
        params = {**_unwritten(shape, protocol), **params}
        checked = ParamValidator().validate(params, shape)
        if checked.has_errors():
            raise ApiError("ValidationError", checked.generate_report())
    return Call(service, action, params, protocol, scope[0])


def _unwritten(shape: Any, protocol: str) -> dict[str, Any]:
    """Return the empty lists and structures that a request must have: written as a query they are nothing."""
    empty: dict[str, Any] = {"list": [], "structure": {}}
    wanted = {name: shape.members[name].type_name for name in shape.required_members}
    return {name: empty[kind] for name, kind in wanted.items() if kind in empty} if protocol in ("query", "ec2") else {}


def _params(request: BackendRequest, operation: OperationModel, protocol: str, uri_params: Mapping[str, Any]) -> Any:
    fields: Any = {
        "method": request.method,
        "values": request.values,
        "headers": request.headers,
        "body": request.get_data(),
        "url_path": request.path,
        "url_params": uri_params,
    }
    return PROTOCOL_PARSERS[protocol](operation).parse(fields)


def _action(request: BackendRequest, service: str) -> tuple[str, Mapping[str, Any]]:
    if action := request.values.get("Action"):
        return action, {}
    if target := request.headers.get("X-Amz-Target"):
        return target.split(".")[-1], {}
    try:
        operation, params = get_service_router(service).match(request)
    except (NotFound, NotImplementedError) as error:
        raise ApiError("InvalidAction", f"{request.method} {request.path} is no action of {service}.") from error
    return operation.name, params


def answer(call: Call, result: Any) -> Response:
    """Serialise what a handler returned, or the ApiError that it raised."""
    model = get_service_model(call.service)
    operation = OperationModel({}, model) if isinstance(result, Exception) else model.operation_model(call.action)
    transformers: Any = EC2BaseResponse.RESPONSE_KEY_PATH_TO_TRANSFORMER if call.service == "ec2" else None
    serializer = get_serializer_class(call.service, call.protocol)(
        operation_model=operation, value_picker=XFormedAttributePicker(response_transformers=transformers)
    )
    if isinstance(result, ApiError):
        failure = serializer.serialize(result)
        return Response(failure["body"], status=result.status, headers=dict(failure["headers"]))
    done = serializer.serialize(result)
    return Response(done["body"], status=done["status_code"], headers=dict(done["headers"]))


def refuse(error: ApiError) -> Response:
    """Answer a request whose protocol is not even known, in a form that most clients can read."""
    body = f"<ErrorResponse><Error><Code>{error.code}</Code><Message>{error.message}</Message></Error></ErrorResponse>"
    return Response(body, status=error.status, content_type="text/xml")
