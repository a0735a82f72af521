"""The runtime context of the graph. It lives beside the tools, which need it too and may not import upwards."""

from tools.context import Context

__all__ = ["Context"]
