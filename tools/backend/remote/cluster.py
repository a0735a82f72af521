"""The line to workers on a Ray cluster: pictures lie in the cluster's store, calls go to whichever replica has room.

Ray Serve queues calls, sends them to replicas that have the models already where it can, and starts and stops
replicas; `tools.backend.remote.replica` is what runs there. A cluster is trusted with the settings, keys among them.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from configs.errors import SettingsError
from tools.backend.protocol import BackendError, BackendUnavailable
from tools.backend.remote.asks import pictures_of
from tools.backend.remote.line import Line, Lost, left
from tools.tracing import TRACEPARENT

if TYPE_CHECKING:
    from configs.settings import BackendSettings, Settings
    from tools.backend.protocol import Progress
    from tools.backend.remote.asks import Ask
    from tools.backend.remote.terms import Terms

APP = "sld"  # what Ray Serve calls it
STORED = 256 * 2**20  # bytes of pictures that are kept in the cluster's store for the next calls


class ClusterLine(Line):
    """The line to the workers of a cluster; nothing is asked of it before the first call."""

    def __init__(self, settings: BackendSettings) -> None:
        super().__init__(settings)
        self._address = settings.url.partition(":")[2]
        self._stored: OrderedDict[str, tuple[Any, int]] = OrderedDict()
        self._handle: Any = None

    @property
    def place(self) -> str:
        """The cluster's address."""
        return self.settings.url

    def connect(self, terms: Terms, program: str, end: float) -> dict[str, Any]:
        """Ask a replica what its models can do."""
        replicas = self._replicas(terms)
        with _Gone(self, begun=False, end=end):
            asked = replicas.connect.remote(_without_line(terms.settings), program)
            answer: dict[str, Any] = asked.result(timeout_s=left(end))
        return answer

    def knows(self, picture: str) -> bool:
        """Whether a picture is in the store."""
        with self._lock:
            return picture in self._stored

    def note(self, pictures: list[str]) -> None:
        """Do nothing: what one replica made, the others do not have."""

    def forget(self, pictures: list[str] | None = None) -> None:
        """Forget what is in the store, or any of it: it may have been lost with a node."""
        with self._lock:
            for picture in list(self._stored) if pictures is None else pictures:
                self._stored.pop(picture, None)

    def put_picture(self, picture: str, png: bytes, end: float) -> None:
        """Put a picture into the store."""
        reference = _connected(self._address).put(png)
        with self._lock:
            self._stored[picture] = reference, len(png)
            while sum(size for _, size in self._stored.values()) > STORED and len(self._stored) > 1:
                self._stored.popitem(last=False)

    def call(self, terms: Terms, ask: Ask, progress: Progress | None, end: float) -> dict[str, Any]:
        """Have a replica make a call and return its result; an error that ``progress`` raises ends the call."""
        with self._lock:
            sent = {key: self._stored[key][0] for key in pictures_of(ask) if key in self._stored}
        if lacking := [key for key in pictures_of(ask) if key not in sent]:
            raise Lost(f"{len(lacking)} pictures were let go", begun=False)
        replicas, trace = self._replicas(terms).options(stream=True), TRACEPARENT.get() or None
        with _Gone(self, begun=True, end=end):
            frames = replicas.call.remote(_without_line(terms.settings), ask, left(end), sent, trace)
            late = threading.Timer(left(end), frames.cancel)  # in the queue nobody looks at the clock
            late.start()
            try:
                for frame in frames:
                    if (result := self.heard(frame, progress)) is not None:
                        return result
            finally:
                late.cancel()
                frames.cancel()
        raise Lost("the answer ended early", begun=True)

    def drop(self) -> None:
        """Look for the replicas anew at the next call."""
        self._handle = None

    def _replicas(self, terms: Terms) -> Any:
        """Return what sends calls to the replicas, those with the models of these terms first."""
        _connected(self._address)
        from ray import serve
        from ray.exceptions import RayError
        from ray.serve.exceptions import RayServeException

        if self._handle is None:
            try:
                self._handle = serve.get_app_handle(APP)
            except (RayServeException, RayError) as error:
                raise Lost(f"no workers on the cluster: {str(error)[:200]}", begun=False) from None
        return self._handle.options(multiplexed_model_id=terms.models)


class _Gone:
    """A block in which a replica that goes away, or time that runs out, is told as a `Line` tells it."""

    def __init__(self, line: ClusterLine, *, begun: bool, end: float) -> None:
        self._line, self._begun, self._end = line, begun, end

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        from ray.exceptions import RayError, RayTaskError, TaskCancelledError
        from ray.serve.exceptions import RayServeException

        if isinstance(error, TimeoutError | TaskCancelledError):
            self._line.check_time(self._end)
        if isinstance(error, RayTaskError):
            cause = error.cause
            if isinstance(cause, BackendError | SettingsError):
                raise BackendUnavailable(f"the workers at {self._line.place} refuse: {cause}") from None
            raise RuntimeError(f"the workers at {self._line.place} failed: {str(cause)[:2000]}") from None
        if isinstance(error, RayError | RayServeException):
            self._line.drop()
            raise Lost(f"{type(error).__name__}: {str(error)[:300]}", begun=self._begun) from None


def _without_line(settings: Settings) -> Settings:
    """Return the settings as a replica needs them: its models are its own."""
    return settings.model_copy(update={"backend": None})


def _connected(address: str) -> Any:
    """Return the module ``ray``, connected with the cluster.

    Raises:
        BackendUnavailable: Ray is not installed here.
        Lost: there is no cluster.
    """
    try:
        import ray
        from ray import serve  # noqa: F401 - a Ray without it is not enough
    except ImportError as error:
        raise BackendUnavailable(
            f"workers on a cluster need Ray Serve ({error}): pip install 'sld-agent[ray]'"
        ) from None
    logging.getLogger("ray.serve").setLevel(logging.ERROR)  # it tells of each step
    with _CONNECTING:
        if not ray.is_initialized():
            try:
                ray.init(address, log_to_driver=False, logging_level=logging.ERROR)
            except (ConnectionError, ValueError, RuntimeError) as error:
                raise Lost(f"no Ray cluster at {address!r} ({str(error)[:200]})", begun=False) from None
    return ray


_CONNECTING = threading.Lock()  # Ray's connection is the process's, and so is this
