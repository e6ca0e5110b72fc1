"""The control page: a visitor turns the world's knobs here."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from sandbox.faults import Environ
from sandbox.web import text_response

if TYPE_CHECKING:
    from sandbox.app import Sandbox


class ControlApp:
    """The page and the JSON API under `/_sandbox/`."""

    def __init__(self, sandbox: "Sandbox") -> None:
        self.sandbox = sandbox

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        return text_response("nothing here", status=404)(environ, start_response)
