"""Which models are on a device: brought there when they work, moved away when others need the room."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    import torch

    from tools.backend.device_memory import Master


def components(owner: Any) -> list[Any]:
    """Return the models of a loaded part; none for a part without weights of its own."""
    return list(getattr(owner, "components", ()))


class Residence:
    """Moves models. Those that ever leave a device keep their weights in main memory, so only coming back copies."""

    def __init__(self) -> None:
        self._masters: dict[int, Master] = {}  # by the models' identity

    def move(self, owner: Any, device: torch.device) -> bool:
        """Bring a part's models to a device, the CPU included; return whether any was elsewhere."""
        from tools.backend.device_memory import Master, free

        moved = False
        for component in components(owner):
            where = next(component.parameters()).device
            if where.type == device.type:
                continue
            moved = True
            if device.type == "cpu" and id(component) not in self._masters:
                self._masters[id(component)] = Master(component)
            if id(component) in self._masters:
                self._masters[id(component)].place(device)
            else:
                component.to(device)
            if device.type == "cpu":
                free(where)
        return moved

    def clear_for(self, owner: Any, others: Iterable[Any], cpu: torch.device) -> bool:
        """Move the models of ``others`` to main memory, but for those of ``owner``; return whether any was moved."""
        kept = {id(component) for component in components(owner)}
        away = [other for other in others if not kept & {id(component) for component in components(other)}]
        return any([self.move(other, cpu) for other in away])
