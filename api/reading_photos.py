"""Reads photographs of trays against a canteen's gallery and menu, for a person to look at; nothing is stored."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from api.acceptance import policy_in_force
from api.clock import monotonic_ns
from api.doubt_words import DOUBT_WORDS
from api.galleries import GalleryShelf
from api.installation import clock_of, open_existing_store
from api.settings import Settings
from engine.application.store import EventStore
from engine.deciders.canteen import CANTEEN, require_profile
from engine.deciders.menu import MENU, require_menu
from engine.domain.bill import Doubt, ItemStatus, ScannedItem
from engine.domain.calendar import business_day, meal_period_at, minute_of_day
from engine.domain.canteen import CanteenProfile, Site
from engine.domain.errors import CanteenError, OutsideMealPeriodError, PhotoUnreadableError, SettingsError
from engine.domain.ids import canteen_stream, menu_stream
from engine.domain.menu import Menu
from engine.domain.money import yuan
from engine.policies.acceptance import AcceptancePolicy
from engine.policies.offers import apply_offers
from engine.policies.pricing import price_reading
from recognition.drawing import LabelledBox, SightingStatus, draw_reading
from recognition.frame import Frame, decode_photo
from recognition.tray import TrayReader


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadItem:
    """One portion as a person wants to see it; `name` is '' while it is unknown."""

    name: str
    status: ItemStatus
    doubt: Doubt
    confidence_bps: int
    price_fen: int
    look_alikes: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoReading:
    """One photograph read, or the problem with it."""

    photo: Path
    items: tuple[ReadItem, ...] = ()
    offers: tuple[tuple[str, int], ...] = ()
    """Titles of the offers given, with what each takes off in fen."""
    took_ms: int = 0
    drawn_to: Path | None = None
    problem: CanteenError | None = None

    @property
    def total_fen(self) -> int:
        """What the known portions cost under the offers."""
        return sum(item.price_fen for item in self.items) - sum(off_fen for _, off_fen in self.offers)


def read_photos(
    settings: Settings, photos: Sequence[Path], canteen_id: str, day: date | None, meal_period: str, save: Path | None
) -> Iterator[PhotoReading]:
    """Read photographs one after the other; a photograph that cannot be read does not stop the others.

    Args:
        day: business day of the menu; None for today at the canteen.
        meal_period: '' for the one that is served now.
        save: folder for pictures with the readings drawn in; None for none.
    Raises:
        SettingsError: there is no store, or the folder cannot be written to.
        CanteenError: there is no such canteen, or it has no menu then.
    """
    store = open_existing_store(settings)
    try:
        menu = _menu(store, settings, canteen_id, day, meal_period)
        reader = TrayReader.load(settings.models_dir, threads=settings.recognition_threads)
        policy = policy_in_force(store, settings, canteen_id, reader.models)
        shelf = GalleryShelf(store, reader.embedder_sha256)
        for photo, drawing in zip(photos, _drawings(photos, save), strict=True):
            yield _read_one(photo, reader, shelf, canteen_id, menu, policy, drawing)
    finally:
        store.close()


def _drawings(photos: Sequence[Path], folder: Path | None) -> list[Path | None]:
    """Name a file for each drawing; photographs of the same name from different folders do not share one."""
    if folder is None:
        return [None] * len(photos)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from error
    names: Counter[str] = Counter()
    drawings: list[Path | None] = []
    for photo in photos:
        names[photo.stem] += 1
        number = f"-{names[photo.stem]}" if names[photo.stem] > 1 else ""
        drawings.append(folder / f"{photo.stem}{number}.read.jpg")
    return drawings


def _unwritable(path: Path, error: OSError) -> SettingsError:
    return SettingsError(f"{path} cannot be written ({error.strerror}). Give another folder with --save.")


def _menu(store: EventStore, settings: Settings, canteen_id: str, day: date | None, meal_period: str) -> Menu:
    profile = require_profile(store.state(CANTEEN, canteen_stream(canteen_id)), canteen_id)
    now_ms = clock_of(settings).now_ms()
    on = day or business_day(now_ms, profile.utc_offset_minutes)
    period = meal_period or _period_now(profile, now_ms)
    site = Site(canteen_id=canteen_id, lane_id="", business_day=on.isoformat(), meal_period=period)
    return require_menu(store.state(MENU, menu_stream(canteen_id, on, period)), site, None)


def _period_now(profile: CanteenProfile, now_ms: int) -> str:
    period = meal_period_at(profile.meal_periods, minute_of_day(now_ms, profile.utc_offset_minutes))
    if period is None:
        served = ", ".join(known.period_id for known in profile.meal_periods)
        raise OutsideMealPeriodError(f"No meal is served now. Name a meal period with --period: {served}.")
    return period.period_id


def _read_one(
    photo: Path,
    reader: TrayReader,
    shelf: GalleryShelf,
    canteen_id: str,
    menu: Menu,
    policy: AcceptancePolicy,
    drawing: Path | None,
) -> PhotoReading:
    try:
        began_ns = monotonic_ns()
        frame = decode_photo(_content(photo))
        reading = reader.read_frame(frame, shelf.gallery(canteen_id), frozenset(menu.by_dish))
        took_ms = (monotonic_ns() - began_ns) // 1_000_000
        items = price_reading(reading, menu.by_dish, policy)
    except CanteenError as problem:
        return PhotoReading(photo=photo, problem=problem)
    if drawing is not None:
        try:
            drawing.write_bytes(_drawn(frame, items, menu))
        except OSError as error:
            raise _unwritable(drawing, error) from error
    return PhotoReading(
        photo=photo,
        items=tuple(_read_item(item, menu) for item in items),
        offers=tuple(
            (offer.title_zh, sum(line.list_fen - line.price_fen for line in offer.lines))
            for offer in apply_offers(items, menu)
        ),
        took_ms=took_ms,
        drawn_to=drawing,
    )


def _content(photo: Path) -> bytes:
    try:
        return photo.read_bytes()
    except OSError as error:
        raise PhotoUnreadableError(f"The file cannot be read ({error.strerror}).") from error


def _read_item(item: ScannedItem, menu: Menu) -> ReadItem:
    return ReadItem(
        name=menu.by_dish[item.dish_id].name_zh if item.dish_id else "",
        status=item.status,
        doubt=item.doubt,
        confidence_bps=item.confidence_bps,
        price_fen=item.price_fen,
        look_alikes=tuple(
            (menu.by_dish[candidate.dish_id].name_zh, candidate.similarity_bps) for candidate in item.candidates
        ),
    )


def _drawn(frame: Frame, items: Sequence[ScannedItem], menu: Menu) -> bytes:
    labelled = [
        LabelledBox(
            box=item.box,
            status=SightingStatus(item.status.value),
            title=menu.by_dish[item.dish_id].name_zh if item.dish_id else "未识别",
            details=_details(item),
        )
        for item in items
        if item.box is not None
    ]
    return draw_reading(frame, labelled)


def _details(item: ScannedItem) -> str:
    """Confidence, price, and in words what the colour of a doubtful portion says."""
    parts = [f"{item.confidence_bps // 100}%"]
    if item.dish_id:
        parts.append(f"{yuan(item.price_fen)} 元")
    if item.status is ItemStatus.UNCERTAIN:
        parts.append(f"待确认：{DOUBT_WORDS[item.doubt]}")
    return "  ".join(parts)
