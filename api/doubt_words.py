"""Why a portion is left to a person, in words for screens and pictures."""

from typing import Final

from engine.domain.bill import Doubt

DOUBT_WORDS: Final[dict[Doubt, str]] = {
    Doubt.NONE: "",
    Doubt.NOT_RECORDED: "原因未记录",
    Doubt.NOT_ALIKE: "不够像",
    Doubt.LOOK_ALIKE: "与别的菜相像",
    Doubt.FAINT: "看不清",
    Doubt.MAY_BE_ONE: "可能是同一份",
    Doubt.UNUSUAL_COUNT: "份数少见",
    Doubt.WHICH_SIZE: "大小份不明",
}
