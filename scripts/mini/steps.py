"""Agent steps: a task, the elements of a screen with their positions, and the one to touch.

The prompt is the task, and one element a line, numbered or not:

    任务：点击“登录”
    1. 搜索 [512,88] 按钮
    2. 登录 [500,930] 按钮

Splits: wordings, made-up labels and positions (both numbers together) of the test are not in
training. Labels of the known functions (search, back ...) and their descriptions are shared.
"""
import itertools

from . import commands, values
from . import words as w

TAP = 'do(action="Tap", element=[%d,%d])'
LONG = 'do(action="Long Press", element=[%d,%d])'
DOUBLE = 'do(action="Double Tap", element=[%d,%d])'

# %0: the verb; {x}: how the element is named.
ZH_VERBS = {TAP: ["点击", "点", "点一下", "按", "按下", "轻触", "选择", "选中"], LONG: ["长按", "按住", "一直按着"],
            DOUBLE: ["双击", "连点两下", "快速点两次"]}
ZH_BY = {
    "label": ["%0{x}", "%0屏幕上的{x}", "我要%0{x}", "%0写着{x}的地方", "找到{x}，%0它", "请%0{x}", "把{x}%0", "现在%0{x}", "帮我%0{x}",
              "%0名为{x}的那个", "在这一页%0{x}", "下一步%0{x}"],
    "typed": ["%0{x}{t}", "%0那个{x}{t}", "我要%0{x}{t}", "找到{x}{t}，%0它", "请%0叫{x}的{t}", "现在%0{x}这个{t}", "%0标着{x}的{t}", "帮我%0{x}{t}"],
    "type": ["%0{t}", "%0唯一的{t}", "%0那个{t}", "找到{t}，%0它", "请%0屏幕上的{t}", "现在%0{t}", "帮我%0这里的{t}", "我要%0{t}"],
    "what": ["%0{x}", "%0{x}，不管叫什么", "找到{x}，%0它", "请%0{x}", "我要%0{x}", "现在%0{x}", "帮我%0{x}", "这一页有{x}，%0它"],
    "order": ["%0第{n}个", "%0第{n}项", "请%0第{n}行", "我要%0第{n}个", "%0列表里第{n}个", "现在%0序号{n}", "帮我%0编号{n}的那个", "%0第{n}条"],
    "first": ["%0第一个", "%0最上面那个", "请%0最前面的", "我要%0首个", "%0列表开头那个", "现在%0打头的"],
    "last": ["%0最后一个", "%0最下面那个", "请%0末尾的", "我要%0最后那个", "%0列表结尾那个", "现在%0垫底的"],
}
EN_VERBS = {TAP: ["tap", "press", "touch", "click", "choose", "select", "hit"], LONG: ["long press", "hold down", "press and hold"],
            DOUBLE: ["double tap", "tap twice on", "hit twice"]}
EN_BY = {
    "label": ["%0 {x}", "%0 {x} on the screen", "I want to %0 {x}", "%0 where it says {x}", "find {x} and %0 it", "please %0 {x}", "now %0 {x}",
              "%0 the one named {x}", "on this page %0 {x}", "next %0 {x}", "just %0 {x}", "%0 {x} for me"],
    "typed": ["%0 the {x} {t}", "%0 that {x} {t}", "I want to %0 the {x} {t}", "find the {x} {t} and %0 it", "please %0 the {t} called {x}",
              "now %0 the {x} {t}", "%0 the {t} labelled {x}", "just %0 the {t} {x}"],
    "type": ["%0 the {t}", "%0 the only {t}", "find the {t} and %0 it", "please %0 the {t} on the screen", "now %0 the {t}", "%0 the {t} here",
             "I want to %0 the {t}", "just %0 the {t}"],
    "what": ["%0 {x}", "%0 {x}, whatever it is called", "find {x} and %0 it", "please %0 {x}", "I want to %0 {x}", "now %0 {x}", "just %0 {x}",
             "this page has {x}, %0 it"],
    "order": ["%0 number {n}", "%0 item {n}", "please %0 row {n}", "I want to %0 number {n}", "%0 entry {n} of the list", "now %0 line {n}", "just %0 number {n}", "%0 the one with number {n}"],
    "first": ["%0 the first one", "%0 the top one", "please %0 the one at the top", "I want to %0 the very first", "%0 the start of the list", "now %0 the first item"],
    "last": ["%0 the last one", "%0 the bottom one", "please %0 the one at the bottom", "I want to %0 the very last", "%0 the end of the list", "now %0 the last item"],
}
HEAD = {"zh": "任务：", "en": "Task: "}
CONCEPTS = {"zh": w.ZH_CONCEPTS, "en": w.EN_CONCEPTS}
KNOWN = {label for lang in CONCEPTS.values() for labels, _ in lang for label in labels} | {"相机", "短信"}
TYPES = {"zh": w.ZH_TYPES, "en": w.EN_TYPES}
# How often each way of naming is asked.
WAYS = ["label"] * 5 + ["typed"] * 2 + ["what"] * 3 + ["type", "order", "order", "first", "last"]
HARD_WAYS = ["label"] * 4 + ["typed"] * 4 + ["what"] * 6 + ["type", "order", "first", "last"]


def tables(test):
    """{lang: {way: [(answer, template), ...]}}"""
    out = {}
    for lang, verbs, by in (("zh", ZH_VERBS, ZH_BY), ("en", EN_VERBS, EN_BY)):
        out[lang] = {}
        for way, frames in by.items():
            found = [(answer, frame.replace("%0", verb)) for answer, list_ in verbs.items()
                     for frame, verb in itertools.product(frames, list_)]
            found = [(a, t) for a, t in found if values.template_is_test(t) == test]
            # Tap is what an agent mostly does.
            out[lang][way] = found + [f for f in found if f[0] == TAP] * 2
    return out


def _position(r, test):
    while True:
        x, y = r.below(1000), r.below(1000)
        if values.is_test("[%d,%d]" % (x, y)) == test:
            return x, y


def _label(r, lang, test, concept):
    """A label, and the number of its concept or None."""
    if concept:
        n = r.below(len(CONCEPTS[lang]))
        return r.pick(CONCEPTS[lang][n][0]), n
    kind = r.pick(["person", "app", "place", "song", "text", "app", "person"])
    return values.make(r, kind, lang, test), None


def varied_label(r, lang, test, concept):
    if concept:
        return _label(r, lang, test, True)
    return values.varied(r, r.pick(["person", "app", "place", "song", "text", "app", "person"]), lang), None


def screen(r, lang, n, test, make=_label):
    """n elements [label, concept, type, x, y] from top to bottom, no label or concept twice. What is
    not a concept is not called like one either: a description would fit both."""
    out, seen = [], set()
    while len(out) < n:
        label, concept = make(r, lang, test, r.chance(0.5))
        if label in seen or (concept is not None and concept in seen) or len(label) > 24:
            continue
        if concept is None and label in KNOWN:
            continue
        seen.add(label)
        if concept is not None:
            seen.add(concept)
        out.append([label, concept, r.pick(TYPES[lang]), *_position(r, test)])
    return sorted(out, key=lambda e: (e[4], e[3]))  # so that the first is the topmost too


def _double_label(r, elements, target):
    """Puts the target's label on another element too, of another type."""
    other = r.pick([e for e in elements if e is not target])
    other[0], other[1] = target[0], target[1]
    while other[2] == target[2]:
        other[2] = r.pick(w.ZH_TYPES if other[2] in w.ZH_TYPES else w.EN_TYPES)


def _aim(r, lang, way, elements):
    """The target and the words for it ({"x": ...}), or None where the screen does not offer it."""
    target = r.pick(elements)
    if way == "first":
        return elements[0], {}
    if way == "last":
        return elements[-1], {}
    if way == "order":
        return target, {"n": str(elements.index(target) + 1)}
    if way == "type":
        for e in elements:
            while e is not target and e[2] == target[2]:
                e[2] = r.pick(TYPES[lang])
        return target, {"t": target[2]}
    if way == "typed":
        if r.chance(0.4):
            _double_label(r, elements, target)
        return target, {"x": target[0], "t": target[2]}
    if way == "label":
        return target, {"x": target[0]}
    known = [e for e in elements if e[1] is not None]
    if not known:
        return None
    target = r.pick(known)
    return target, {"x": r.pick(CONCEPTS[lang][target[1]][1])}


def render(lang, task, elements, numbered):
    lines = [HEAD[lang] + task]
    for i, (label, _, kind, x, y) in enumerate(elements):
        lines.append(("%d. " % (i + 1) if numbered else "") + "%s [%d,%d] %s" % (label, x, y, kind))
    return "\n".join(lines)


def pointed(r, table, n, test, make=_label, ways=None):
    """One example on a screen of n elements and which of them the task means:
    (lang, prompt, answer, template, values, index)."""
    while True:
        lang = "zh" if r.chance(0.5) else "en"
        way = r.pick(ways or WAYS)
        elements = screen(r, lang, n, test, make)
        aim = _aim(r, lang, way, elements)
        if aim:
            break
    target, names = aim
    answer, template = r.pick(table[lang][way])
    task = template
    for key, value in names.items():
        quoted = key == "x" and way in ("label", "typed") and r.chance(0.6)
        task = task.replace("{%s}" % key, r.pick(commands.QUOTES[lang]) % value if quoted else value)
    found = ["[%d,%d]" % (e[3], e[4]) for e in elements] + [e[0] for e in elements if e[1] is None]
    prompt = render(lang, task, elements, way == "order" or r.chance(0.4))
    index = next(i for i, e in enumerate(elements) if e is target)
    return lang, prompt, answer % (target[3], target[4]), template, found, index


def step(r, table, n, test, make=_label):
    """The same without the index: (lang, prompt, answer, template, values)."""
    return pointed(r, table, n, test, make)[:5]


# ---- out of distribution ----

OOD = {
    "zh": {"label": ["戳一下{x}", "把手指放到{x}上", "去碰{x}", "麻烦在这页戳{x}", "click一下{x}", "就{x}了，点它"],
           "what": ["戳一下{x}", "哪个是{x}，点开", "麻烦戳{x}"],
           "order": ["戳一下第{n}个", "数到第{n}个，戳它", "就点{n}号"]},
    "en": {"label": ["poke {x}", "put a finger on {x}", "go for {x}", "could you poke {x} here", "点 {x}", "{x} it is, tap that"],
           "what": ["poke {x}", "which one is {x}, tap that", "go for {x}"],
           "order": ["poke number {n}", "count to {n} and tap that", "go for line {n}"]},
}


def _odd_label(r, lang, test, concept):
    if concept:
        return _label(r, lang, test, True)
    return values.odd(r, r.pick(["person", "app", "place", "song"]), lang), None


def ood(r):
    """Longer lists, other words, odd labels."""
    table = {lang: {way: [(TAP, t) for t in texts] for way, texts in ways.items()} for lang, ways in OOD.items()}
    for lang, ways in tables(True).items():  # ways without other words: only the screens differ
        for way, found in ways.items():
            table[lang].setdefault(way, found)
    return step(r, table, 11 + r.below(10), True, _odd_label)
