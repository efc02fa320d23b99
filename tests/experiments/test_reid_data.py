from __future__ import annotations

import pytest
import torch

from posegen.core.errors import ConfigError, DataError
from posegen.experiments.reid.data import Namer, fraction_of, read_folder


def test_names_of_market_and_of_the_embedded_people():
    namer = Namer()
    assert namer("0002_c1s1_000451_03.jpg") == ("0002", "1")
    assert namer("-1_c3s2_000451_03.jpg") == ("-1", "3")
    assert namer("p000012_03.png") == ("000012", "03")
    assert Namer(r"(?P<person>\w+)/(?P<camera>\d)".replace("/", "-"))("anna-7.jpg") == ("anna", "7")


def test_other_names_and_wrong_patterns_are_refused():
    with pytest.raises(DataError, match=r"anna\.jpg.*--names"):
        Namer()("anna.jpg")
    with pytest.raises(ConfigError, match="no regular expression"):
        Namer("(")
    with pytest.raises(ConfigError, match="needs the groups"):
        Namer(r"(?P<person>\d+)")


def test_a_part_has_something_of_everybody_and_lies_in_larger_parts():
    people = ["a"] * 10 + ["b"] * 4 + ["c"]
    names = [f"{person}{n}" for n, person in enumerate(people)]
    parts = [set(fraction_of(names, people, part, seed=1)) for part in (0.1, 0.5, 1.0)]
    assert [len(part) for part in parts] == [3, 8, 15]
    assert parts[0] < parts[1] < parts[2]
    assert {people[i] for i in parts[0]} == {"a", "b", "c"}
    assert set(fraction_of(names, people, 0.5, seed=2)) != parts[1]


def test_a_picture_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "0002_c1s1_000451_03.jpg").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"0002_c1s1_000451_03\.jpg: cannot be read"):
        read_folder(tmp_path, Namer(), (32, 16))
    (tmp_path / "0002_c1s1_000451_03.jpg").unlink()
    with pytest.raises(DataError, match="no picture in it"):
        read_folder(tmp_path, Namer(), (32, 16))


def test_pictures_are_read_at_a_size(tmp_path):
    from posegen.data.image_files import save_picture

    picture = torch.full((3, 64, 32), 77, dtype=torch.uint8)
    save_picture(tmp_path / "0002_c1s1_000451_03.png", picture, "png")
    found = read_folder(tmp_path, Namer(), (32, 16))
    assert found.images.shape == (1, 3, 32, 16)
    assert (found.images == 77).all()
