"""What a pipeline is given beyond its checkpoint: fewer bits, its parts in turns, a LoRA, another schedule."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.backend import checkpoints
from tools.backend.protocol import BackendError

if TYPE_CHECKING:
    import torch

    from configs.settings import LoraSettings, PipelineOptions

LARGE = ("transformer", "unet", "text_encoder", "text_encoder_2", "text_encoder_3")  # what is worth fewer bits
INSTALL = "pip install 'sld-agent[engines]'"


def loading(options: PipelineOptions, device: torch.device, dtype: torch.dtype, parts: list[str]) -> dict[str, Any]:
    """Return the arguments of diffusers' loader that a preset's options ask for.

    Raises:
        BackendError: this machine cannot do that.
    """
    if options.quantize == "none":
        return {}
    if device.type != "cuda":
        raise BackendError(
            f"quantize: {options.quantize!r} needs a CUDA device, not {device.type!r}; set quantize to none, or choose "
            "a preset that fits this machine (`sld presets`)"
        )
    _need("bitsandbytes", f"quantize: {options.quantize!r}")
    _need("accelerate", f"quantize: {options.quantize!r}")
    from diffusers.quantizers import PipelineQuantizationConfig

    four = {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_compute_dtype": dtype}
    wanted = PipelineQuantizationConfig(
        quant_backend="bitsandbytes_4bit" if options.quantize == "int4" else "bitsandbytes_8bit",
        quant_kwargs=four if options.quantize == "int4" else {"load_in_8bit": True},
        components_to_quantize=[part for part in LARGE if part in parts],
    )
    return {"quantization_config": wanted, "low_cpu_mem_usage": True}


def fit(pipe: Any, options: PipelineOptions) -> None:
    """Give a loaded pipeline its LoRA and schedule.

    Raises:
        BackendError: a library is missing, or the LoRA is none of this pipeline.
    """
    if options.lora is not None:
        _add_lora(pipe, options.lora)
    if options.scheduler:
        kind = type(pipe.scheduler)
        own = {name: value for name, value in pipe.scheduler.config.items() if not name.startswith("_")}
        other = dict(options.scheduler)
        if unknown := other.keys() - own.keys():
            raise BackendError(
                f"scheduler: {kind.__name__} has no {sorted(unknown)[0]!r}; it has {', '.join(sorted(own))}"
            )
        pipe.scheduler = kind.from_config(own | other)


def placed(pipe: Any, options: PipelineOptions, device: torch.device) -> Any:
    """Return a pipeline on its device, as the options say.

    Raises:
        BackendError: a library is missing.
    """
    if options.turns == "models" and device.type != "cpu":
        _need("accelerate", "turns: 'models'")
        pipe.enable_model_cpu_offload(device=device)
        return pipe
    if options.turns == "layers" and device.type != "cpu":
        import torch

        pipe.enable_group_offload(
            onload_device=device,
            offload_device=torch.device("cpu"),
            offload_type="leaf_level",
            use_stream=device.type == "cuda",
        )
        return pipe
    return pipe.to(device)


def keeps_its_place(options: PipelineOptions, device: torch.device) -> bool:
    """Return whether the pipeline moves its parts itself, and nobody else may."""
    return device.type != "cpu" and (options.turns != "none" or options.quantize != "none")


def _add_lora(pipe: Any, lora: LoraSettings) -> None:
    _need("peft", "lora")
    if not hasattr(pipe, "load_lora_weights"):
        raise BackendError(f"lora: {type(pipe).__name__} takes none; leave lora out")
    file = _lora_file(lora)
    with checkpoints.reading(file.parent):
        pipe.load_lora_weights(file.parent, weight_name=file.name, local_files_only=True, use_safetensors=True)
        pipe.fuse_lora(lora_scale=lora.scale)
        pipe.unload_lora_weights()


def _lora_file(lora: LoraSettings) -> Path:
    if not lora.file.endswith(".safetensors"):
        raise BackendError(f"lora.file {lora.file!r} is no .safetensors file, and others are never opened")
    folder = Path(lora.path).expanduser()
    if folder.is_dir():
        file = folder / lora.file
    else:
        from huggingface_hub import hf_hub_download

        try:
            file = Path(hf_hub_download(lora.path, lora.file, revision=lora.revision))
        except Exception as error:  # noqa: BLE001 - the hub's client lets through whatever its transport raises
            raise BackendError(
                f"lora {lora.path!r} is no local folder and its file {lora.file!r} cannot be fetched from the hub "
                f"({type(error).__name__}); check the spelling and the network"
            ) from None
    if not file.is_file():
        raise BackendError(f"lora: there is no file {str(file)!r}; correct lora.path or lora.file")
    return file


def _need(package: str, what: str) -> None:
    if find_spec(package) is None:
        raise BackendError(f"{what} needs the package {package}, which is not installed: {INSTALL}")
