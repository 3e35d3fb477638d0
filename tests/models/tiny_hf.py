"""Tiny models of Transformers with random weights, saved as a user would have them: a folder each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

LABELS = {0: "road", 1: "sky", 2: "car"}
COMMON: dict[str, Any] = {"num_labels": 3, "id2label": LABELS, "label2id": {v: k for k, v in LABELS.items()}}


def segformer() -> tuple[Any, Any]:
    from transformers import SegformerConfig, SegformerForSemanticSegmentation, SegformerImageProcessorPil

    config = SegformerConfig(
        depths=[1, 1, 1, 1],
        hidden_sizes=[8, 16, 16, 32],
        num_attention_heads=[1, 1, 2, 2],
        sr_ratios=[8, 4, 2, 1],
        decoder_hidden_size=16,
        **COMMON,
    )
    return SegformerForSemanticSegmentation(config), SegformerImageProcessorPil(
        size={"height": 64, "width": 64}
    )


def swin() -> Any:
    from transformers import SwinConfig

    return SwinConfig(
        image_size=64,
        embed_dim=8,
        depths=[1, 1, 1, 1],
        num_heads=[1, 1, 1, 1],
        window_size=4,
        out_features=["stage1", "stage2", "stage3", "stage4"],
    )


def upernet() -> tuple[Any, Any]:
    from transformers import SegformerImageProcessorPil, UperNetConfig, UperNetForSemanticSegmentation

    config = UperNetConfig(
        backbone_config=swin(),
        hidden_size=8,
        pool_scales=[1, 2],
        auxiliary_channels=8,
        auxiliary_in_channels=32,
        use_auxiliary_head=False,
        **COMMON,
    )
    return UperNetForSemanticSegmentation(config), SegformerImageProcessorPil(
        size={"height": 64, "width": 64}
    )


def mask2former() -> tuple[Any, Any]:
    from transformers import (
        Mask2FormerConfig,
        Mask2FormerForUniversalSegmentation,
        Mask2FormerImageProcessorPil,
    )

    config = Mask2FormerConfig(
        backbone_config=swin(),
        feature_size=32,
        mask_feature_size=32,
        hidden_dim=32,
        encoder_feedforward_dim=32,
        dim_feedforward=32,
        encoder_layers=1,
        decoder_layers=2,
        num_attention_heads=2,
        num_queries=10,
        **COMMON,
    )
    processor = Mask2FormerImageProcessorPil(size={"shortest_edge": 64, "longest_edge": 128}, size_divisor=32)
    return Mask2FormerForUniversalSegmentation(config), processor


def maskformer() -> tuple[Any, Any]:
    from transformers import (
        MaskFormerConfig,
        MaskFormerForInstanceSegmentation,
        MaskFormerImageProcessorPil,
    )

    decoder = detr_config(d_model=32, heads=2)
    config = MaskFormerConfig(
        backbone_config=swin(), decoder_config=decoder, fpn_feature_size=32, mask_feature_size=32, **COMMON
    )
    processor = MaskFormerImageProcessorPil(size={"shortest_edge": 64, "longest_edge": 128}, size_divisor=32)
    return MaskFormerForInstanceSegmentation(config), processor


def resnet() -> Any:
    from transformers import ResNetConfig

    return ResNetConfig(
        embedding_size=8,
        hidden_sizes=[8, 8, 16, 16],
        depths=[1, 1, 1, 1],
        layer_type="basic",
        out_features=["stage1", "stage2", "stage3", "stage4"],
    )


def detr_config(d_model: int, heads: int, **common: Any) -> Any:
    from transformers import DetrConfig

    return DetrConfig(
        d_model=d_model,
        decoder_layers=1,
        encoder_layers=1,
        decoder_attention_heads=heads,
        encoder_attention_heads=heads,
        decoder_ffn_dim=32,
        encoder_ffn_dim=32,
        num_queries=10,
        use_timm_backbone=False,
        use_pretrained_backbone=False,
        backbone=None,
        backbone_config=resnet(),
        **common,
    )


def detr() -> tuple[Any, Any]:
    from transformers import DetrForSegmentation, DetrImageProcessorPil

    config = detr_config(d_model=64, heads=8, **COMMON)
    processor = DetrImageProcessorPil(size={"shortest_edge": 64, "longest_edge": 128})
    return DetrForSegmentation(config), processor


def eomt() -> tuple[Any, Any]:
    from transformers import EomtConfig, EomtForUniversalSegmentation, EomtImageProcessorPil

    config = EomtConfig(
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=64,
        patch_size=8,
        num_upscale_blocks=1,
        num_blocks=1,
        num_queries=10,
        num_register_tokens=0,
        **COMMON,
    )
    processor = EomtImageProcessorPil(size={"shortest_edge": 64, "longest_edge": 64}, do_pad=True)
    return EomtForUniversalSegmentation(config), processor


MODELS = {f.__name__: f for f in (segformer, upernet, mask2former, maskformer, detr, eomt)}


def clipseg() -> tuple[Any, Any]:
    from transformers import CLIPSegConfig, CLIPSegForImageSegmentation, ViTImageProcessorPil

    layers = {"hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2, "projection_dim": 16}
    texts = {"num_hidden_layers": 1, "vocab_size": 54, "max_position_embeddings": 16}
    images = {"num_hidden_layers": 3, "image_size": 32, "patch_size": 8}
    config = CLIPSegConfig(
        text_config={**layers, **texts, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1},
        vision_config={**layers, **images},
        projection_dim=16,
        extract_layers=[0, 1, 2],
        reduce_dim=16,
        decoder_num_attention_heads=2,
        decoder_intermediate_size=32,
    )
    return CLIPSegForImageSegmentation(config), ViTImageProcessorPil(size={"height": 32, "width": 32})


def save_prompted(folder: Path) -> Path:
    """Write a CLIPSeg, and a tokenizer of single letters."""
    from transformers import CLIPTokenizer

    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["<|startoftext|>", "<|endoftext|>", *letters, *(f"{letter}</w>" for letter in letters)]
    CLIPTokenizer(vocab={word: i for i, word in enumerate(words)}, merges=[]).save_pretrained(folder)
    return write(*_seeded(clipseg), folder)


def save(name: str, folder: Path) -> Path:
    """Write a model and its processor, always of the same weights."""
    return write(*_seeded(MODELS[name]), folder)


def _seeded(make: Any) -> tuple[Any, Any]:
    import torch

    torch.manual_seed(7)
    return make()


def write(model: Any, processor: Any, folder: Path) -> Path:
    """Write a model whose answers are not of one category, and its processor."""
    import torch

    with torch.no_grad():  # as initialised, most answer one category everywhere
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
        for module in model.modules():  # or "no object"
            if isinstance(module, torch.nn.Linear) and module.out_features == len(LABELS) + 1:
                module.bias[-1] -= 3
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder
