"""Networks of timm and transformers, tiny ones with random weights; skipped where these packages are not installed."""

import json

import pytest
import safetensors.torch
import torch

from taskdist_nb.named import load_model
from taskdist_nb.bodies import Trained
from taskdist_nb.building import build_model

X = torch.randint(0, 256, (3, 3, 40, 40), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_timm_network_takes_weights_and_a_new_head(tmp_path):
    timm = pytest.importorskip("timm")
    given = timm.create_model("resnet10t", num_classes=7)
    safetensors.torch.save_file(given.state_dict(), tmp_path / "w.safetensors")
    network = load_model(f"timm:resnet10t@{tmp_path}/w.safetensors", shape=(3, 40, 40))
    assert network.recipe["trained"] and network.recipe["mean"] == (0.485, 0.456, 0.406)
    seen = (X / 255 - torch.tensor(network.recipe["mean"]).view(3, 1, 1)) / torch.tensor(
        network.recipe["std"]
    ).view(3, 1, 1)
    with torch.no_grad():
        assert torch.allclose(network((X / 255 - 0.5) / 0.25), given.eval()(seen), atol=1e-4)
    trained = Trained(network, X)
    assert (trained.head, trained.outputs) == ("body.fc", 7)
    assert build_model(trained, 3, X, 0)(X.float()).shape == (3, 3)


def test_transformers_folder(tmp_path):
    transformers = pytest.importorskip("transformers")
    sizes = dict(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16)
    config = transformers.ViTConfig(**sizes, image_size=32, patch_size=16, num_labels=4)
    given = transformers.ViTForImageClassification(config).eval()
    given.save_pretrained(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text(
        json.dumps(dict(image_mean=[0.5] * 3, image_std=[0.5] * 3))
    )
    network = load_model(f"hf:{tmp_path}", shape=(3, 40, 40))
    assert network.recipe["trained"] and network.recipe["size"] == 32
    small = torch.nn.functional.interpolate(
        (X / 255 - 0.5) / 0.25, size=(32, 32), mode="bilinear", antialias=True
    )
    with torch.no_grad():
        assert torch.allclose(network((X / 255 - 0.5) / 0.25), given(small / 4 / 0.5).logits, atol=1e-4)
    assert Trained(network, X)(5)(X.float()).shape == (3, 5)
    for file in tmp_path.glob("*.safetensors"):
        file.unlink()
    assert not load_model(f"hf:{tmp_path}", shape=(3, 40, 40)).recipe["trained"]
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(ValueError, match="pickled"):
        load_model(f"hf:{tmp_path}")
