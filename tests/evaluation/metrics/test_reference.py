from __future__ import annotations

import pytest
import torch
from PIL import Image
from torch.nn.functional import interpolate

from posegen.core import Config, DataError, Pair, PairDataset
from posegen.evaluation.metrics.reference import (
    Kept,
    dataset_images,
    folder_images,
    without_tail,
)


def save(folder, images, ending=".png"):
    folder.mkdir(exist_ok=True)
    for number, image in enumerate(images):
        picture = Image.fromarray(image.permute(1, 2, 0).numpy())
        picture.save(folder / f"{number:03}{ending}")
    return folder


@pytest.fixture
def images(natural):
    return natural(0, 7, (12, 8))


@pytest.fixture
def folder(tmp_path, images):
    return save(tmp_path / "real", images)


def halved(image):
    return interpolate(image.float(), (6, 4)).byte()


class Two(PairDataset):
    """Pairs (0, 1), (1, 2), … of pictures."""

    def __init__(self, pictures):
        super().__init__(Config(), "train")
        self.pictures = pictures

    def __len__(self):
        return len(self.pictures) - 1

    def __getitem__(self, index):
        keypoints = torch.zeros(18, 3)
        source, target = self.pictures[index], self.pictures[index + 1]
        return Pair(source, target, keypoints, keypoints, f"p{index}", f"p{index + 1}")


# A folder


def test_the_pictures_of_a_folder_in_the_order_of_their_names(folder, images):
    (folder / "notes.txt").write_text("not a picture")
    before = torch.random.get_rng_state()
    parts = list(folder_images(folder, batch_size=3))
    assert torch.equal(before, torch.random.get_rng_state())
    assert [len(part) for part in parts] == [3, 3, 1]
    assert torch.equal(torch.cat(parts), images)


def test_endings_in_capitals_and_grey_pictures(tmp_path, images):
    folder = save(tmp_path / "real", images[:1], ".JPG")
    Image.new("L", (8, 12), 90).save(folder / "grey.png")
    (whole,) = folder_images(folder)
    assert whole.shape == (2, 3, 12, 8)
    assert (whole[1] == 90).all()


def test_preparation(folder, images):
    parts = list(folder_images(folder, prepare=halved, batch_size=4))
    assert torch.equal(torch.cat(parts), halved(images))


def test_preparation_brings_pictures_to_one_size(folder, natural):
    Image.fromarray(natural(3, 1, (20, 20))[0].permute(1, 2, 0).numpy()).save(folder / "9.png")
    assert len(torch.cat(list(folder_images(folder, prepare=halved)))) == 8
    with pytest.raises(DataError, match=r"9\.png: the reference image is 20×20 .* first one 12×8"):
        list(folder_images(folder))


def test_a_damaged_picture_is_named_in_one_sentence(folder):
    (folder / "002.png").write_bytes((folder / "002.png").read_bytes()[:60])
    with pytest.raises(DataError) as caught:
        list(folder_images(folder))
    assert str(caught.value).startswith(f"{folder / '002.png'}: cannot be decoded as a picture (")
    assert "\n" not in str(caught.value)


def test_an_error_of_the_preparation_names_the_picture(folder):
    def fail(image):
        raise DataError("too small.")

    with pytest.raises(DataError, match=r"000\.png: too small\."):
        list(folder_images(folder, prepare=fail))


def test_folders_that_hold_nothing(tmp_path):
    with pytest.raises(DataError, match="nowhere: no such folder"):
        folder_images(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="empty: holds no picture"):
        folder_images(tmp_path / "empty")


def test_a_folders_digest_is_of_names_contents_and_preparation(folder, tmp_path, images):
    def digest(path, **options):
        return folder_images(path, **options).digest

    first = digest(folder)
    assert len(first) == 64
    assert digest(save(tmp_path / "copy", images), batch_size=2) == first
    assert digest(folder, preparation="halved") != first
    (folder / "000.png").rename(folder / "000.PNG")
    renamed = digest(folder)
    assert renamed != first
    (folder / "006.png").write_bytes((folder / "005.png").read_bytes())
    assert digest(folder) not in (first, renamed)


# A data set


def test_the_images_of_a_data_set_each_once(images):
    parts = list(dataset_images(Two(images), batch_size=4))
    assert [len(part) for part in parts] == [4, 3]
    assert torch.equal(torch.cat(parts), images)
    (whole,) = dataset_images(Two(images), prepare=halved)
    assert torch.equal(whole, halved(images))


def test_a_data_sets_digest_is_of_names_pixels_and_preparation(images):
    first = dataset_images(Two(images)).digest
    assert dataset_images(Two(images.clone()), batch_size=1).digest == first
    assert dataset_images(Two(images), preparation="halved").digest != first
    changed = images.clone()
    changed[3, 0, 0, 0] ^= 1
    assert dataset_images(Two(changed)).digest != first
    assert dataset_images(Two(images.transpose(2, 3).reshape(images.shape))).digest != first
    turned = images.reshape(7, 3, 8, 12)  # the same bytes in another shape
    assert dataset_images(Two(turned)).digest != first


def test_images_of_several_sizes(images, natural):
    mixed = [*images, natural(2, 1, (9, 9))[0]]
    with pytest.raises(DataError, match="p7: the reference image is 9×9"):
        list(dataset_images(Two(mixed)))


# What is kept


def test_kept_tensors_are_of_all_that_they_depend_on(cache):
    kept = Kept("a" * 64, ("tf", "tf1", "b" * 64))
    kept.write("moments", torch.arange(3.0), drop_last=64)
    assert kept.read("moments", drop_last=64).tolist() == [0, 1, 2]
    for other in (
        kept.read("moments", drop_last=0),
        kept.read("features", drop_last=64),
        Kept("c" * 64, ("tf", "tf1", "b" * 64)).read("moments", drop_last=64),
        Kept("a" * 64, ("tf", "bilinear", "b" * 64)).read("moments", drop_last=64),
    ):
        assert other is None
    (file,) = cache.iterdir()
    assert file.name.startswith("moments-")


def test_they_are_kept_at_home_where_nothing_else_is_said(tmp_path, monkeypatch):
    monkeypatch.delenv("POSEGEN_CACHE", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    Kept("a", ("b",)).write("features", torch.zeros(1))
    assert len(list((tmp_path / ".cache" / "posegen" / "features").iterdir())) == 1


@pytest.mark.parametrize(
    ("parts", "multiple", "left"),
    [
        ([5, 5, 5], 4, 12),
        ([5, 5, 5], 1, 15),
        ([5], 0, 5),
        ([3, 3], 7, 0),
        ([1] * 9, 3, 9),
        ([], 2, 0),
    ],
)
def test_the_tail_of_a_stream(parts, multiple, left):
    rows = torch.arange(sum(parts))[:, None]
    found = list(without_tail(iter(torch.split(rows, parts)) if parts else iter([]), multiple))
    joined = torch.cat(found) if found else rows[:0]
    assert joined.flatten().tolist() == list(range(left))
