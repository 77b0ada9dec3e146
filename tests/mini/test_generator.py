"""The small model's data and vocabulary, without the training framework: the same from the same seed, nothing of the
held-out set in training, one right answer to each prompt, text that comes back from its tokens.

usage: test_generator.py SCRIPTS [HELDOUT]"""
import itertools
import json
import os
import re
import sys
import unittest

SCRIPTS, HELDOUT = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None
sys.dont_write_bytecode = True
sys.path.insert(0, SCRIPTS)
from mini import bpe, commands, corpus, data, ship, steps, values  # noqa: E402
from mini import words as w  # noqa: E402

N_TRAINING = 6000
GRAMMAR = re.compile(r'do\(action="(Launch", app|Type", text|Call_API", instruction|Wait", duration|Note", message|'
                     r'Take_over", message)="[^"\n]+"\)|do\(action="(Back|Home)"\)|finish\(message="[^"\n]+"\)|'
                     r'do\(action="Swipe", start=\[\d+,\d+\], end=\[\d+,\d+\]\)|'
                     r'do\(action="(Tap|Long Press|Double Tap)", element=\[\d{1,3},\d{1,3}\]\)')


def training_examples(n=N_TRAINING, seed=1):
    training = data.Training(seed)
    return [training.drawn(k / n)[:5] for k in range(n)] + [training.example(k / n) for k in range(0, n, 8)]


def templates(test):
    """Wordings of one half with nameless slots: commands apart from steps."""
    def plain(text):
        return re.sub("{[a-z]*}", "{}", text)
    c = {plain(t) for groups in commands.tables(test).values() for group in groups for _, texts in group for t in texts}
    s = {plain(t) for ways in steps.tables(test).values() for found in ways.values() for _, t in found}
    return c, s


class Generator(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.items, cls.sources = data.held_out()
        cls.training = training_examples()

    def test_a_seed_gives_the_same(self):
        self.assertEqual(data.to_jsonl(data.held_out()[0]), data.to_jsonl(self.items))
        self.assertEqual(training_examples(300, 1), training_examples(300, 1))
        self.assertNotEqual(training_examples(50, 1), training_examples(50, 2))
        self.assertNotEqual(data.held_out(data.SEED + 1)[0], self.items)

    def test_parts(self):
        counts = {}
        for item in self.items:
            counts[item["part"]] = counts.get(item["part"], 0) + 1
        self.assertEqual(counts, dict(data.HELD_OUT))
        self.assertGreaterEqual(counts["command"], 1000)
        self.assertGreaterEqual(counts["step"], 500)
        for key in ("id", "prompt"):
            self.assertEqual(len({i[key] for i in self.items}), len(self.items))
        for part in counts:
            zh = sum(i["lang"] == "zh" for i in self.items if i["part"] == part)
            self.assertTrue(0.35 < zh / counts[part] < 0.65, (part, zh))

    def test_answers_are_of_the_grammar(self):
        for answer in [i["answer"] for i in self.items] + [e[2] for e in self.training]:
            self.assertTrue(GRAMMAR.fullmatch(answer), answer)

    def test_values_are_copied(self):
        for item, (_, found) in zip(self.items, self.sources):
            for value in found:
                self.assertIn(value, item["prompt"])

    def test_no_template_is_shared(self):
        for test, train in zip(templates(True), templates(False)):
            self.assertTrue(test)
            self.assertEqual(test & train, set())
        test, train = templates(True)[0], templates(False)[0]
        for lang in ("zh", "en"):  # nor with a greeting and an ending around it
            for before, after in itertools.product(commands.BEFORE[lang], commands.AFTER[lang]):
                self.assertEqual({before + t + after for t in train} & test, set())
        odd = {t for texts in commands.OOD.values() for _, list_ in texts for t in list_}
        odd |= {t for ways in steps.OOD.values() for list_ in ways.values() for t in list_}
        used = {t for groups in commands.tables(False).values() for g in groups for _, texts in g for t in texts}
        used |= {t for ways in steps.tables(False).values() for found in ways.values() for _, t in found}
        self.assertEqual(odd & used, set())

    def test_no_value_is_shared(self):
        held = {v for _, found in self.sources for v in found}
        trained = {v for e in self.training for v in e[4]}
        self.assertTrue(len(held) > 2000 and len(trained) > 10000)
        self.assertEqual(held & trained, set())
        self.assertEqual([v for v in held if not values.is_test(v)], [])
        self.assertEqual([v for v in trained if values.is_test(v)], [])
        known = {label for concepts in (w.ZH_CONCEPTS, w.EN_CONCEPTS) for labels, _ in concepts for label in labels}
        self.assertEqual(held & known, set())  # labels of functions, which are shared, are no held-out name
        self.assertEqual({i["prompt"] for i in self.items} & {e[1] for e in self.training}, set())

    def test_the_second_part_is_of_the_training_half(self):
        r = values.Rng("second")
        c_table, s_table = commands.weighted(commands.tables(False)), steps.tables(False)
        prompts, made = {i["prompt"] for i in self.items}, set()
        for _ in range(2000):
            _, prompt, answer, template, found = commands.command(r, c_table, False, values.varied)
            self.assertTrue(GRAMMAR.fullmatch(answer), answer)
            self.assertEqual([v for v in found if values.is_test(v) or v not in prompt], [])
            self.assertFalse(values.template_is_test(template) or prompt in prompts)
            made.update(found)
        self.assertTrue(len(made) > 1500)
        for _ in range(500):
            lang, prompt, answer, template, found, at = steps.pointed(r, s_table, 7, False, steps.varied_label, steps.HARD_WAYS)
            self.assertEqual([v for v in found if values.is_test(v)], [])
            self.assertFalse(values.template_is_test(template) or prompt in prompts)
            task, elements = read_screen(lang, prompt)
            self.assertEqual([n for n, (label, kind, _) in enumerate(elements)
                              if task in tasks_for(lang, template, n, label, kind, len(elements))], [at], prompt)

    def test_one_element_fits_the_task(self):
        """Of all elements on a screen, the task could have been written for one."""
        held = [(i["lang"], i["prompt"], i["answer"], t) for i, (t, _) in zip(self.items, self.sources) if "step" in i["part"]]
        trained = [e[:4] for e in self.training if e[2].startswith("do(action=") and "element=" in e[2]][:1200]
        for lang, prompt, answer, template in held + trained:
            task, elements = read_screen(lang, prompt)
            fits = [at for n, (label, kind, at) in enumerate(elements) if task in tasks_for(lang, template, n, label, kind, len(elements))]
            self.assertEqual(fits, [re.search(r"\[\d+,\d+\]", answer).group()], prompt)
            places = [tuple(map(int, at[1:-1].split(",")))[::-1] for _, _, at in elements]
            self.assertEqual(places, sorted(places), "the first is not the topmost: " + prompt)

    def test_the_element_meant_is_known(self):
        r = values.Rng("pointed")
        table = steps.tables(False)
        for _ in range(400):
            lang, prompt, answer, _, _, index = steps.pointed(r, table, data.step_size(r), False)
            _, elements = read_screen(lang, prompt)
            self.assertTrue(answer.endswith("element=%s)" % elements[index][2]), prompt)

    def test_the_file_is_what_the_generator_writes(self):
        if HELDOUT is None:
            self.skipTest("the repository has no held-out file")
        with open(HELDOUT, encoding="utf-8") as f:
            self.assertEqual(f.read(), data.to_jsonl(self.items))


def read_screen(lang, prompt):
    """The task, and (label, type, "[x,y]") of each element."""
    task, *lines = prompt.split("\n")
    pattern = re.compile(r"(?:\d+\. )?(.*) (\[\d+,\d+\]) (%s)" % "|".join(steps.TYPES[lang]))
    found = [pattern.fullmatch(line).groups() for line in lines]
    return task[len(steps.HEAD[lang]):], [(label, kind, at) for label, at, kind in found]


def ways_of(lang, template):
    tables = [steps.tables(False)[lang], steps.tables(True)[lang],
              {way: [("", t) for t in texts] for way, texts in steps.OOD[lang].items()}]
    return {way for table in tables for way, found in table.items() for _, t in found if t == template}


_WAYS = {}


def tasks_for(lang, template, n, label, kind, count):
    """Every task that this template makes for the n-th element."""
    if (lang, template) not in _WAYS:
        _WAYS[lang, template] = ways_of(lang, template)
    out = set()
    for way in _WAYS[lang, template]:
        if way == "first" and n or way == "last" and n < count - 1:
            continue
        names = [label] + [q % label for q in commands.QUOTES[lang]]
        if way == "what":
            names = [d for labels, what in steps.CONCEPTS[lang] if label in labels for d in what]
        for name in names:
            out.add(template.replace("{x}", name).replace("{t}", kind).replace("{n}", str(n + 1)))
    return out


class Vocabulary(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        texts = [t for e in training_examples(2500, 3) for t in e[1:3]]
        cls.size = corpus.VOCAB
        cls.tokenizer = bpe.Tokenizer(bpe.train(texts, cls.size, corpus.template_words()), cls.size)

    def test_text_comes_back(self):
        odd = ["", " ", "a  b\n\n c\r\n", "tab\tend ", "\u3000全角　空格", "naïve café — ½ ④", "emoji 👩‍👩‍👧 \U0001f600", "١٢٣ 4567", "it's WE'LL", "_under_score"]
        for text in odd + [i[key] for i in data.held_out()[0] for key in ("prompt", "answer")]:
            ids = self.tokenizer.encode(text)
            self.assertEqual(self.tokenizer.decode(ids), text)
            self.assertTrue(all(i < self.tokenizer.first_special for i in ids))

    def test_numbers_are_one_token(self):
        for n in range(1000):
            self.assertEqual(len(self.tokenizer.encode(str(n))), 1, n)

    def test_no_token_joins_characters_outside_ascii(self):
        for token in self.tokenizer.ids:
            raw = bytes(bpe._BYTE[c] for c in token)
            self.assertTrue(len(raw) == 1 or raw.isascii() or bpe._one_character(raw), token)

    def test_chat_template(self):
        ids = self.tokenizer.prompt("打开 X")
        special = self.tokenizer.special
        self.assertEqual(ids[:3] + ids[-1:], [special[s] for s in ("[gMASK]", "<sop>", "<|user|>", "<|assistant|>")])
        self.assertEqual(self.tokenizer.decode(ids), "\n打开 X")

    def test_tokenizer_json_says_the_same(self):
        tree = json.loads(self.tokenizer.tokenizer_json())
        again = bpe.Tokenizer([m.split(" ") for m in tree["model"]["merges"]], self.size)
        self.assertEqual(again.ids, tree["model"]["vocab"])
        self.assertEqual(sorted(list(again.ids.values()) + [t["id"] for t in tree["added_tokens"]])[-1], self.size - 1)
        for item in data.held_out()[0][::50]:
            self.assertEqual(again.encode(item["prompt"]), self.tokenizer.encode(item["prompt"]))


class Card(unittest.TestCase):
    @staticmethod
    def row(right):
        return {"kept_percent": 99.0, "size_bytes": 1 << 20, "decode_ts": 5000.4,
                "parts": [{"part": "command", "right": right, "n": 500}, {"part": "command", "right": 480, "n": 500},
                          {"part": "step-ood", "right": 1, "n": 2}]}

    def test_a_table_counts_languages_together(self):
        head, rule, first = ship.ladder([("F32", self.row(490))])
        self.assertEqual(head.count("|"), rule.count("|"))
        self.assertEqual(head.count("|"), first.count("|"))
        self.assertIn("970/1000, 97.0% [95.7, 97.9]", first)
        self.assertIn("1/2, 50.0% [9.5, 90.5]", first)

    def test_only_what_is_between_the_marks_changes(self):
        text = "a\n%s\nold\n%s\nb\n" % (ship.BEGIN, ship.END)
        self.assertEqual(ship.fill_card(text, ["new"]), "a\n%s\n\nnew\n\n%s\nb\n" % (ship.BEGIN, ship.END))
        self.assertEqual(ship.fill_card(ship.fill_card(text, ["x"]), ["new"]), ship.fill_card(text, ["new"]))
        for wrong in ("", ship.BEGIN, text + text):
            self.assertRaises(ship.Failed, ship.fill_card, wrong, [])

    def test_the_card_has_its_marks(self):
        folder = os.path.join(ship.ROOT, "bench", "mini")
        with open(os.path.join(folder, "README.md"), encoding="utf-8") as f:
            text = f.read()
        self.assertIn("x", ship.fill_card(text, ["x"]))
        if "|" in text[text.index(ship.BEGIN):text.index(ship.END)]:  # figures are of a model that is here
            for name in (ship.MODEL, ship.ITEMS):
                self.assertTrue(os.path.exists(os.path.join(folder, name)), name)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
