from __future__ import annotations

import copy
import gc

import pytest
import torch
import torchvision
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
from torchmetrics.image.fid import NoTrainInceptionV3

from posegen.core import WeightsError
from posegen.evaluation.metrics import inception as module
from posegen.evaluation.metrics import networks
from posegen.evaluation.metrics.inception import PUBLISHED, TF_OPTION, Inception

SIZE = (40, 24)


@pytest.fixture
def images(natural):
    return natural(0, 2, SIZE)


@pytest.fixture
def tf(tf_weights):
    return Inception("tf", tf_weights, TF_OPTION)


def close(ours, theirs):
    assert theirs.std() > 0.01
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def test_the_tensorflow_network_equals_torch_fidelitys(tf, tf_weights, images):
    theirs = FeatureExtractorInceptionV3("inception", ["2048", "logits_unbiased"], str(tf_weights))
    features, logits = theirs(images)
    ours = tf.features(images)
    assert ours.dtype == torch.float32
    close(ours, features)
    assert tf.probabilities(ours).dtype == torch.float64
    torch.testing.assert_close(
        tf.probabilities(ours), logits.double().softmax(dim=1), rtol=1e-3, atol=0
    )


def test_antialias_equals_torchmetrics(tf_weights, images):
    theirs = NoTrainInceptionV3("inception", ["2048"], str(tf_weights))
    ours = Inception("tf", tf_weights, TF_OPTION, "antialias").features(images)
    close(ours, theirs._torch_fidelity_forward(images)[0])


def test_the_torchvision_network_equals_torchvisions(torchvision_weights, images):
    """Its `transform_input` is the affine map; GFLA's script resizes before it."""
    with torch.device("meta"):
        theirs = torchvision.models.inception_v3(
            weights=None, init_weights=False, transform_input=True
        )
    state = torch.load(torchvision_weights, weights_only=True)
    theirs.load_state_dict(state, assign=True, strict=False)
    theirs.fc = torch.nn.Identity()
    resized = torch.nn.functional.interpolate(images / 255, (299, 299), mode="bilinear")
    with torch.no_grad():
        expected = theirs.eval()(resized)
    close(Inception("torchvision", torchvision_weights, "--x").features(images), expected)


def test_ways_to_resize_differ(tf_weights, images):
    networks = {r: Inception("tf", tf_weights, TF_OPTION, r) for r in (None, "tf1", "bilinear")}
    results = {resize: network.features(images) for resize, network in networks.items()}
    assert torch.equal(results[None], results["tf1"])
    assert (results["tf1"] - results["bilinear"]).abs().max() > 1e-3
    assert networks[None].identity == networks["tf1"].identity
    assert networks["bilinear"].identity != networks["tf1"].identity


def test_parts_of_a_batch_and_fractions_change_nothing(tf, images, monkeypatch):
    whole = tf.features(images)
    monkeypatch.setattr(module, "CHUNK", 1)
    torch.testing.assert_close(tf.features(images), whole, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(tf.features(images.float()), whole, rtol=1e-4, atol=1e-5)


def test_a_network_is_in_memory_once_as_long_as_it_is_needed(tf, tf_weights):
    before = torch.random.get_rng_state()
    again, copied = Inception("tf", tf_weights, TF_OPTION, "bilinear"), copy.deepcopy(tf)
    assert torch.equal(before, torch.random.get_rng_state())
    assert tf._network is again._network is copied._network
    digest = tf._network.sha256
    del tf, again, copied
    gc.collect()
    # The fixture of this test holds one; it is the only one.
    assert [key for key in networks._alive if key[1] == digest] == [("inception-tf", digest)]


def test_features_of_a_batch_are_computed_once(tf, images, scored, monkeypatch):
    calls = []
    monkeypatch.setattr(tf, "features", lambda x: calls.append(len(x)) or torch.zeros(len(x), 3))
    batch = scored(images, images)
    for _ in range(3):
        tf.of_batch(batch, "generated")
    tf.of_batch(batch, "target")
    assert calls == [2, 2]


@pytest.mark.parametrize("network", ["tf", "torchvision"])
def test_missing_weights_name_file_digest_and_option(network, offline):
    with pytest.raises(WeightsError) as caught:
        Inception(network, None, "--set fid.weights=FILE")
    published, message = PUBLISHED[network], str(caught.value)
    assert str(offline / published.filename) in message
    assert f"(sha256 {published.sha256})" in message
    assert "`--set fid.weights=FILE`" in message
    assert "\n" not in message


def test_a_damaged_file_in_the_cache(offline):
    file = offline / PUBLISHED["tf"].filename
    file.write_bytes(b"half a download")
    with pytest.raises(WeightsError, match=f"{file}: damaged"):
        Inception("tf", None, TF_OPTION)


def test_the_other_networks_file(tf_weights, torchvision_weights):
    with pytest.raises(WeightsError, match="not torchvision's ImageNet weights") as caught:
        Inception("torchvision", tf_weights, "--set fid.weights=FILE")
    assert str(caught.value).endswith(
        "give inception_v3_google-0cc3c7bd.pth with `--set fid.weights=FILE`."
    )
    with pytest.raises(WeightsError, match=r"not TensorFlow's .*AuxLogits"):
        Inception("tf", torchvision_weights, TF_OPTION)


def test_a_file_with_a_tensor_missing_or_misshapen(tf_weights, tmp_path):
    state = torch.load(tf_weights, weights_only=True)
    weight = state.pop("Mixed_5b.branch1x1.conv.weight")
    torch.save(state, tmp_path / "bad.pth")
    with pytest.raises(WeightsError, match=r"bad\.pth: .*Missing key.*Mixed_5b\.branch1x1"):
        Inception("tf", tmp_path / "bad.pth", TF_OPTION)
    torch.save({**state, "Mixed_5b.branch1x1.conv.weight": weight[:, :5]}, tmp_path / "bad.pth")
    with pytest.raises(WeightsError, match=r"size mismatch for Mixed_5b\.branch1x1"):
        Inception("tf", tmp_path / "bad.pth", TF_OPTION)


def test_reports_tell_a_file_that_is_not_the_published_one(tf):
    assert "inception.pth, sha256 " in tf.description
    assert tf._network.sha256[:8] in tf.description
