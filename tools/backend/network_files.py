"""Networks that are one file each: ONNX and TFLite, run by small runtimes of the extra ``photo``, on a processor.

Such a file is a graph of known operators: opening one runs no code of its own.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tools.backend.protocol import BackendError
from tools.stopping import check_stop, ended_by
from tools.weights.places import SCHEME, WeightsError, locate

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from configs.settings import FilePart

EXTRA = "photo"
GIVEN_BACK = ("memory.enable_memory_arena_shrinkage", "cpu:0")  # else the largest picture's memory is kept for good
NO_TELEMETRY = "ORT_DISABLE_TELEMETRY"  # some builds write a device's id down and report home, from the import on


class OnnxNetwork:
    """An ONNX file that is ready to run; ``inputs`` holds the shape of each input, by name."""

    def __init__(self, session: Any, path: str) -> None:
        self._session, self.path = session, path
        self.inputs: dict[str, list[int | str | None]] = {node.name: node.shape for node in session.get_inputs()}
        self.outputs: tuple[str, ...] = tuple(node.name for node in session.get_outputs())

    @classmethod
    def open(cls, path: str, threads: int | None) -> OnnxNetwork:
        """Open the file that ``path`` names (see `file_of`).

        Raises:
            BackendError: the runtime or the file is missing, or it is no ONNX file of known operators.
        """
        file = file_of(path)
        os.environ.setdefault(NO_TELEMETRY, "1")
        try:
            import onnxruntime
        except ImportError as error:
            raise _no_runtime("onnxruntime", path, error) from None
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # what goes wrong is raised; the rest is advice to those who export
        options.intra_op_num_threads = threads or 0
        try:
            session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # noqa: BLE001 - the runtime's exceptions share no base of their own
            raise _unreadable(file, "ONNX", error) from None
        return cls(session, path)

    def __call__(self, **inputs: np.ndarray) -> dict[str, np.ndarray]:
        """Run it once; arrays by name in and out.

        Raises:
            BackendError: it cannot take these arrays.
        """
        import onnxruntime

        options = onnxruntime.RunOptions()
        options.add_run_config_entry(*GIVEN_BACK)

        def cut_short() -> None:
            options.terminate = True

        try:
            with ended_by(cut_short):
                values = self._session.run(None, inputs, options)
        except Exception as error:  # noqa: BLE001 - as above
            check_stop()  # cut short
            shapes = ", ".join(f"{name} {list(value.shape)}" for name, value in inputs.items())
            reason = " ".join(str(error).split())[:200]
            raise BackendError(f"network {self.path!r} failed on {shapes}: {reason}; is it the right file?") from None
        return dict(zip(self.outputs, values, strict=True))

    def takes(self, names: Mapping[str, int]) -> bool:
        """Return whether its inputs have these names, with so many axes each."""
        return {name: len(shape) for name, shape in self.inputs.items()} == dict(names)


def open_tflite(part: FilePart) -> Any:
    """Return an interpreter of a TFLite file with its tensors allocated.

    Raises:
        BackendError: the runtime or the file is missing, or it is no TFLite file.
    """
    file = file_of(part.path)
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise _no_runtime("ai-edge-litert", part.path, error) from None
    try:
        with _quiet():
            interpreter = Interpreter(model_content=file.read_bytes(), num_threads=part.threads)
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError, OSError) as error:
        raise _unreadable(file, "TFLite", error) from None
    return interpreter


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what native code writes to standard error off the terminal: notes on its delegates. Errors are raised."""
    sys.stderr.flush()
    try:
        kept = os.dup(2)
    except OSError:  # it is closed
        yield
        return
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def file_of(path: str) -> Path:
    """Return the file that a preset names: a path, or ``weights:SET/FILE``.

    Raises:
        BackendError: it is not there; the message says the command that gets it.
    """
    if path.startswith(SCHEME):
        try:
            return locate(path)
        except WeightsError as error:
            raise BackendError(str(error)) from None
    file = Path(path).expanduser()
    if not file.is_file():
        raise BackendError(f"network {path!r}: there is no such file; correct the preset's path")
    return file


def _no_runtime(package: str, path: str, error: ImportError) -> BackendError:
    return BackendError(
        f"network {path!r} needs {package} ({error}); install the extra it is part of: pip install 'sld-agent[{EXTRA}]'"
    )


def _unreadable(file: Path, kind: str, error: Exception) -> BackendError:
    reason = " ".join(str(error).split())[:200]
    return BackendError(f"network {str(file)!r} cannot be read as {kind} ({reason}); fetch or export it again")
