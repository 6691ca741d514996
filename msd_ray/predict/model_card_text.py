"""The words of the model card; names in braces are filled in by `model_card.render`."""

ON_DEV = """\
There was no test set: rows with split dev are scored on the very {language} sentences that chose epoch and
configuration, and are too high.

"""

ON_DEV_NOT_CHOSEN_THERE = """\
There was no test set: rows with split dev are scored on the {language} dev set, which chose nothing.

"""

CHOSEN_ON_TARGET = """\
Labels of the {language} *dev* set chose epochs and configurations, which overestimates what is reached without any."""

NOT_CHOSEN_ON_TARGET = """\
{language} dev labels chose nothing either: only the {source} dev set did."""

TEMPLATE = """\
# {title}

A tagger of named entities in {language} text, trained without a single {language} training label: a teacher learned
from labelled {source} sentences, and this student learned from the teacher's soft labels on unlabelled {language}
sentences, with a mixture of short-channel distillers (MSD). It labels words in BIO2.

- Encoder: {encoder}, with a classifier on every layer that was trained; the last one makes the predictions.
- Data set: {dataset}, {source} to {language} ({lang}).
- Entity types: {types}.
- This student: seed {seed}, {weights}. What chose: {chosen}. Its own F1 on {dev}: {dev_f1}.

## Scores

Entity-level F1 in percent, counted as conlleval counts; mean and sample standard deviation over seeds ({seeds}).
The weights here are those of one seed, so their own score differs from the mean.

{scores}

{on_dev}## How to use it

The directory is complete: nothing else is read, nothing is fetched. `DIR` stands for where it lies.

```sh
echo "One sentence a line" | python -m msd_ray.predict --model DIR
```

```python
from pathlib import Path

import torch

from msd_ray.predict.export import load_student
from msd_ray.predict.tagging import tag

student = load_student(Path("DIR"), torch.device("cpu"))
print(tag(student, [["One", "list", "of", "words", "a", "sentence"]]))
```

It is a token classification checkpoint of its encoder's family, so that transformers alone loads it, too:

```python
from transformers import pipeline

tagger = pipeline("token-classification", "DIR", aggregation_strategy="first")
print(tagger("One sentence a line"))
```

The label of a word is that of its first token. `msd_ray` makes labels valid BIO2 (by Viterbi where the search did so)
and reads long sentences in overlapping windows{length}; a pipeline takes each token's best label, reads no more tokens
than the tokenizer allows, and joins tokens into words by rules of its own (`is_split_into_words=True` takes words).

Where the search recorded its runs, MLflow has it too, with the alias `champion` on the best student for this data
set and language so far; this one is a version of the same model. MLflow loads it as the same pipeline:

```sh
python -m msd_ray.predict --model {registered} --mlflow-uri URI
```

```python
import mlflow

mlflow.set_tracking_uri("URI")
tagger = mlflow.transformers.load_model("{registered}", aggregation_strategy="first")
print(tagger("One sentence a line"))
```

`channels.safetensors` (the classifiers on the lower layers) and `msd_ray.json` are read by `msd_ray` alone. All weights
are in safetensors; nothing here is pickled.

## How it was trained

Study: {study}. Configuration: {configuration}.

{teacher}

{student}

{run}

{versions}

## Data

Digests of the sentences as they were read, so that others can tell whether they have the same data.

{digests}

## Licences

- Encoder: {encoder_licence}
- Data set: {data_licence}

## Limits

- Zero-shot: no label of {language} training sentences was used. {choice}
- It knows the entity types and the kind of text of {dataset} and no others; expect lower scores on other domains.
- It sees windows{length} at a time. Longer sentences are read in windows that overlap, so far context is lost.
- It was made for {language}. Other languages, {source} included, were not measured.
- It repeats what encoder, teacher and texts brought along, biases about names and places included. Predictions need
  review before anything depends on them.
"""
