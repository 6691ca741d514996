"""What numbers of runs say, and what predictions got wrong: pure functions over plain data.

    summary.py       mean, deviation and 95 % interval over seeds
    paired.py        paired t-test and Wilcoxon test over the seeds of two rows; Holm's correction of many tests
    bootstrap.py     one pair of runs: the F1 difference over resampled sentences
    span_errors.py   partial matches: boundary, type, missed, spurious entities
    confusion.py     which type is taken for which
    domains.py       MMD, symmetric KL divergence and cosine of two sets of sentence vectors (Figure 4)
    spans.py         gold and predicted entities sentence by sentence, for the modules above

Every score is in 0..1. What an entity is, `method.entity_scores.entities` decides everywhere here, so that error
counts and tests speak of the same entities as the F1. That matters for an entity that begins with `I-`, in gold
labels (WikiAnn zh has many, CoNLL es one in dev and one in test) or in predictions:

    labels          here, conlleval, seqeval by default,     seqeval with mode="strict" and scheme=IOB2,
                    seqscore with repair="conlleval"         seqscore with repair="discard"
    O I-PER I-PER   one PER of two tokens                    no entity
    B-PER I-LOC     a PER and a LOC, one token each          the PER alone
    B-PER I-PER     one PER of two tokens                    the same: every BIO2 sequence is read alike

So the strict scorers take away gold entities as well as predicted ones, and scores are comparable only with those of
a scorer in the left column. seqscore without a repair refuses such sequences.
"""
