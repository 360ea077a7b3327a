"""Loads canteens, menus, rules, residents and enrolment photographs through the HTTP API, like any other client.

The command line uses it on an app inside its own process, the demo on a real server. Loading again changes nothing.
"""

from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec

from api.clock import Clock
from api.street_files import Street
from engine.application.rule_files import read_rules
from engine.domain.calendar import business_day
from engine.domain.canteen import CanteenProfile
from engine.domain.errors import CanteenError, SettingsError, UnknownCanteenError
from engine.domain.menu import MenuContent, MenuItem
from recognition.calibration.limits_file import MeasuredLimits

PHOTO_SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".webp"})
Told = Callable[[str, int, int], None]
"""Told what is loaded, how much of it is done, and how much there is."""


class LoadingRefusedError(CanteenError):
    """The API refused something that was to be loaded; `problem` is its answer (RFC 9457)."""

    code = "loading_refused"

    def __init__(self, what: str, problem: dict[str, Any]) -> None:
        super().__init__(f"{what}: {problem.get('detail') or problem.get('title') or problem}")
        self.problem = problem

    @property
    def findings(self) -> list[str]:
        """What is wrong line by line, if the API says so; never a value of a line."""
        return list(self.problem.get("details", {}).get("findings", ()))


class StreetLoader:
    """Loads one thing at a time with an administrator's key."""

    def __init__(self, client: httpx.AsyncClient, clock: Clock, admin_key: str) -> None:
        self._client = client
        self._clock = clock
        self._authorization = f"Bearer {admin_key}"

    async def load_canteens(self, canteens: Sequence[CanteenProfile]) -> None:
        """Open all canteens, or change them to what the files say."""
        for profile in canteens:
            body = msgspec.json.encode(profile)
            await self.send("POST", "/v1/canteens", f"canteen {profile.canteen_id}", json=msgspec.json.decode(body))

    async def load_menu(self, canteen_id: str, day: date, meal_period: str, menu: MenuContent) -> None:
        """Put one menu in force."""
        await self.send(
            "PUT",
            f"/v1/canteens/{canteen_id}/menus/{day.isoformat()}/{meal_period}",
            f"menu of {canteen_id} on {day.isoformat()}, {meal_period}",
            json=msgspec.to_builtins(menu),
        )

    async def publish_acceptance(self, canteen_id: str, measured: MeasuredLimits) -> dict[str, Any]:
        """Let a canteen bill from these limits."""
        return await self.send(
            "PUT",
            f"/v1/canteens/{canteen_id}/acceptance-policy",
            f"acceptance policy of {canteen_id}",
            json=msgspec.to_builtins(measured),
        )

    async def load_rules(self, path: Path) -> int:
        """Publish the benefit rules of one file; return how many it holds."""
        rules = read_rules(path)
        for rule in rules:
            what = f"rule {rule.rule_id} version {rule.version}"
            await self.send("PUT", "/v1/rules", what, json=msgspec.to_builtins(rule, builtin_types=()))
        return len(rules)

    async def load_residents(self, path: Path, *, dry_run: bool = False) -> dict[str, Any]:
        """Import a list of residents; refused as a whole if a line is wrong."""
        return await self.send(
            "POST",
            "/v1/residents/import",
            f"residents of {path}",
            params={"dry_run": "true"} if dry_run else {},
            content=_content(path),
            headers={"Content-Type": "text/csv"},
        )

    async def enrol_dish(
        self,
        canteen_id: str,
        dish: MenuItem,
        photos: Sequence[Path],
        *,
        variant: str = "",
        portion: str = "largest",
    ) -> dict[str, Any]:
        """Enrol photographs of one dish; `portion` as in `POST /v1/canteens/{canteen_id}/dishes`."""
        return await self.send(
            "POST",
            f"/v1/canteens/{canteen_id}/dishes",
            f"{dish.dish_id} at {canteen_id}",
            data={
                "dish_id": dish.dish_id,
                "name_zh": dish.name_zh,
                "name_en": dish.name_en,
                "variant": variant,
                "portion": portion,
            },
            files=[("photos", (path.name, _content(path))) for path in photos],
        )

    async def change_gallery(self, canteen_id: str, change: str, **said: Any) -> dict[str, Any]:
        """Change a gallery by `undo`, `removals`, `confirmations` or `re-embedding`, with the fields of each."""
        path = f"/v1/canteens/{canteen_id}/gallery/{change}"
        return await self.send("POST", path, f"gallery of {canteen_id}", json=said)

    async def gallery(self, canteen_id: str, part: str = "", **query: Any) -> dict[str, Any]:
        """Return a canteen's gallery, or `/history` or `/look-alikes` of it."""
        path = f"/v1/canteens/{canteen_id}/gallery{part}"
        return await self.send("GET", path, f"gallery of {canteen_id}", params=query)

    async def canteen_ids(self) -> list[str]:
        """Return all canteens, in the order of their ids."""
        answer = await self.send("GET", "/v1/canteens", "canteens")
        return sorted(canteen["canteen_id"] for canteen in answer["canteens"])

    async def enrol_folder(self, street: Street, folder: Path, told: Told) -> int:
        """Enrol `<folder>/<canteen>/<dish>/*.jpg` of every canteen; return the number of dishes."""
        found = [
            (profile.canteen_id, dish_folder)
            for profile in street.canteens
            for dish_folder in sorted((folder / profile.canteen_id).iterdir())
            if dish_folder.is_dir()
        ]
        for number, (canteen_id, dish_folder) in enumerate(found, start=1):
            dish = street.dishes.get(dish_folder.name)
            if dish is None:
                raise SettingsError(f"{dish_folder} is named after no dish. Name it in dishes.toml.")
            photos = sorted(path for path in dish_folder.iterdir() if path.suffix.lower() in PHOTO_SUFFIXES)
            await self.enrol_dish(canteen_id, dish, photos)
            told(f"{canteen_id}/{dish.dish_id}", number, len(found))
        return len(found)

    async def issue_key(self, role: str, label: str, canteen_id: str = "", lane_id: str = "") -> str:
        """Issue a key and return it."""
        answer = await self.send(
            "POST",
            "/v1/access-keys",
            f"key for {label}",
            json={"role": role, "label": label, "canteen_id": canteen_id, "lane_id": lane_id},
        )
        return str(answer["key"])

    async def today_at(self, canteen_id: str) -> date:
        """Return the business day that it is at a canteen now."""
        answer = await self.send("GET", "/v1/canteens", "canteens")
        for canteen in answer["canteens"]:
            if canteen["canteen_id"] == canteen_id:
                return business_day(self._clock.now_ms(), canteen["utc_offset_minutes"])
        raise UnknownCanteenError(f"No canteen is known as '{canteen_id}'. Import the canteens first.")

    async def send(
        self, method: str, path: str, what: str, headers: dict[str, str] | None = None, **content: Any
    ) -> dict[str, Any]:
        """Send one request, a write under an id of its own.

        Raises:
            LoadingRefusedError: the API refused it.
        """
        said = {
            "Authorization": self._authorization,
            "Idempotency-Key": self._clock.new_id(),
            **(headers or {}),
        }
        response = await self._client.request(method, path, headers=said, **content)
        answer: dict[str, Any] = response.json()
        if not response.is_success:
            raise LoadingRefusedError(what, answer)
        return answer


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingsError(f"{path} cannot be read ({error.strerror}).") from error
