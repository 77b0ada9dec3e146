"""Slot values: names, apps, places, texts, numbers. Made up from word lists, split by a hash.

Every value that is copied into an answer belongs to one of two halves, told apart by a hash of its
text: one in eight is for the test, and is no training example's value. It may be part of a longer one, as
a first name is of a full name.
"""
import hashlib
import random
import re

from . import words as w

TEST_SHARE = 8  # one in ...


def is_test(text):
    """Which half a value or a template belongs to."""
    return hashlib.sha256(text.encode()).digest()[0] % TEST_SHARE == 0


def template_is_test(text):
    """The same for a template, whatever its slots are called: "call {person}" and "call {phone}" are
    one wording."""
    return is_test(re.sub("{[a-z]*}", "{}", text))


class Rng:
    """Only random() of the standard generator: its stream is the same in every Python."""

    def __init__(self, seed):
        self._generator = random.Random(seed)
        self._random = self._generator.random

    def state(self):
        return self._generator.getstate()

    def set_state(self, state):
        self._generator.setstate(state)

    def below(self, n):
        return int(self._random() * n)

    def chance(self, p):
        return self._random() < p

    def pick(self, items):
        return items[int(self._random() * len(items))]

    def shuffled(self, items):
        out = list(items)
        for i in range(len(out) - 1, 0, -1):
            k = self.below(i + 1)
            out[i], out[k] = out[k], out[i]
        return out


def _zh_soup(r, low, high):
    return "".join(r.pick(w.ZH_CHARS) for _ in range(low + r.below(high - low + 1)))


def _rare(r, low, high):
    """Any characters of the block, most of which the vocabulary has only as bytes."""
    return "".join(chr(0x4E00 + r.below(0x5000)) for _ in range(low + r.below(high - low + 1)))


def _syllable(r):
    return r.pick(w.EN_ONSETS) + r.pick(w.EN_VOWELS) + r.pick(w.EN_CODAS)


def _en_word(r, low=1, high=3):
    word = "".join(_syllable(r) for _ in range(low + r.below(high - low + 1)))
    return word.capitalize()


def _zh_person(r):
    kind = r.below(10)
    if kind < 4:
        return r.pick(w.ZH_SURNAMES) + r.pick(w.ZH_GIVEN) + (r.pick(w.ZH_GIVEN) if r.chance(0.6) else "")
    if kind < 6:
        return r.pick(w.ZH_SURNAMES) + r.pick(w.ZH_TITLES)
    if kind < 7:
        return r.pick("小老阿") + r.pick(w.ZH_GIVEN)
    if kind < 8:
        return r.pick(w.ZH_KIN)
    return _zh_soup(r, 2, 4)


def _en_person(r):
    kind = r.below(10)
    if kind < 3:
        return r.pick(w.EN_FIRST) + " " + r.pick(w.EN_LAST)
    if kind < 4:
        return r.pick(w.EN_FIRST)
    if kind < 5:
        return r.pick(w.EN_KIN)
    if kind < 6:
        return r.pick(["Dr", "Mr", "Mrs", "Ms", "Professor", "Coach"]) + " " + _en_word(r)
    return _en_word(r) + (" " + _en_word(r) if r.chance(0.5) else "")


def _zh_app(r):
    kind = r.below(10)
    if kind < 4:
        return r.pick(w.ZH_APPS)
    if kind < 7:
        return _zh_soup(r, 1, 3) + r.pick(w.ZH_APP_TAILS)
    if kind < 8:
        return _en_app(r)
    return _zh_soup(r, 2, 4)


def _en_app(r):
    kind = r.below(10)
    if kind < 4:
        return r.pick(w.EN_APPS)
    if kind < 7:
        return _en_word(r, 1, 2) + " " + r.pick(w.EN_APP_TAILS)
    return _en_word(r)


def _zh_place(r):
    if r.chance(0.2):
        return r.pick(w.ZH_CITIES)
    return _zh_soup(r, 2, 3) + r.pick(w.ZH_PLACE_TAILS)


def _en_place(r):
    if r.chance(0.2):
        return r.pick(w.EN_CITIES)
    return _en_word(r) + " " + r.pick(w.EN_PLACE_TAILS)


def _zh_city(r):
    return r.pick(w.ZH_CITIES) if r.chance(0.5) else _zh_soup(r, 2, 2) + r.pick("市县区镇")


def _en_city(r):
    return r.pick(w.EN_CITIES) if r.chance(0.5) else _en_word(r, 1, 3)


def _zh_song(r):
    return _zh_soup(r, 2, 5)


def _en_song(r):
    return " ".join(_en_word(r, 1, 2) if r.chance(0.5) else r.pick(w.EN_NOUNS).capitalize()
                    for _ in range(1 + r.below(3)))


def _zh_text(r):
    kind = r.below(10)
    if kind < 2:
        return _zh_soup(r, 2, 8)
    text = (r.pick(w.ZH_WHEN) if r.chance(0.6) else "") + r.pick(w.ZH_WHO)
    text += (r.pick(w.ZH_MODAL) if r.chance(0.6) else "") + r.pick(w.ZH_VERBS) + r.pick(w.ZH_NOUNS)
    return text + r.pick(w.ZH_ENDS)


def _en_text(r):
    kind = r.below(10)
    if kind < 1:
        return " ".join(_en_word(r, 1, 2).lower() for _ in range(1 + r.below(4)))
    if kind < 3:
        return r.pick(w.EN_NOUNS) + " " + r.pick(w.EN_NOUNS)
    text = "%s %s %s the %s" % (r.pick(w.EN_WHO), r.pick(w.EN_MODAL), r.pick(w.EN_VERBS),
                                r.pick(w.EN_NOUNS))
    return text + (" " + r.pick(w.EN_WHEN) if r.chance(0.6) else "")


def _zh_reason(r):
    return r.pick(w.ZH_REASONS) if r.chance(0.5) else r.pick(w.ZH_VERBS) + _zh_soup(r, 1, 3)


def _en_reason(r):
    return r.pick(w.EN_REASONS) if r.chance(0.5) else "%s the %s" % (r.pick(w.EN_VERBS), _en_word(r).lower())


def _time(r):
    return "%02d:%02d" % (r.below(24), r.below(60))


def _phone(r):
    n = r.pick([3, 5, 6, 8, 10, 11])
    return str(1 + r.below(9)) + "".join(str(r.below(10)) for _ in range(n - 1))


MAKERS = {
    "zh": {"person": _zh_person, "app": _zh_app, "place": _zh_place, "city": _zh_city,
           "song": _zh_song, "text": _zh_text, "reason": _zh_reason},
    "en": {"person": _en_person, "app": _en_app, "place": _en_place, "city": _en_city,
           "song": _en_song, "text": _en_text, "reason": _en_reason},
    "": {"time": _time, "phone": _phone, "percent": lambda r: str(r.below(101)),
         "seconds": lambda r: str(1 + r.below(60)), "minutes": lambda r: str(1 + r.below(180))},
}


def make(r, kind, lang, test):
    """One value of a kind, out of the asked half."""
    maker = MAKERS[""].get(kind) or MAKERS[lang][kind]
    while True:
        value = maker(r)
        if is_test(value) == test:
            return value


def _anything(r, kind, lang):
    """Something that could stand where a value of this kind stands, made without the kind's own lists."""
    most = {"text": 10, "person": 4, "city": 4}.get(kind, 6)
    if lang == "zh":
        value = ""
        for _ in range(1 + r.below(most)):
            source = r.below(20)
            value += _rare(r, 1, 1) if source < 3 else r.pick(w.ZH_LISTED if source < 7 else w.ZH_CHARS)
        tails = {"app": w.ZH_APP_TAILS, "place": w.ZH_PLACE_TAILS}.get(kind)
        return value + r.pick(tails) if tails and r.chance(0.3) else value
    lower = kind in ("text", "reason")
    parts = []
    for _ in range(1 + r.below((most + 1) // 2)):
        source = r.below(20)
        word = (_en_word(r) if source < 9 else r.pick(w.EN_NOUNS) if source < 14 else
                r.pick(w.EN_VERBS) if source < 17 else r.pick(w.EN_FIRST))
        parts.append(word.lower() if lower else word.capitalize())
    if kind == "reason":
        parts = [r.pick(w.EN_VERBS) if r.chance(0.7) else _en_word(r).lower(), r.pick(["the", "a", "my", "an"]), *parts[:2]]
    return " ".join(parts)


def varied(r, kind, lang):
    """A value of the training half. Four in ten follow no list: what is often met whole is learned by
    heart, and then not copied where it stands for the first time."""
    if kind in MAKERS[""] or not r.chance(0.4):
        return make(r, kind, lang, False)
    while True:
        value = _anything(r, kind, lang)
        if not is_test(value):
            return value


def odd(r, kind, lang):
    """Values unlike those of training: other lengths, mixed scripts, characters known only as bytes."""
    if kind in MAKERS[""]:
        return make(r, kind, lang, True)
    while True:
        shape = r.below(4)
        if shape == 0:
            value = make(r, kind, "en" if lang == "zh" else "zh", True)
        elif shape == 1:
            value = _zh_soup(r, 1, 2) + _rare(r, 1, 1) if lang == "zh" else _en_word(r, 3, 4)
        elif shape == 2:
            value = make(r, kind, lang, True) + str(r.below(100))
        else:
            value = _zh_soup(r, 5, 7) if lang == "zh" else " ".join(_en_word(r, 1, 2) for _ in range(3))
        if is_test(value):
            return value
