"""A street's files are read strictly: a key that nobody knows is a typo, and a typo is refused by file and key."""

from pathlib import Path

import pytest

from api.street_files import read_canteens, read_dishes, read_menus, read_street
from engine.domain.errors import SettingsError
from engine.policies.offers import check_offers
from engine.policies.sizes import check_sizes

STREET = Path(__file__).parents[3] / "fixtures" / "street"
STREET_TOML = (STREET / "street.toml").read_text(encoding="utf-8")
DISHES = read_dishes(STREET / "dishes.toml")


def refused(path: Path, text: str, *wanted: str) -> None:
    """Write a file and check that reading it is refused with all of the words."""
    path.write_text(text, encoding="utf-8")
    read = {
        "street.toml": read_canteens,
        "dishes.toml": read_dishes,
        "menus.toml": lambda file: read_menus(file, DISHES),
    }
    with pytest.raises(SettingsError) as raised:
        read[path.name](path)
    for word in (str(path), *wanted):
        assert word in raised.value.message


def test_the_fixture_street_is_read_whole() -> None:
    street = read_street(STREET)
    assert [canteen.canteen_id for canteen in street.canteens] == ["lanxi", "meiling", "huaxi", "zaoyang"]
    lanxi = street.canteens[0]
    assert [lane.lane_id for lane in lanxi.lanes] == ["lanxi-1", "lanxi-2", "lanxi-3"]
    assert [(each.period_id, each.from_minute, each.until_minute) for each in lanxi.meal_periods] == [
        ("breakfast", 390, 540),
        ("lunch", 630, 810),
        ("dinner", 990, 1110),
    ]
    prices = {item.dish_id: item.price_fen for item in street.menus["lanxi", "lunch"].items}
    assert (prices["mifan"], prices["hongshaorou"]) == (100, 1000)
    assert street.dishes["mifan"].name_zh == "白米饭"
    assert len(street.menus) == 12


def test_every_menu_of_the_fixture_street_may_be_published_and_shows_each_kind_of_offer() -> None:
    menus = read_street(STREET).menus
    for content in menus.values():
        check_sizes(content.items)
        check_offers(content)
    assert [meal.title_zh for meal in menus["meiling", "lunch"].set_meals] == ["一荤两素套餐"]
    assert [inclusion.title_zh for inclusion in menus["zaoyang", "lunch"].inclusions] == ["荤菜含一碗米饭"]
    rice, large = menus["huaxi", "lunch"].items[:2]
    assert (large.size_of, large.category, large.price_fen, large.from_area_bps) == ("mifan", "staple", 200, 800)
    assert (rice.size_of, rice.price_fen, rice.from_area_bps) == ("", 100, 0)
    eggs = [item for content in menus.values() for item in content.items if item.dish_id == "ludan"]
    assert eggs
    assert all(egg.sold_by_piece for egg in eggs)


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ('district = "普陀区"', 'distrikt = "普陀区"', "distrikt"),
        ('crockery = "steel_tray"', 'crockrey = "steel_tray"', "crockrey"),
        ('starts = "06:30"', 'from = "06:30"', "from"),
        ('starts = "06:30"', 'starts = "half past six"', "half past six"),
        ('starts = "06:30"', 'starts = "06:61"', "06:61"),
        ("utc_offset_minutes = 480", 'utc_offset_minutes = "480"', "utc_offset_minutes"),
        ("[street]", "[street", "TOML"),
    ],
)
def test_a_wrong_street_is_refused_by_its_key(old: str, new: str, wanted: str, tmp_path: Path) -> None:
    assert old in STREET_TOML
    refused(tmp_path / "street.toml", STREET_TOML.replace(old, new, 1), wanted)


def test_a_file_that_is_missing_or_not_utf_8_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="does not exist"):
        read_canteens(tmp_path / "street.toml")
    with pytest.raises(SettingsError, match="cannot be read"):
        read_canteens(tmp_path)
    (tmp_path / "dishes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="TOML"):
        read_dishes(tmp_path / "dishes.toml")


def menu(items: str, canteen: str = "lanxi") -> str:
    return f'[[menus]]\ncanteen = "{canteen}"\nmeal_period = "lunch"\nitems = [{items}]\n'


def test_menus_refuse_what_they_do_not_know(tmp_path: Path) -> None:
    file = tmp_path / "menus.toml"
    refused(file, menu('{ dish_id = "mifan", price = 100 }'), "price")
    refused(file, menu('{ dish_id = "mifan", price_fen = 1.5 }'), "price_fen")
    refused(file, menu('{ dish_id = "unheard-of", price_fen = 100 }'), "unheard-of")
    refused(file, menu('{ dish_id = "mifan", price_fen = 1 }') * 2, "stands twice")


SET_MEAL = """
[[menus.set_meals]]
offer_id = "both"
title_zh = "套餐"
title_en = "Set"
price_fen = 500
slots = [{ dish_ids = ["mifan"] }, { categories = ["soup"], count = 2 }]
"""
INCLUSION = """
[[menus.inclusions]]
offer_id = "rice"
title_zh = "含饭"
title_en = "Rice included"
mains = { categories = ["meat"] }
included = { dish_ids = ["mifan"] }
"""
SIZE = '{ dish_id = "mifan-da", name_zh = "大碗", name_en = "Large", price_fen = 200, from_area_bps = 800 }'


def test_a_size_is_a_dish_of_its_own_and_offers_are_read_with_their_defaults(tmp_path: Path) -> None:
    sold = f'{{ dish_id = "mifan", price_fen = 100, sizes = [{SIZE}] }}'
    (tmp_path / "menus.toml").write_text(menu(sold) + SET_MEAL + INCLUSION, encoding="utf-8")

    content = read_menus(tmp_path / "menus.toml", DISHES)["lanxi", "lunch"]

    assert [(item.dish_id, item.size_of, item.name_zh) for item in content.items] == [
        ("mifan", "", "白米饭"),
        ("mifan-da", "mifan", "大碗"),
    ]
    (meal,), (inclusion,) = content.set_meals, content.inclusions
    assert [(slot.dishes.dish_ids, slot.dishes.categories, slot.count) for slot in meal.slots] == [
        (("mifan",), (), 1),
        ((), ("soup",), 2),
    ]
    assert (inclusion.per_main, inclusion.at_most_per_tray, inclusion.touching) == (1, 0, False)


def test_the_example_of_the_readme_is_a_menu_that_may_be_published(tmp_path: Path) -> None:
    readme = (STREET / "README.md").read_text(encoding="utf-8")
    (tmp_path / "menus.toml").write_text(readme.split("```toml")[1].split("```")[0], encoding="utf-8")

    content = read_menus(tmp_path / "menus.toml", DISHES)["huaxi", "lunch"]

    check_sizes(content.items)
    check_offers(content)
    assert (len(content.items), len(content.set_meals), len(content.inclusions)) == (4, 1, 1)


@pytest.mark.parametrize(
    ("table", "old", "new", "wanted"),
    [
        (SET_MEAL, "price_fen", "prise_fen", "prise_fen"),
        (SET_MEAL, "count = 2", 'count = "2"', "count"),
        (SET_MEAL, "categories", "category", "category"),
        (SET_MEAL, "slots", "places", "places"),
        (INCLUSION, "mains", "main", "main"),
        (INCLUSION, "dish_ids", "dishes", "dishes"),
        (INCLUSION, "included = ", "touching = 1\nincluded = ", "touching"),
    ],
)
def test_an_offer_with_a_key_that_nobody_knows_is_refused_by_the_key(
    table: str, old: str, new: str, wanted: str, tmp_path: Path
) -> None:
    assert old in table
    refused(tmp_path / "menus.toml", menu('{ dish_id = "mifan" }') + table.replace(old, new), wanted)


def test_a_dish_without_price_is_read_as_free_so_that_publishing_refuses_it(tmp_path: Path) -> None:
    (tmp_path / "menus.toml").write_text(menu('{ dish_id = "mifan" }'))
    (item,) = read_menus(tmp_path / "menus.toml", DISHES)["lanxi", "lunch"].items
    assert item.price_fen == 0


def test_a_dish_named_twice_is_refused(tmp_path: Path) -> None:
    dish = '[[dishes]]\ndish_id = "mifan"\nname_zh = "白米饭"\nname_en = "Rice"\n'
    refused(tmp_path / "dishes.toml", dish * 2, "mifan", "stands twice")
