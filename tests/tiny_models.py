"""Tiny random models of the real classes, saved with `save_pretrained` as full checkpoints are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from transformers import (
    BertTokenizer,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTokenizer,
    DetrImageProcessorPil,
    GroundingDinoConfig,
    GroundingDinoForObjectDetection,
    GroundingDinoImageProcessorPil,
    MMGroundingDinoConfig,
    MMGroundingDinoForObjectDetection,
    OmDetTurboConfig,
    OmDetTurboForObjectDetection,
    Owlv2Config,
    Owlv2ForObjectDetection,
    Owlv2ImageProcessorPil,
    Owlv2TextConfig,
    OwlViTConfig,
    OwlViTForObjectDetection,
    OwlViTImageProcessorPil,
    OwlViTTextConfig,
    Sam2Config,
    Sam2Model,
    Sam3TrackerConfig,
    Sam3TrackerModel,
    SamConfig,
    SamHQConfig,
    SamHQModel,
    SamImageProcessorPil,
    SamModel,
    SwinConfig,
)

if TYPE_CHECKING:
    from pathlib import Path

SENTENCE = (
    "a an image of photo scene red green blue yellow backpack book bottle bowl car cat chair cup dog laptop on left"
)
WORDS = tuple(SENTENCE.split())


def tokenizer(length: int = 16) -> CLIPTokenizer:
    """Return a CLIP tokenizer that knows ``WORDS`` only; the end token has the highest id, as pooling needs."""
    vocab: dict[str, int] = {}
    merges: list[tuple[str, str]] = []
    for token in ("<|pad|>", "<|unk|>", "<|startoftext|>"):
        vocab[token] = len(vocab)
    for word in WORDS:
        pieces = [*word[:-1], f"{word[-1]}</w>"]
        while True:
            for piece in pieces:
                vocab.setdefault(piece, len(vocab))
            if len(pieces) == 1:
                break
            pair = (pieces[0], pieces[1])
            if pair not in merges:
                merges.append(pair)
            pieces = [pieces[0] + pieces[1], *pieces[2:]]
    vocab["<|endoftext|>"] = len(vocab)
    return CLIPTokenizer(vocab=vocab, merges=merges, unk_token="<|unk|>", pad_token="<|pad|>", model_max_length=length)


def text_config(kind: type[Any] = CLIPTextConfig, length: int = 16, **more: Any) -> Any:
    words = tokenizer(length)
    return kind(
        vocab_size=len(words),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=length,
        bos_token_id=words.bos_token_id,
        eos_token_id=words.eos_token_id,
        pad_token_id=words.pad_token_id,
        **more,
    )


def save_gligen(folder: Path, *, grounded: bool = True, channels: int = 4, **vae: Any) -> Path:
    """Save a text-to-image pipeline folder with (or without) GLIGEN's grounding layers; return it."""
    torch.manual_seed(0)
    tokenizer().save_pretrained(folder / "tokenizer")
    CLIPTextModel(text_config()).save_pretrained(folder / "text_encoder")
    DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        steps_offset=1,
        clip_sample=False,
        set_alpha_to_one=False,
    ).save_pretrained(folder / "scheduler")
    AutoencoderKL(
        block_out_channels=(8, 16),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=channels,
        norm_num_groups=4,
        **vae,
    ).save_pretrained(folder / "vae")
    unet = UNet2DConditionModel(
        sample_size=16,
        in_channels=channels,
        out_channels=channels,
        block_out_channels=(16, 32),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=16,
        attention_head_dim=8,
        norm_num_groups=4,
        attention_type="gated" if grounded else "default",
    )
    for name, weight in unet.named_parameters():
        if name.endswith(("alpha_attn", "alpha_dense")):  # zero by default: grounding would do nothing
            weight.data.fill_(1.0)
    unet.save_pretrained(folder / "unet")
    return folder


def save_owl(folder: Path, *, version: int = 2, size: int = 32, length: int = 16) -> Path:
    """Save a random OWLv2 (or, with version 1, OWL-ViT) detector; return its folder."""
    torch.manual_seed(0)
    configs, model, processor = (
        ((Owlv2Config, Owlv2TextConfig), Owlv2ForObjectDetection, Owlv2ImageProcessorPil)
        if version == 2
        else ((OwlViTConfig, OwlViTTextConfig), OwlViTForObjectDetection, OwlViTImageProcessorPil)
    )
    config = configs[0](
        text_config=text_config(configs[1], length).to_dict(),
        vision_config={
            "hidden_size": 16,
            "intermediate_size": 32,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "image_size": size,
            "patch_size": 8,
        },
        projection_dim=16,
    )
    detector = model(config)
    # at random the box head saturates; without it every token keeps its cell of the grid, which tests can rely on
    torch.nn.init.zeros_(detector.box_head.dense2.weight)
    torch.nn.init.zeros_(detector.box_head.dense2.bias)
    detector.save_pretrained(folder)
    processor(size={"height": size, "width": size}).save_pretrained(folder)
    tokenizer(length).save_pretrained(folder)
    return folder


def save_sam(folder: Path, *, size: int = 64) -> Path:
    """Save a random SAM; return its folder."""
    torch.manual_seed(0)
    config = SamConfig(
        vision_config={
            "hidden_size": 16,
            "output_channels": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "image_size": size,
            "patch_size": 8,
            "window_size": 2,
            "global_attn_indexes": [0],
            "num_pos_feats": 8,
            "mlp_dim": 32,
            "initializer_range": 0.1,
        },
        prompt_encoder_config={"hidden_size": 16, "image_size": size, "patch_size": 8, "mask_input_channels": 4},
        mask_decoder_config={
            "hidden_size": 16,
            "mlp_dim": 32,
            "num_attention_heads": 2,
            "iou_head_hidden_dim": 16,
        },
    )
    SamModel(config).save_pretrained(folder)
    SamImageProcessorPil(size={"longest_edge": size}, pad_size={"height": size, "width": size}).save_pretrained(folder)
    return folder


def save_sam_hq(folder: Path, *, size: int = 64) -> Path:
    """Save a random SAM-HQ; return its folder."""
    torch.manual_seed(0)
    config = SamHQConfig(
        vision_config={
            "hidden_size": 16,
            "output_channels": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "image_size": size,
            "patch_size": 16,
            "window_size": 2,
            "global_attn_indexes": [0],
            "num_pos_feats": 8,
            "mlp_dim": 32,
        },
        prompt_encoder_config={"hidden_size": 16, "image_size": size, "patch_size": 16, "mask_input_channels": 4},
        mask_decoder_config={
            "hidden_size": 16,
            "mlp_dim": 32,
            "num_attention_heads": 2,
            "iou_head_hidden_dim": 16,
            "vit_dim": 16,
        },
    )
    SamHQModel(config).save_pretrained(folder)
    SamImageProcessorPil(size={"longest_edge": size}, pad_size={"height": size, "width": size}).save_pretrained(folder)
    return folder


def sam3_vision(size: int) -> dict[str, Any]:
    """Return the vision half of a tiny SAM 3, which its detector and its tracker share."""
    return {
        "model_type": "sam3_vision_model",
        "backbone_config": {
            "model_type": "sam3_vit_model",
            "hidden_size": 16,
            "intermediate_size": 32,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "image_size": size,
            "pretrain_image_size": size,
            "patch_size": 14,
            "window_size": 2,
            "global_attn_indexes": [0],
        },
        "fpn_hidden_size": 32,
        "backbone_feature_sizes": [[16, 16], [8, 8], [4, 4]],
    }


def save_sam3_tracker(folder: Path, *, size: int = 56) -> Path:
    """Save a random tracker of SAM 3; return its folder."""
    torch.manual_seed(0)
    config = Sam3TrackerConfig(
        vision_config=sam3_vision(size),
        prompt_encoder_config={"hidden_size": 32, "image_size": size, "patch_size": 14, "mask_input_channels": 4},
        mask_decoder_config={
            "hidden_size": 32,
            "mlp_dim": 32,
            "num_attention_heads": 2,
            "iou_head_hidden_dim": 16,
        },
    )
    Sam3TrackerModel(config).save_pretrained(folder)
    return folder


def save_sam2(folder: Path, *, size: int = 64) -> Path:
    """Save a random SAM 2; return its folder."""
    torch.manual_seed(0)
    config = Sam2Config(
        vision_config={
            "backbone_config": {
                "model_type": "sam2_hiera_det_model",
                "hidden_size": 8,
                "image_size": [size, size],
                "blocks_per_stage": [1, 1, 2, 1],
                "embed_dim_per_stage": [8, 16, 32, 64],
                "num_attention_heads_per_stage": [1, 2, 2, 2],
                "window_size_per_stage": [8, 4, 4, 2],
                "window_positional_embedding_background_size": [2, 2],
                "global_attention_blocks": [3],
            },
            "backbone_channel_list": [64, 32, 16, 8],
            "backbone_feature_sizes": [[size // 4] * 2, [size // 8] * 2, [size // 16] * 2],
            "fpn_hidden_size": 32,
        },
        prompt_encoder_config={"hidden_size": 32, "image_size": size, "patch_size": 16, "mask_input_channels": 4},
        mask_decoder_config={
            "hidden_size": 32,
            "mlp_dim": 32,
            "num_attention_heads": 2,
            "iou_head_hidden_dim": 16,
        },
    )
    Sam2Model(config).save_pretrained(folder)
    return folder


def _swin(size: int, out_indices: list[int]) -> SwinConfig:
    return SwinConfig(
        image_size=size,
        patch_size=4,
        embed_dim=8,
        depths=[1, 1, 1, 1],
        num_heads=[1, 1, 1, 1],
        window_size=2,
        out_indices=out_indices,
    )


def save_grounding_dino(folder: Path, *, max_text_len: int = 32) -> Path:
    """Save a random Grounding DINO; return its folder."""
    torch.manual_seed(0)
    # the model knows BERT's ids of the start, end, stop and question tokens by heart
    vocab = {f"[unused{place}]": place for place in range(1030)}
    for token, place in (("[PAD]", 0), ("[UNK]", 100), ("[CLS]", 101), ("[SEP]", 102), (".", 1012), ("?", 1029)):
        del vocab[f"[unused{place}]"]
        vocab[token] = place
    for word in WORDS:
        vocab[word] = len(vocab)
    config = GroundingDinoConfig(
        backbone_config=_swin(64, [2, 3, 4]),
        text_config={
            "model_type": "bert",
            "vocab_size": len(vocab),
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "max_position_embeddings": 64,
        },
        num_queries=10,
        encoder_layers=1,
        encoder_ffn_dim=16,
        encoder_attention_heads=2,
        decoder_layers=2,
        decoder_ffn_dim=16,
        decoder_attention_heads=2,
        d_model=32,
        num_feature_levels=4,
        max_text_len=max_text_len,
    )
    GroundingDinoForObjectDetection(config).save_pretrained(folder)
    GroundingDinoImageProcessorPil(size={"shortest_edge": 64, "longest_edge": 96}).save_pretrained(folder)
    BertTokenizer(vocab=dict(sorted(vocab.items(), key=lambda pair: pair[1]))).save_pretrained(folder)
    return folder


def save_mm_grounding_dino(folder: Path) -> Path:
    """Save a random MM Grounding DINO (LLMDet is one); return its folder."""
    plain = GroundingDinoConfig.from_pretrained(save_grounding_dino(folder)).to_dict()
    torch.manual_seed(0)
    config = MMGroundingDinoConfig(**{key: value for key, value in plain.items() if key not in ("model_type",)})
    MMGroundingDinoForObjectDetection(config).save_pretrained(folder)
    return folder


def save_omdet(folder: Path) -> Path:
    """Save a random OmDet-Turbo; return its folder."""
    torch.manual_seed(0)
    config = OmDetTurboConfig(
        backbone_config=_swin(64, [2, 3, 4]),
        text_config=text_config(),
        image_size=64,
        text_projection_in_dim=16,
        text_projection_out_dim=16,
        task_encoder_hidden_dim=32,  # the model takes for granted that it is not class_embed_dim
        class_embed_dim=16,
        num_queries=10,
        vision_features_channels=[32, 32, 32],
        encoder_in_channels=[16, 32, 64],
        encoder_dim_feedforward=16,
        encoder_hidden_dim=32,  # the model takes for granted that it is not class_embed_dim
        encoder_attention_heads=2,
        decoder_num_heads=2,
        decoder_num_layers=1,
        decoder_hidden_dim=32,
        decoder_dim_feedforward=16,
        apply_layernorm_after_vision_backbone=False,
    )
    model = OmDetTurboForObjectDetection(config)
    torch.nn.init.eye_(model.language_backbone.text_projection)
    model.save_pretrained(folder)
    DetrImageProcessorPil(size={"height": 64, "width": 64}).save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder


def save_pipeline(folder: Path) -> Path:
    """Save a random text-to-image pipeline without grounding, as `AutoPipeline...` loads it; return its folder."""
    from diffusers import StableDiffusionPipeline

    parts = save_gligen(folder / "parts", grounded=False)
    StableDiffusionPipeline(
        vae=AutoencoderKL.from_pretrained(parts / "vae"),
        text_encoder=CLIPTextModel.from_pretrained(parts / "text_encoder"),
        tokenizer=tokenizer(),
        unet=UNet2DConditionModel.from_pretrained(parts / "unet"),
        scheduler=DDIMScheduler.from_pretrained(parts / "scheduler"),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(folder / "pipeline")
    return folder / "pipeline"


def save_models(folder: Path) -> Path:
    """Save one checkpoint of each kind that a backend has; "plain" is a pipeline that takes no boxes."""
    save_owl(folder / "owl")
    save_sam(folder / "sam")
    save_gligen(folder / "gligen")
    save_pipeline(folder / "plain")
    return folder
