"""Random label sequences that agree often enough to have entities in common."""

import random
from collections.abc import Callable

import pytest

Sentences = list[list[str]]

TYPES = ("LOC", "MISC", "PER")
LABELS = ("O", *(f"{prefix}-{name}" for name in TYPES for prefix in "BI"))


def valid_labels(rng: random.Random, length: int) -> list[str]:
    """Return BIO2 labels with entities of one to three tokens, many of them adjacent."""
    labels: list[str] = []
    while len(labels) < length:
        name = rng.choice(TYPES)
        labels += ["O"] if rng.random() < 0.4 else [f"B-{name}", *[f"I-{name}"] * rng.randrange(3)]
    return labels[:length]


@pytest.fixture(scope="session")
def random_sentences() -> Callable[..., tuple[Sentences, Sentences]]:
    """Return a function that draws gold and predicted labels; unless `valid`, most sequences violate BIO2."""

    def draw(
        seed: int, *, sentences: int = 60, valid: bool = False, agreement: float = 0.7
    ) -> tuple[Sentences, Sentences]:
        rng = random.Random(seed)
        gold: Sentences = []
        predicted: Sentences = []
        for _ in range(sentences):
            length = rng.randrange(13)
            labels = valid_labels(rng, length) if valid else [rng.choice(LABELS) for _ in range(length)]
            gold.append(labels)
            if valid:
                predicted.append(labels if rng.random() < agreement else valid_labels(rng, length))
            else:
                predicted.append([label if rng.random() < agreement else rng.choice(LABELS) for label in labels])
        return gold, predicted

    return draw
