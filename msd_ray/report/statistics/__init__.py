"""Statistics of scores and error analysis of predictions: pure functions over plain data.

    summary.py       mean, deviation and 95 % interval over seeds; text of scores and p values
    paired.py        paired t-test and Wilcoxon test over the seeds of two rows; Holm's correction for many tests
    bootstrap.py     F1 difference between two systems over resampled seeds and sentences
    span_errors.py   partial matches: boundary, type, missed, spurious entities
    confusion.py     confusion between entity types

Every score is in 0..1. `method.entity_scores.entities` extracts entities for error analysis and bootstrap; it finds the
same entities as seqeval's default mode, which gives the F1. Scorers differ in entities that begin with `I-`, which gold
labels contain (WikiAnn zh many, CoNLL es one in dev and one in test):

    labels          here, conlleval, seqeval by default,     seqeval with mode="strict" and scheme=IOB2,
                    seqscore with repair="conlleval"         seqscore with repair="discard"
    O I-PER I-PER   one PER of two tokens                    no entity
    B-PER I-LOC     a PER and a LOC, one token each          the PER alone
    B-PER I-PER     one PER of two tokens                    the same, as for every valid BIO2 sequence

The strict scorers drop gold and predicted entities, so scores are comparable only with those of a scorer in the left
column. seqscore without a repair rejects such sequences.
"""
