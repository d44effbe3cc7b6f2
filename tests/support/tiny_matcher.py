"""SuperGlue and LightGlue small enough to be made by the tests: the product's own code loads them as any other."""

from pathlib import Path

KINDS = ("superglue", "lightglue")
CONFIG, WEIGHTS = "config.json", "model.safetensors"


def make_tiny_matcher(folder: Path, kind: str = "superglue", seed: int = 0) -> Path:
    """Config and random weights as transformers keeps them in a folder; the same seed makes the same model."""
    import torch
    import transformers as t

    points = t.SuperPointConfig(
        encoder_hidden_sizes=[4, 4, 8, 8], decoder_hidden_size=8, descriptor_decoder_dim=16, max_keypoints=40
    )
    config = {
        "superglue": lambda: t.SuperGlueConfig(
            keypoint_detector_config=points,
            hidden_size=16,
            keypoint_encoder_sizes=[8],
            gnn_layers_types=["self", "cross"],
            sinkhorn_iterations=5,
        ),
        "lightglue": lambda: t.LightGlueConfig(
            keypoint_detector_config=points, descriptor_dim=16, num_hidden_layers=2, filter_threshold=0.0
        ),
    }[kind]()
    model = {"superglue": t.SuperGlueForKeypointMatching, "lightglue": t.LightGlueForKeypointMatching}[kind]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        made = model(config)
        for tensor in made.parameters():
            if tensor.ndim > 1:
                # As it comes out of the library, all features look the same.
                torch.nn.init.kaiming_normal_(tensor)
        made.save_pretrained(folder)
    return folder
