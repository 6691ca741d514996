"""MLflow: what a search did, as runs that the MLflow UI can chart and compare. The only place that imports mlflow.

One experiment per data set and language (`msd-<dataset>-<lang>`), one parent run per study (its name is the
study's), one child run per trial and per final run. The driver is the only writer.

    study.py        StudyTracker: open or reopen a study's runs, log epochs, finish runs
    records.py      StudyRecords: what a search writes to, whether MLflow answers or not
    journal.py      the file in which records wait
    replay.py       the thread that tells MLflow what the journal holds
    outages.py      whether MLflow is away or has an objection
    labels.py       their names, tags and the study's note, for MLflow's own pages
    recorded.py     Recordings: studies, curves and artifacts as reports read them
    history.py      the curves of many runs in few requests
    artifacts.py    the files of final runs: predictions, [CLS] vectors
    registry.py     the best students as versions of registered models, one of them the champion
    champion.py     what a version says of its student, and who becomes champion
    references.py   `models:/NAME@ALIAS` -> the student's directory
    rows.py         RunRow: what the database holds about one run; the search for runs
    comparison.py   the table at the end of a search, made from RunRows alone
    overview.py     the table of several languages with their average
    conflicts.py    whether a study may be recorded, seen beforehand
    uri.py          which store a tracking URI names
    client.py       the quiet MLflow client; MLflow's errors as user errors
    database.py     checks a tracking URI within seconds; creates a SQLite database in one step
    connection.py   a client whose store answered; a study's experiment
    parameters.py   nested settings <-> flat MLflow parameters

Tags: `study`, `dataset`, `lang`, `command` (tune, ablate), `kind` (study or run); children also `key` (unique within
the study: `teacher/0`, `student/3`, `final/best/<configuration>/seed-1`), `phase` (teacher, student, final), `trial`,
`state` (COMPLETE, PRUNED, FAIL), `reason`; final runs also `row` (direct, tsl, paper, best, average; in an ablation
the variant),
`configuration` (digest), `seed`, `scored_split` (test, or dev when there is no test file), `zero_shot` (true, false),
and `claim` the two rows of the paper's claim. Trials of a warm start name where they are from (`warm_start`), those
that run a failed one again name that (`retry_of`). Parents and unfinished children of a study that was interrupted have
`interrupted`, the time, until it goes on. docs/mlflow.md has filters made of them. A child's name ends in its
language.

Metric names; the UI puts the charts with one prefix (before the first `/`) in one section:

    loss/main  loss/channel_4  loss/mmd_model  loss/mmd_language  loss/total        one point an epoch
    layer_weight/4                                                                  lambda, lambda'
    dev_target/f1  dev_target/precision  dev_target/recall  dev_target/PER/f1       entity-level, 0..1; dev_source/...
                                                                                    where source dev chooses
    time/train_seconds  time/tokens_per_second  padding_share  gradient_norm
    test/f1  test/f1_deduplicated                                                   final runs; `dev` for `test`
                                                                                    where there is no test file
    test/precision  test/recall  test/PER/f1  test/f1_deduplicated  source_test/f1  final runs of an ablation
    domain/tea_src-stu_tgt/mmd  .../symmetric_kl  .../cosine                        between [CLS] vectors
    epoch                                                                           marks an epoch as written

`epoch` is written in the same transaction as its epoch's other metrics; an epoch that has it is never written
again. What `StudyTracker.finish` is given is written one step after the last epoch, so that the run's newest value
of `dev_target/f1` (the one in the UI's table and in RunRow) is the selected epoch's, not the last epoch's. The
parent's `final/<row>/...` and `gain/...` are the printed table (`comparison.py`).
"""
