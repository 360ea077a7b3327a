from api.doubt_words import DOUBT_WORDS
from engine.domain.bill import Doubt


def test_every_doubt_has_chinese_words_of_its_own() -> None:
    assert set(DOUBT_WORDS) == set(Doubt)
    assert len(set(DOUBT_WORDS.values())) == len(Doubt)
    assert [doubt for doubt, words in DOUBT_WORDS.items() if not words] == [Doubt.NONE]
