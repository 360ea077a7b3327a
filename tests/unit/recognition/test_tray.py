import io
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageDraw

from engine.domain.errors import (
    EnrolmentError,
    GalleryMismatchError,
    ModelInvalidError,
    PhotoUnreadableError,
    PhotoUnusableError,
)
from engine.domain.reading import Box, ReadingTimings, TrayReading
from recognition.frame import decode_photo
from recognition.gallery import Exemplar, Gallery
from recognition.tray import EnrolledPhoto, TrayReader, WhichPortion
from tests.unit.recognition.pictures import HEAPS, empty_tray, encoded, tray

DISHES = ("tomato", "greens", "egg", "pork")


def exemplar_of(dish_id: str, photo: EnrolledPhoto) -> Exemplar:
    return Exemplar(dish_id=dish_id, exemplar_id=photo.exemplar_id, vectors=photo.vectors)


@pytest.fixture(scope="module")
def gallery(reader: TrayReader) -> Gallery:
    """Each heap of the tray enrolled from a photograph that shows it alone."""
    exemplars = []
    for dish_id, (_, (x, y)) in zip(DISHES, HEAPS, strict=True):
        alone = encoded(tray().crop((x - 225, y - 195, x + 225, y + 195)), "PNG")
        exemplars += [exemplar_of(dish_id, photo) for photo in reader.enrol([alone])]
    return Gallery(reader.embedder_sha256, exemplars)


def without_timings(reading: TrayReading) -> TrayReading:
    return replace(reading, timings=ReadingTimings())


def intersection_over_union(one: Box, other: Box) -> float:
    width = min(one.right_px, other.right_px) - max(one.left_px, other.left_px)
    height = min(one.bottom_px, other.bottom_px) - max(one.top_px, other.top_px)
    shared = max(width, 0) * max(height, 0)
    areas = [(box.right_px - box.left_px) * (box.bottom_px - box.top_px) for box in (one, other)]
    return shared / (sum(areas) - shared)


def test_every_heap_on_a_tray_is_seen_and_named_in_reading_order(reader: TrayReader, gallery: Gallery) -> None:
    reading = reader.read(encoded(tray()), gallery, DISHES)
    assert [sighting.candidates[0].dish_id for sighting in reading.sightings] == list(DISHES)
    for sighting, (_, (x, y)) in zip(reading.sightings, HEAPS, strict=True):
        drawn = Box(left_px=x - 118, top_px=y - 105, right_px=x + 118, bottom_px=y + 110)
        assert intersection_over_union(sighting.box, drawn) > 0.7
        assert sighting.detector_bps > 6000
        assert len(sighting.candidates) == 4


def test_a_reading_says_which_photograph_size_and_models_it_comes_from(reader: TrayReader, gallery: Gallery) -> None:
    reading = reader.read(encoded(tray()), gallery, DISHES)
    assert (reading.width_px, reading.height_px) == (960, 720)
    assert len(reading.photo_sha256) == 64
    assert [model.name for model in reading.models] == ["dish_detector", "dish_embedder"]
    assert reading.models == reader.models
    assert reading.models[1].sha256 == reader.embedder_sha256
    assert min(reading.timings.decode_us, reading.timings.detect_us, reading.timings.embed_us) > 0


def test_candidates_are_dishes_of_the_menu_only(reader: TrayReader, gallery: Gallery) -> None:
    reading = reader.read(encoded(tray()), gallery, {"egg", "pork", "never enrolled"})
    assert len(reading.sightings) == 4
    assert {c.dish_id for sighting in reading.sightings for c in sighting.candidates} == {"egg", "pork"}


def test_without_a_menu_portions_are_still_seen(reader: TrayReader, gallery: Gallery) -> None:
    reading = reader.read(encoded(tray()), gallery, [])
    assert [sighting.candidates for sighting in reading.sightings] == [()] * 4


def test_an_empty_tray_is_a_reading_without_sightings(reader: TrayReader, gallery: Gallery) -> None:
    assert reader.read(encoded(empty_tray()), gallery, DISHES).sightings == ()


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (186, 190, 194), (4, 6, 5)])
def test_a_blank_frame_is_refused_and_never_a_reading(
    reader: TrayReader, gallery: Gallery, colour: tuple[int, int, int]
) -> None:
    with pytest.raises(PhotoUnusableError):
        reader.read(encoded(Image.new("RGB", (1280, 960), colour)), gallery, DISHES)


@pytest.mark.parametrize("seed", range(5))
def test_things_on_a_tray_that_are_no_food_never_reach_the_score_that_is_accepted(
    reader: TrayReader, gallery: Gallery, seed: int
) -> None:
    """A receipt, chopsticks and a card under different light; a weak sighting goes to a person, not on a bill."""
    rng = np.random.default_rng(seed)
    picture = empty_tray()
    pen = ImageDraw.Draw(picture)
    pen.polygon([(560, 110), (700, 100), (715, 320), (575, 330)], fill=(240, 240, 236))
    pen.line((120, 600, 430, 420), fill=(170, 130, 80), width=9)
    pen.line((130, 620, 445, 445), fill=(170, 130, 80), width=9)
    pen.rounded_rectangle((560, 450, 700, 540), radius=10, fill=(40, 80, 160))
    lit = np.asarray(picture) * rng.uniform(0.5, 1.1) + rng.normal(0, 4, (720, 960, 3))
    photo = encoded(Image.fromarray(lit.clip(0, 255).astype(np.uint8)))
    assert all(sighting.detector_bps < 4000 for sighting in reader.read(photo, gallery, DISHES).sightings)


def test_damaged_bytes_are_refused_and_never_an_empty_reading(reader: TrayReader, gallery: Gallery) -> None:
    with pytest.raises(PhotoUnreadableError):
        reader.read(encoded(tray())[:4000], gallery, DISHES)


def test_a_gallery_of_another_embedder_is_refused(reader: TrayReader) -> None:
    with pytest.raises(GalleryMismatchError):
        reader.read(encoded(tray()), Gallery("another"), DISHES)


def test_more_portions_than_a_tray_can_hold_are_refused(reader: TrayReader, gallery: Gallery) -> None:
    heap = tray(1).crop((110, 90, 390, 345)).resize((130, 120))
    counter = Image.new("RGB", (1200, 960), (202, 205, 208))
    for column in range(7):
        for row in range(5):
            counter.paste(heap, (5 + column * 170, 5 + row * 160))
    with pytest.raises(PhotoUnusableError, match="one tray at a time") as refusal:
        reader.read(encoded(counter), gallery, DISHES)
    assert int(str(refusal.value.details["portions"])) > 24


def test_reading_the_same_photograph_twice_gives_the_same_reading(reader: TrayReader, gallery: Gallery) -> None:
    photo = encoded(tray())
    first, second = (without_timings(reader.read(photo, gallery, DISHES)) for _ in range(2))
    assert first == second


def test_readings_from_several_threads_are_the_same_as_one_by_one(reader: TrayReader, gallery: Gallery) -> None:
    photos = [encoded(tray(heaps)) for heaps in (0, 1, 2, 3, 4)] * 2
    alone = [without_timings(reader.read(photo, gallery, DISHES)) for photo in photos]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda photo: without_timings(reader.read(photo, gallery, DISHES)), photos))
    assert together == alone
    assert [len(reading.sightings) for reading in alone[:5]] == [0, 1, 2, 3, 4]


def test_two_threads_per_reading_see_the_same_as_one(reader: TrayReader, gallery: Gallery) -> None:
    one = reader.read(encoded(tray()), gallery, DISHES)
    two = TrayReader.load(threads=2).read(encoded(tray()), gallery, DISHES)
    for first, second in zip(one.sightings, two.sightings, strict=True):
        assert abs(first.detector_bps - second.detector_bps) <= 5
        assert intersection_over_union(first.box, second.box) > 0.98
        for left, right in zip(first.candidates, second.candidates, strict=True):
            assert left.dish_id == right.dish_id
            assert abs(left.similarity_bps - right.similarity_bps) <= 10


@pytest.mark.parametrize(
    ("orientation", "stored_turn"),
    [(3, Image.Transpose.ROTATE_180), (6, Image.Transpose.ROTATE_90), (8, Image.Transpose.ROTATE_270)],
)
def test_a_photograph_taken_with_a_turned_camera_gives_the_same_reading(
    reader: TrayReader, gallery: Gallery, orientation: int, stored_turn: Image.Transpose
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    upright = reader.read(encoded(tray(), "PNG"), gallery, DISHES)
    turned = reader.read(encoded(tray().transpose(stored_turn), "PNG", exif=exif), gallery, DISHES)
    assert turned.sightings == upright.sightings
    assert (turned.width_px, turned.height_px) == (960, 720)


def test_a_tray_in_portrait_is_read_too(reader: TrayReader, gallery: Gallery) -> None:
    reading = reader.read(encoded(tray().transpose(Image.Transpose.ROTATE_90)), gallery, DISHES)
    assert len(reading.sightings) == 4
    assert (reading.width_px, reading.height_px) == (720, 960)


def test_the_same_tray_sent_larger_is_read_alike(reader: TrayReader, gallery: Gallery) -> None:
    reading = reader.read(encoded(tray().resize((3840, 2880)), quality=90), gallery, DISHES)
    assert [sighting.candidates[0].dish_id for sighting in reading.sightings] == list(DISHES)
    assert all(sighting.box.right_px <= reading.width_px for sighting in reading.sightings)


def test_a_higher_floor_reports_fewer_portions(reader: TrayReader, gallery: Gallery) -> None:
    everything = reader.read(encoded(tray()), gallery, DISHES).sightings
    highest_bps = max(sighting.detector_bps for sighting in everything)
    detector, embedder = reader.cards
    strict = TrayReader(detector, embedder, detector_floor_bps=highest_bps)
    certain = strict.read(encoded(tray()), gallery, DISHES).sightings
    assert certain == tuple(sighting for sighting in everything if sighting.detector_bps >= highest_bps)
    assert 0 < len(certain) < len(everything)


def test_a_reader_whose_models_are_swapped_is_refused(reader: TrayReader) -> None:
    detector, embedder = reader.cards
    with pytest.raises(ModelInvalidError):
        TrayReader(embedder, detector)


# --- enrolment ---------------------------------------------------------------------------------------------------


def test_enrolling_takes_the_portion_and_not_its_surroundings(reader: TrayReader) -> None:
    (photo,) = reader.enrol([encoded(tray(1))])
    drawn = Box(left_px=250 - 118, top_px=220 - 105, right_px=250 + 118, bottom_px=220 + 110)
    assert photo.portion_found
    assert intersection_over_union(photo.box, drawn) > 0.7
    crop = Image.open(io.BytesIO(photo.crop_jpeg))
    assert crop.size == (photo.box.right_px - photo.box.left_px, photo.box.bottom_px - photo.box.top_px)


def test_an_enrolled_photograph_has_one_unit_vector_per_zoom(reader: TrayReader) -> None:
    (photo,) = reader.enrol([encoded(tray(1))])
    assert photo.vectors.shape == (3, 1280)
    assert np.allclose(np.linalg.norm(photo.vectors, axis=1), 1.0, atol=1e-4)
    assert not np.allclose(photo.vectors[0], photo.vectors[2], atol=1e-3)


def test_of_several_portions_the_one_in_the_middle_is_enrolled(reader: TrayReader) -> None:
    _, (x, y) = HEAPS[3]
    (photo,) = reader.enrol([encoded(tray().crop((x - 340, y - 220, x + 250, y + 200)))])
    assert photo.box.left_px < 340 < photo.box.right_px
    assert photo.box.top_px < 220 < photo.box.bottom_px


def test_a_photograph_without_a_portion_is_enrolled_as_a_whole_and_says_so(reader: TrayReader) -> None:
    (photo,) = reader.enrol([encoded(empty_tray())])
    assert not photo.portion_found
    assert photo.box == Box(left_px=0, top_px=0, right_px=960, bottom_px=720)
    assert max(Image.open(io.BytesIO(photo.crop_jpeg)).size) == 640


def test_a_photograph_can_be_enrolled_as_a_whole_on_demand(reader: TrayReader) -> None:
    (photo,) = reader.enrol([encoded(tray(1))], portion=WhichPortion.WHOLE)
    assert photo.box == Box(left_px=0, top_px=0, right_px=960, bottom_px=720)
    assert not photo.portion_found


def test_a_dish_is_enrolled_from_a_whole_tray_by_the_number_of_its_portion(reader: TrayReader) -> None:
    photo = encoded(tray())
    portions = reader.detect(Image.fromarray(decode_photo(photo).pixels))
    numbered = [reader.enrol([photo], portion=number)[0] for number in range(1, len(portions) + 1)]

    assert [one.box for one in numbered] == [portion.box for portion in portions]
    assert len({one.exemplar_id for one in numbered}) == len(numbered)
    with pytest.raises(EnrolmentError, match=r"there is no portion 9"):
        reader.enrol([photo], portion=9)


def test_a_box_is_in_pixels_of_the_photograph_as_it_was_sent(reader: TrayReader) -> None:
    large = encoded(tray().resize((1920, 1440)))
    (photo,) = reader.enrol([large], portion=Box(left_px=200, top_px=100, right_px=800, bottom_px=5000))
    frame = decode_photo(large)

    assert photo.box.right_px == round(800 * frame.width_px / 1920)
    assert photo.box.bottom_px == frame.height_px
    with pytest.raises(EnrolmentError, match="outside photograph 1, which is 1920 x 1440"):
        reader.enrol([large], portion=Box(left_px=2000, top_px=0, right_px=2100, bottom_px=90))


def test_the_kept_crop_is_good_enough_to_be_embedded_again(reader: TrayReader) -> None:
    (photo,) = reader.enrol([encoded(tray(1))])
    again = reader.vectors_of_crop(photo.crop_jpeg)
    assert ((again * photo.vectors).sum(axis=1) > 0.98).all()
    with pytest.raises(EnrolmentError, match="cannot be decoded"):
        reader.vectors_of_crop(photo.crop_jpeg[:20])


def test_the_same_photograph_is_enrolled_once_and_always_under_the_same_id(reader: TrayReader) -> None:
    first, second = encoded(tray(1)), encoded(tray(1), quality=60)
    enrolled = reader.enrol([first, second, first])
    assert len(enrolled) == 2
    assert reader.enrol([second])[0].exemplar_id == enrolled[1].exemplar_id
    assert len({photo.exemplar_id for photo in enrolled}) == 2


def test_a_photograph_that_cannot_be_used_is_named_with_its_reason(reader: TrayReader) -> None:
    black = encoded(Image.new("RGB", (640, 480)))
    with pytest.raises(EnrolmentError, match=r"Photograph 2 of 3 .*black") as refusal:
        reader.enrol([encoded(tray(1)), black, b"no photograph"])
    assert refusal.value.details == {"photo": 2, "reason": "photo_unusable"}


def test_a_dish_that_is_only_a_few_pixels_large_is_not_enrolled(reader: TrayReader) -> None:
    with pytest.raises(EnrolmentError, match="Go nearer"):
        reader.enrol([encoded(tray(1).resize((160, 120)), "PNG")])


@pytest.mark.parametrize("count", [0, 21])
def test_no_photographs_or_too_many_are_refused(reader: TrayReader, count: int) -> None:
    with pytest.raises(EnrolmentError, match="Give 1 to 20"):
        reader.enrol([b""] * count)
