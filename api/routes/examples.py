"""Examples that the OpenAPI document shows; a test sends or reads each one as what it is an example of."""

from typing import Any, Final

CHECKOUT_ID: Final = "0199a5c2-7c1e-7a40-9f53-2b6f0d1c8e11"
COMMAND_ID: Final = "0199a5c2-8a02-7d11-8c3e-5f0e6a9b7d42"
RESIDENT_ID: Final = "5d1f0c7e9a3b4c6d8e2f1a0b9c8d7e6f"
AT_MS: Final = 1_795_490_700_000
SHA256: Final = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

CANTEEN: Final[dict[str, Any]] = {
    "canteen_id": "lanxi",
    "name_zh": "兰溪路长者食堂",
    "name_en": "Lanxi Road Elder Canteen",
    "street": "曹杨新村街道",
    "district": "普陀区",
    "city": "上海市",
    "utc_offset_minutes": 480,
    "lanes": [{"lane_id": "lanxi-1", "name_zh": "1号结算台", "name_en": "Lane 1"}],
    "meal_periods": [
        {"period_id": "lunch", "name_zh": "午餐", "name_en": "Lunch", "from_minute": 630, "until_minute": 810}
    ],
}
MENU_ITEMS: Final[list[dict[str, Any]]] = [
    {
        "dish_id": "hongshaorou",
        "name_zh": "红烧肉",
        "name_en": "Braised pork belly",
        "price_fen": 1000,
        "category": "meat",
    },
    {
        "dish_id": "mifan",
        "name_zh": "白米饭",
        "name_en": "Steamed rice",
        "price_fen": 100,
        "category": "staple",
    },
]
SET_MEALS: Final[list[dict[str, Any]]] = [
    {
        "offer_id": "taocan",
        "title_zh": "红烧肉套餐",
        "title_en": "Braised pork with rice",
        "price_fen": 1050,
        "slots": [
            {"dishes": {"dish_ids": ["hongshaorou"], "categories": []}, "count": 1},
            {"dishes": {"dish_ids": [], "categories": ["staple"]}, "count": 1},
        ],
    }
]
INCLUSIONS: Final[list[dict[str, Any]]] = [
    {
        "offer_id": "han-fan",
        "title_zh": "荤菜含米饭",
        "title_en": "Rice comes with meat",
        "mains": {"dish_ids": [], "categories": ["meat"]},
        "included": {"dish_ids": ["mifan"], "categories": []},
        "per_main": 1,
        "at_most_per_tray": 0,
        "touching": False,
    }
]
MENU: Final[dict[str, Any]] = {"items": MENU_ITEMS, "set_meals": SET_MEALS, "inclusions": INCLUSIONS}
_BOX: Final = {"left_px": 120, "top_px": 80, "right_px": 340, "bottom_px": 290}
TERMINAL_SCAN: Final[dict[str, Any]] = {
    "lane_id": "lanxi-1",
    "canteen_id": "lanxi",
    "placed_at_ms": AT_MS,
    "occurred_at_ms": AT_MS + 700,
    "menu_version": 1,
    "reading": {
        "photo_sha256": SHA256,
        "width_px": 1280,
        "height_px": 960,
        "sightings": [
            {
                "box": _BOX,
                "detector_bps": 9300,
                "candidates": [
                    {"dish_id": "hongshaorou", "similarity_bps": 9100},
                    {"dish_id": "mifan", "similarity_bps": 2100},
                ],
            }
        ],
        "models": [{"name": "dish_detector", "sha256": SHA256}],
        "timings": {"decode_us": 9000, "detect_us": 16000, "embed_us": 30000, "match_us": 300},
    },
}
BILL: Final[dict[str, Any]] = {
    "checkout_id": CHECKOUT_ID,
    "status": "ready",
    "canteen_id": "lanxi",
    "lane_id": "lanxi-1",
    "business_day": "2026-11-24",
    "meal_period": "lunch",
    "menu_version": 1,
    "scan_number": 1,
    "items": [
        {
            "item_id": 1,
            "status": "accepted",
            "doubt": "",
            "dish_id": "hongshaorou",
            "name_zh": "红烧肉",
            "name_en": "Braised pork belly",
            "price_fen": 1000,
            "list_price_fen": 1000,
            "offer_id": "",
            "sold_by_piece": False,
            "refunded": False,
            "confidence_bps": 10000,
            "box": _BOX,
            "candidates": [
                {
                    "dish_id": "hongshaorou",
                    "name_zh": "红烧肉",
                    "name_en": "Braised pork belly",
                    "price_fen": 1000,
                    "similarity_bps": 9100,
                }
            ],
        }
    ],
    "offers": [],
    "diner": {"identified": False, "credential_kind": None, "resident_id": None},
    "benefits": [],
    "gross_fen": 1000,
    "discount_fen": 0,
    "subsidy_fen": 0,
    "due_fen": 1000,
    "tender": None,
    "refunded_fen": 0,
    "balance_fen": None,
}
PAID_BILL: Final[dict[str, Any]] = {**BILL, "status": "paid", "tender": "card"}
REFUNDED_BILL: Final[dict[str, Any]] = {**PAID_BILL, "status": "refunded", "refunded_fen": 1000}
VOIDED_BILL: Final[dict[str, Any]] = {**BILL, "status": "voided"}
CREDENTIAL: Final[dict[str, Any]] = {"kind": "elder_card", "number": "DEMO-EC-0003"}
