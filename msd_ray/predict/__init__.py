"""Exported students: checkpoint, model card, tagging text.

tagger.py        Tagger: the Python API
__main__.py      the command
lines.py         input: files and standard input; progress on a terminal
formats.py       output: JSON lines, CoNLL, marked text
tagging.py       labels and scores of words, from logits
classifier.py    a student ready to tag, loaded with or without transformers
bert.py          forward pass of BERT-like students without transformers
description.py   msd_ray.json, and verification of the files
export.py        write a student, and load it as a tagger
model_card.py    README.md of a student
onnx.py          export to ONNX
hub.py           push to the Hugging Face hub
"""
