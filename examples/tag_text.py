"""Tag a text with a trained student: `python examples/tag_text.py runs/models/sample-ar`.

`make demo` writes the student; any directory below runs/models, or a registered model, will do.
"""

import sys

from msd_ray import Tagger, load_corpus


def main(model: str) -> None:
    """Print the entities of a text, and how many of some dev sentences are tagged as in the corpus."""
    tagger = Tagger.from_pretrained(model)
    text = "Angela Merkel spoke in Paris ."
    for entity in tagger(text):
        print(f"{entity.start:4} {entity.end:4}  {entity.label:5} {entity.score:.2f}  {entity.text}")

    corpus = load_corpus("sample", tagger.lang)
    tagged = tagger.tag([sentence.tokens for sentence in corpus.dev])
    right = sum(one.labels == sentence.labels for one, sentence in zip(tagged, corpus.dev, strict=True))
    print(f"{right} of {len(corpus.dev)} dev sentences are tagged as in the corpus")


if __name__ == "__main__":
    main(sys.argv[1])
