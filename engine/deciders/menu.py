"""What one canteen sells in one meal period of one day, in versions."""

from engine.deciders.stream_type import StreamType
from engine.domain.canteen import CanteenProfile, Site
from engine.domain.commands import PublishMenu
from engine.domain.errors import DishWithoutPriceError, InvalidValueError, NoMenuError, StaleMenuError
from engine.domain.events import Event, MenuPublished
from engine.domain.menu import MAX_DISHES_PER_MENU, MAX_PRICE_FEN, Menu, MenuContent
from engine.policies.offers import check_offers
from engine.policies.sizes import check_sizes


def decide_publication(state: Menu, command: PublishMenu, profile: CanteenProfile) -> tuple[Event, ...]:
    """Put a menu in force as the next version; the same again changes nothing. Refused as a whole or not at all.

    Raises:
        DishWithoutPriceError: `details['dishes']` names every dish without a price.
        InvalidValueError: `details` names the dish or the offer that cannot be.
    """
    if all(period.period_id != command.meal_period for period in profile.meal_periods):
        raise InvalidValueError(f"'{profile.canteen_id}' has no meal period '{command.meal_period}'.")
    if not 1 <= len(command.items) <= MAX_DISHES_PER_MENU:
        raise InvalidValueError(f"A menu has 1 to {MAX_DISHES_PER_MENU} dishes, not {len(command.items)}.")
    dish_ids = [item.dish_id for item in command.items]
    twice = sorted({dish_id for dish_id in dish_ids if dish_ids.count(dish_id) > 1})
    if twice:
        raise InvalidValueError("Dishes stand twice on the menu: " + ", ".join(twice), dishes=twice)
    unpriced = sorted(item.dish_id for item in command.items if item.price_fen <= 0)
    if unpriced:
        raise DishWithoutPriceError(
            "These dishes have no price: " + ", ".join(unpriced) + ". Give each a price above zero.", dishes=unpriced
        )
    too_dear = sorted(item.dish_id for item in command.items if item.price_fen > MAX_PRICE_FEN)
    if too_dear:
        raise InvalidValueError(f"Prices above {MAX_PRICE_FEN} fen: " + ", ".join(too_dear), dishes=too_dear)
    content = MenuContent(items=command.items, set_meals=command.set_meals, inclusions=command.inclusions)
    check_sizes(content.items)
    check_offers(content)
    if (state.items, state.set_meals, state.inclusions) == (content.items, content.set_meals, content.inclusions):
        return ()
    return (
        MenuPublished(
            at_ms=command.at_ms,
            by=command.by,
            canteen_id=command.canteen_id,
            business_day=command.business_day,
            meal_period=command.meal_period,
            version=state.version + 1,
            items=content.items,
            set_meals=content.set_meals,
            inclusions=content.inclusions,
        ),
    )


def require_menu(state: Menu, site: Site, made_against: int | None) -> Menu:
    """Return the menu in force.

    Args:
        made_against: the version a reading was made against, or None if it was made with the one in force.

    Raises:
        NoMenuError: none is published for the canteen, day and meal period.
        StaleMenuError: `details['menu_version']` is the version to read again with.
    """
    if state.version == 0:
        raise NoMenuError(
            f"No menu is published for {site.canteen_id} on {site.business_day}, {site.meal_period}. Publish it first."
        )
    if made_against is not None and made_against != state.version:
        raise StaleMenuError(
            f"The reading was made with menu version {made_against}, {state.version} is in force. Read the tray again.",
            menu_version=state.version,
        )
    return state


def evolve(state: Menu, event: Event) -> Menu:
    """Return the menu after an event."""
    match event:
        case MenuPublished():
            return Menu(
                version=event.version,
                items=event.items,
                set_meals=event.set_meals,
                inclusions=event.inclusions,
                by_dish={item.dish_id: item for item in event.items},
            )
        case _:
            return state


MENU: StreamType[Menu] = StreamType(initial=Menu(), evolve=evolve)
