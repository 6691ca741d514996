"""Text of the model card; `model_card.render` fills in the fields in braces."""

ON_DEV = """\
There was no test set: rows with split dev are scored on the same {language} sentences that selected epoch and
configuration, and are therefore too high.

"""

ON_DEV_NOT_CHOSEN_THERE = """\
There was no test set: rows with split dev are scored on the {language} dev set, which was not used for selection.

"""

NO_TARGET_LABELS = """\
No target labels: scores are on the {source} dev set. No labelled {language} sentence was available, so rows with split
dev are scored on the same {source} sentences that selected epoch and configuration. They do not measure how well
{language} is tagged.

"""

CHOSEN_ON_TARGET = """\
Labels of the {language} *dev* set selected epochs and configurations; scores without any labels would be lower."""

NOT_CHOSEN_ON_TARGET = """\
{language} dev labels were not used either: only the {source} dev set was used for selection."""

AT_FIRST = """\
The label of a word is that of its first token."""

AT_TEXT = """\
The label of a word is that of its first token with text; a pipeline takes a bare `▁` for one."""

TEMPLATE = """\
# {title}

A named entity tagger for {language} text, trained without {language} training labels: a teacher was trained on
labelled {source} sentences, and this student was trained on the teacher's soft labels for unlabelled {language}
sentences, with a mixture of short-channel distillers (MSD). It labels words in BIO2.

- Encoder: {encoder}, with a classifier on every trained layer; the last one makes the predictions.
- Data set: {dataset}, {source} to {language} ({lang}).
- Entity types: {types}.
- This student: seed {seed}, {weights}. Selection: {chosen}. Its F1 on {dev}: {dev_f1}.

## Scores

Entity-level F1 in percent, computed as by conlleval; mean and sample standard deviation over seeds ({seeds}).
These weights are of one seed, so their score differs from the mean.

{scores}

{on_dev}## How to use it

The directory is self-contained: nothing is downloaded. `DIR` stands for its path.

```sh
echo "One sentence per line" | python -m msd_ray.predict --model DIR
```

```python
from msd_ray import Tagger

tagger = Tagger.from_pretrained("DIR")
for entity in tagger("One sentence, or a list of sentences"):
    print(entity.text, entity.label, entity.start, entity.end, entity.score)
```

It is a token classification checkpoint of its encoder's family, so transformers can load it without `msd_ray`:

```python
from transformers import pipeline

tagger = pipeline("token-classification", "DIR", aggregation_strategy="first")
print(tagger("One sentence per line"))
```

{label_at} `msd_ray` returns valid BIO2 (by Viterbi if the search did so) and reads long sentences in overlapping
windows{length}. A pipeline takes each token's best label, truncates at the tokenizer's limit, and joins tokens into
words by its own rules (`is_split_into_words=True` accepts words).

If the search used MLflow, it is also a version of a registered model there. The alias `champion` is on the best version
for this data set and language so far. MLflow loads it as the same pipeline:

```sh
python -m msd_ray.predict --model {registered} --mlflow-uri URI
```

```python
import mlflow

mlflow.set_tracking_uri("URI")
tagger = mlflow.transformers.load_model("{registered}", aggregation_strategy="first")
print(tagger("One sentence per line"))
```

Only `msd_ray` reads `channels.safetensors` (the classifiers on the lower layers) and `msd_ray.json`. All weights are
in safetensors; no file is pickled.

## How it was trained

Study: {study}. Configuration: {configuration}.

{teacher}

{student}

{run}

{versions}

## Data

Digests of the sentences as read, to check whether other data are identical.

{digests}

## Licences

- Encoder: {encoder_licence}
- Data set: {data_licence}

## Limits

- Zero-shot: no label of {language} training sentences was used. {choice}
- It was trained on the entity types and domain of {dataset}; expect lower scores on other domains.
- It reads windows{length} at a time. Longer sentences are split into overlapping windows, so distant context is lost.
- It was trained for {language}. Other languages, including {source}, were not measured.
- It reproduces biases of encoder, teacher and texts, for example about names and places. Review predictions before
  relying on them.
"""
