"""An error of the API, as a client sees it."""


class ApiError(Exception):
    """Answer a call with an error code that AWS uses, and its message."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


def invalid(message: str) -> ApiError:
    """Return Auto Scaling's ValidationError."""
    return ApiError("ValidationError", message)
