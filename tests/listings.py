"""What repositories on the hub hold, as stored listings of them say: names, and sizes in bytes as rounded there."""

from __future__ import annotations

KB, MB, GB = 1_000, 1_000_000, 1_000_000_000

_TOKENIZER = {
    "merges.txt": 525 * KB,
    "special_tokens_map.json": 472,
    "tokenizer_config.json": 806,
    "vocab.json": 1060 * KB,
}

GLIGEN_PICKLES = {  # masterful/gligen-1-4-generation-text-box at d2820dc, where these parts have .bin alone
    "README.md": 10_700,
    "model_index.json": 543,
    "feature_extractor/preprocessor_config.json": 342,
    "safety_checker/config.json": 4_560,
    "safety_checker/pytorch_model.bin": 1220 * MB,
    "safety_checker/pytorch_model.fp16.bin": 608 * MB,
    "scheduler/scheduler_config.json": 313,
    "text_encoder/config.json": 592,
    "text_encoder/pytorch_model.bin": 492 * MB,
    "text_encoder/pytorch_model.fp16.bin": 246 * MB,
    **{f"tokenizer/{name}": size for name, size in _TOKENIZER.items()},
    "unet/config.json": 772,
    "unet/diffusion_pytorch_model.bin": 4270 * MB,
    "unet/diffusion_pytorch_model.fp16.bin": 2140 * MB,
    "v1-variants-scores.jpg": 71_200,
    "vae/config.json": 551,
    "vae/diffusion_pytorch_model.bin": 335 * MB,
    "vae/diffusion_pytorch_model.fp16.bin": 167 * MB,
}
GLIGEN = GLIGEN_PICKLES | {  # the same at refs/pr/2 (29be6c8), which adds safetensors
    "safety_checker/model.safetensors": 1220 * MB,
    "safety_checker/model.fp16.safetensors": 608 * MB,
    "text_encoder/model.safetensors": 492 * MB,
    "text_encoder/model.fp16.safetensors": 246 * MB,
    "unet/diffusion_pytorch_model.safetensors": 4270 * MB,
    "unet/diffusion_pytorch_model.fp16.safetensors": 2140 * MB,
    "vae/diffusion_pytorch_model.safetensors": 335 * MB,
    "vae/diffusion_pytorch_model.fp16.safetensors": 167 * MB,
}
REFINER = {  # stabilityai/stable-diffusion-xl-refiner-1.0
    "model_index.json": 612,
    "sd_xl_refiner_1.0.safetensors": 6080 * MB,
    "sd_xl_refiner_1.0_0.9vae.safetensors": 6080 * MB,
    "scheduler/scheduler_config.json": 479,
    "text_encoder_2/config.json": 575,
    "text_encoder_2/model.fp16.safetensors": 1390 * MB,
    "text_encoder_2/model.safetensors": 2780 * MB,
    **{f"tokenizer_2/{name}": size for name, size in _TOKENIZER.items()},
    "unet/config.json": 1_710,
    "unet/diffusion_pytorch_model.fp16.safetensors": 4520 * MB,
    "unet/diffusion_pytorch_model.safetensors": 9040 * MB,
    "vae/config.json": 642,
    "vae/diffusion_pytorch_model.fp16.safetensors": 167 * MB,
    "vae/diffusion_pytorch_model.safetensors": 335 * MB,
    "vae_1_0/config.json": 607,
    "vae_1_0/diffusion_pytorch_model.fp16.safetensors": 167 * MB,
    "vae_1_0/diffusion_pytorch_model.safetensors": 335 * MB,
}
REFINER_PARTS = ("text_encoder_2", "tokenizer_2", "unet", "scheduler", "vae")  # what its model_index.json names
OWL = {  # google/owlv2-base-patch16-ensemble
    "README.md": 5_530,
    "added_tokens.json": 67,
    "config.json": 414,
    "merges.txt": 525 * KB,
    "model.safetensors": 620 * MB,
    "preprocessor_config.json": 425,
    "pytorch_model.bin": 620 * MB,
    "special_tokens_map.json": 121,
    "tokenizer_config.json": 1_100,
    "vocab.json": 1060 * KB,
}
SAM = {  # facebook/sam-vit-huge
    "README.md": 6_890,
    "config.json": 6_570,
    "model.safetensors": 2560 * MB,
    "preprocessor_config.json": 466,
    "pytorch_model.bin": 2560 * MB,
    "tf_model.h5": 2570 * MB,
}
