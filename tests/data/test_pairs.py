from __future__ import annotations

import torch

from posegen.core.skeletons import OPENPOSE18
from posegen.data.config import DeepFashionConfig, Market1501Config
from posegen.data.pairs import make_pairs, thinned, valid_poses
from posegen.data.prepare.recipes import deepfashion_place, market_place


def test_a_valid_pose_has_both_shoulders_and_both_hips() -> None:
    poses = torch.ones(4, 18, 3)
    for number, joint in enumerate(("left_hip", "right_shoulder", "nose")):
        poses[number, OPENPOSE18.joints.index(joint)] = 0
    assert valid_poses(poses).tolist() == [False, False, True, True]


def test_all_ordered_pairs_of_a_person() -> None:
    names = ["7_b.jpg", "7_a.jpg", "3_a.jpg", "3_b.jpg", "7_c.jpg", "0000_a.jpg", "0000_b.jpg"]
    valid = [True, True, True, True, False, True, True]
    assert make_pairs(names, valid, Market1501Config.outfit) == [
        ("3_a.jpg", "3_b.jpg"),
        ("3_b.jpg", "3_a.jpg"),
        ("7_a.jpg", "7_b.jpg"),
        ("7_b.jpg", "7_a.jpg"),
    ]


def test_thinned_pairs_depend_on_their_names_alone() -> None:
    pairs = [(f"{a}", f"{b}") for a in range(20) for b in range(20)]
    kept = thinned(pairs, 50)
    assert len(kept) == 50
    assert kept == [pair for pair in pairs if pair in set(kept)]
    assert set(thinned(pairs[::-1], 50)) == set(kept)
    assert set(thinned(pairs, 20)) < set(kept)
    assert thinned(pairs, None) == thinned(pairs, 400) == pairs
    assert len({a for a, _ in kept}) > 10  # they are spread


def test_names_tell_who_is_in_a_picture() -> None:
    name = "fashionWOMENBlouses_Shirtsid0000069302_3back.jpg"
    assert DeepFashionConfig.outfit(name) == "fashionWOMENBlouses_Shirtsid0000069302"
    assert DeepFashionConfig.item(name) == "00000693"
    assert (
        DeepFashionConfig.item("p000001_02.jpg")
        == DeepFashionConfig.outfit("p000001_02.jpg")
        == "p000001"
    )
    assert Market1501Config.outfit("0002_c1s1_000451_03.jpg") == "0002"
    for nobody in ("-1_c1s1_000401_03.jpg", "0000_c1s1_000151_01.jpg", "picture.jpg", "_x.jpg"):
        assert Market1501Config.outfit(nobody) is None


def test_published_names() -> None:
    """The first line of the published test.lst, and another with an underscore in its category."""
    assert deepfashion_place("In-shop/img/MEN/Shirts_Polos/id_00001802/02_4_full.jpg") == (
        "img",
        "fashionMENShirts_Polosid0000180202_4full.jpg",
    )
    assert deepfashion_place("img_highres/WOMEN/Tees_Tanks/id_00005976/03_7_additional.jpg") == (
        "img_highres",
        "fashionWOMENTees_Tanksid0000597603_7additional.jpg",
    )
    assert deepfashion_place("fashion/MEN/Denim/id_00000080/01_1_front.jpg") == (
        "img",
        "fashionMENDenimid0000008001_1front.jpg",
    )
    for other in ("img/WOMEN/Tees_Tanks/id_1/03_7_additional.jpg", "img/list.txt", "a.jpg"):
        assert deepfashion_place(other) is None
    place = market_place("Market-1501-v15.09.15/bounding_box_test/0330_c5s1_075798_04.jpg")
    assert place == ("test", "0330_c5s1_075798_04.jpg")
    for other in ("query/0330_c5s1_075798_00.jpg", "bounding_box_test/-1_c1s1_000401_03.jpg"):
        assert market_place(other) is None
