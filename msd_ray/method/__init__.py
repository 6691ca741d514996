"""The method of the paper (MSD): tagger, losses, teacher, student, training loop, scores.

A teacher is trained on labelled source sentences (Eq. 6-10). Its outputs on unlabelled target sentences and on source
sentences are stored once; a student is distilled from them (Eq. 11-15) and scored (Eq. 16). The package needs PyTorch
and transformers, and none of Ray, Optuna, MLflow or SciPy.

Model and losses:

    settings       hyperparameters as frozen dataclasses, with the paper's defaults
    variants       the configurations that the paper compares
    tagger         encoder with a channel terminal on every trained layer (Eq. 6-7)
    losses         losses of teacher and student over all channels (Eq. 8-12, 15)
    mmd            squared maximum mean discrepancy (Eq. 5)

Training:

    build          a tagger with its initial weights
    teacher        the teacher's task (Eq. 8-10)
    outputs        soft labels and [CLS] vectors of a teacher, stored for students
    student        the student's task (Eq. 11-15)
    loop           the training loop of both
    checkpoints    a training on disk, and the choice of an epoch
    frozen         output of the frozen layers, computed once per corpus
    dropout        fast dropout masks for CPUs
    device         precision and attention kernel of a device
    parallel       data-parallel workers

Evaluation:

    evaluate       predict the labels of encoded sentences
    decoding       label scores to valid BIO2: argmax with repair, or Viterbi
    entity_scores  entity-level precision, recall and F1 (Eq. 16)
    scores         scores as metrics
"""
