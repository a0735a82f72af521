"""What stays in float32 in a model of half precision: places, which half precision knows to a pixel of 1000 at best."""

from __future__ import annotations

from typing import Any

import torch


def in_dtype(module: torch.nn.Module, dtype: torch.dtype) -> None:
    """Have a module given everything that is floating in ``dtype``, whatever it is called with."""

    def cast(_: Any, given: tuple[Any, ...], named: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return tuple(map(change, given)), {name: change(value) for name, value in named.items()}

    def change(value: Any) -> Any:
        if isinstance(value, list | tuple):
            return type(value)(map(change, value))
        return value.to(dtype) if isinstance(value, torch.Tensor) and value.is_floating_point() else value

    module.register_forward_pre_hook(cast, with_kwargs=True)


def keep_boxes_of_segmenter(model: Any) -> None:
    """Have a Segment Anything model of transformers embed boxes in float32; its decoder keeps its dtype."""
    dtype = model.dtype
    if dtype.itemsize == 2:
        for part in (model.prompt_encoder, model.shared_image_embedding):
            part.float()
        in_dtype(model.mask_decoder, dtype)


def keep_boxes_of_owl(model: Any) -> None:
    """Have an OWL model put its boxes together in float32."""
    if model.dtype.itemsize == 2:
        model.box_head.float()
        in_dtype(model.box_head, torch.float32)
        rows, columns = model.num_patches_height, model.num_patches_width
        model.box_bias = model.compute_box_bias(rows, columns).float().to(model.device)


def keep_boxes_of_grounding(unet: Any) -> None:
    """Have GLIGEN's position net take boxes in float32."""
    net = getattr(unet, "position_net", None)
    if net is not None and unet.dtype.itemsize == 2:
        in_dtype(net.linears, unet.dtype)


def keep_boxes_of_sam3(model: Any) -> None:
    """Have SAM 3's detector put its boxes together in float32, and draw its masks in its own dtype."""
    dtype = model.dtype
    if dtype.itemsize == 2:
        for part in (model.detr_decoder, model.dot_product_scoring):
            part.float()
            in_dtype(part, torch.float32)
        in_dtype(model.mask_decoder, dtype)
