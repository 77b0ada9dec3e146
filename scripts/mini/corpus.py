"""The text that the vocabulary is trained on, out of the training half alone."""
import re

from . import bpe, commands, data, steps
from . import words as w

VOCAB = 3072
GRAMMAR = "do action element app text message instruction duration start end seconds finish"


def template_words():
    """English words that a space may join: of templates, descriptions, types and the answers' grammar."""
    texts = [GRAMMAR] + w.EN_TYPES + [d for _, what in w.EN_CONCEPTS for d in what]
    texts += [t for group in commands.tables(False)["en"] for _, found in group for t in found]
    texts += [t for found in steps.tables(False)["en"].values() for _, t in found]
    return {word for text in texts for word in re.findall("[a-z]+", re.sub("{.*?}", " ", text))}


def train_tokenizer(seed=data.SEED, examples=16000):
    training = data.Training(seed)
    texts = [text for _ in range(examples) for text in training.example(0.3)[1:3]]
    return bpe.Tokenizer(bpe.train(texts, VOCAB, template_words()), VOCAB)
