"""The HTTP front of the API: one call at a time, ours or moto's, with the faults in force and a log."""

import json
import logging
import socket
from collections.abc import Callable, Iterable
from hmac import compare_digest
from typing import Any

from moto.core.exceptions import ServiceException
from moto.moto_server.werkzeug_app import BackendRequest, DomainDispatcherApplication, create_backend_app
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from ..keys import KEY_HEADER, Keys
from .aws_protocol import Call, answer, credential, read, refuse
from .errors import ApiError
from .moto_state import LOCK
from .world import World

log = logging.getLogger(__name__)

Control = Callable[[BackendRequest], Response]
# what a mistake of ours, or a parameter that we did not foresee, raises: the client gets an error that it can parse
DEFECTS = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
LONGEST = 4 * 1024 * 1024  # bytes of a body; AWS takes less
# services of which nothing is moto's
WHOLE = ("autoscaling",)
CONTROL_PREFIX = "/_rehearsal/"


class _Request(BackendRequest):
    max_content_length = LONGEST
    max_form_memory_size = LONGEST


class Front:
    """The WSGI application: `/_rehearsal/...` is the control endpoint, everything else the AWS API."""

    def __init__(self, world: World, control: Control, host: str, keys: Keys) -> None:
        self.world = world
        self._control = control
        self._host = host
        self._keys = keys
        self._moto: Any = DomainDispatcherApplication(_moto_app)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer one request."""
        environ["HTTP_X_MOTO_ACCOUNT_ID"] = self.world.account
        request = _Request(environ)
        control = request.path.startswith(CONTROL_PREFIX)
        if stranger := self._stranger(request, control=control):
            return stranger(environ, start_response)
        try:
            # Before the lock: who sends slowly, or not at all, must not stop the world.
            body = request.get_data()
        except HTTPException as error:
            return refuse(ApiError("RequestRefused", error.description or "", error.code or 400))(environ, start_response)
        if control:
            with LOCK:
                return self._control(request)(environ, start_response)
        with LOCK:
            response, lost = self._api(request, environ, body)
        if lost:
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        return response(environ, start_response)

    def _stranger(self, request: BackendRequest, *, control: bool) -> Response | None:
        """Return what is answered to a request that is not of this rehearsal: another user of the machine may send any."""
        # A page in a browser may send requests to every address, by a name that leads there too (DNS rebinding).
        if request.headers.get("Host") != self._host or "Origin" in request.headers:
            return Response(f"only for programs that call {self._host}", status=403)
        shown = request.headers.get(KEY_HEADER, "").encode()
        if control and self._keys.control and not compare_digest(shown, self._keys.control.encode()):
            return Response(f"the control endpoint wants the key of this rehearsal ({KEY_HEADER})", status=403)
        if not control and self._keys.callers and self._keys.callers.isdisjoint(credential(request)[:1]):
            message = "The AWS access key Id you provided does not exist in our records."
            return refuse(ApiError("InvalidClientTokenId", message, 403))
        return None

    def _api(self, request: BackendRequest, environ: dict[str, Any], body: bytes) -> tuple[Response, bool]:
        try:
            call = read(request)
        except ApiError as error:
            return refuse(error), False
        world = self.world
        world.accidents.called(world.calls.came(call.service, call.action))
        rejection = self._error(call)
        response, code = (answer(call, rejection), rejection.code) if rejection else self._carry_out(call, environ, body)
        world.calls.went(call.service, call.action, world.timing.now(), call.params, code)
        return response, code is None and world.faults.loses_answer(call.action)

    def _error(self, call: Call) -> ApiError | None:
        rejection = self.world.faults.injected_error(call.service, call.action)
        return rejection or self.world.permissions.denial(call.service, call.action, call.params, call.key)

    def _carry_out(self, call: Call, environ: dict[str, Any], body: bytes) -> tuple[Response, str | None]:
        try:
            with self.world.copy_of(call):
                return self._answered(call, environ, body)
        except DEFECTS:
            log.exception("%s of %s failed", call.action, call.service)
            error = _failure(call)
            return answer(call, error), error.code
        except ApiError as error:
            return answer(call, error), error.code
        except ServiceException as error:
            return answer(call, ApiError(error.code, error.message)), error.code
        except HTTPException as error:
            return Response(error.description or "", status=error.code or 400, headers=error.get_headers()), type(error).__name__

    def _answered(self, call: Call, environ: dict[str, Any], body: bytes) -> tuple[Response, str | None]:
        handler = self.world.actions.get(call.service, {}).get(call.action)
        if handler is None and call.service in WHOLE:
            raise _not_modelled(call)
        if guard := self.world.guards.get(call.service, {}).get(call.action):
            guard(call.params)
        if handler is None:
            return self._ask_moto(call, environ, body)
        if call.params.get("DryRun"):
            if check := self.world.checks.get(call.service, {}).get(call.action):
                check(call.params)
            raise ApiError("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", 412)
        return answer(call, handler(call.params)), None

    def _ask_moto(self, call: Call, environ: dict[str, Any], body: bytes) -> tuple[Response, str | None]:
        again = BackendRequest.from_values(
            method=environ["REQUEST_METHOD"],
            path=environ.get("PATH_INFO", "/"),
            query_string=environ.get("QUERY_STRING", ""),
            data=body,
            headers=[(name, value) for name, value in BackendRequest(environ).headers if name != "Content-Length"],
        )
        response = Response.from_app(self._moto, again.environ)
        # moto answers HTML for an internal error, which no client can parse
        if response.status_code == 501:
            raise _not_modelled(call)
        if response.status_code == 500 and response.mimetype == "text/html":
            raise _failure(call)
        return response, None if response.status_code < 400 else _code_in(response)


def _moto_app(service: Any) -> Any:
    app = create_backend_app(service)
    app.register_error_handler(NotImplementedError, lambda error: ("", 501))
    return app


def _not_modelled(call: Call) -> ApiError:
    return ApiError("InvalidAction", f"The action {call.action} of {call.service} is not modelled by the stand-in cloud.")


def _failure(call: Call) -> ApiError:
    return ApiError("InternalFailure", f"The stand-in cloud failed in {call.action} of {call.service}; see its log.", 500)


def _code_in(response: Response) -> str:
    text = response.get_data(as_text=True)
    if "<Code>" in text:
        return text.partition("<Code>")[2].partition("<")[0]
    try:
        return str(json.loads(text).get("__type", "")).split("#")[-1] or str(response.status_code)
    except ValueError:
        return str(response.status_code)
