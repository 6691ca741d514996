"""Experiment tracking with MLflow. The only package that imports mlflow.

One experiment per data set and language (`msd-<dataset>-<lang>`), one parent run per study (with the study's name), one
child run per trial and per final run. The driver is the only writer.

    study.py          StudyTracker: writes the runs of one study to MLflow
    run_logger.py     JournaledRunLogger: records runs in a journal, whether MLflow is available or not
    journal.py        the journal file
    replay.py         the thread that writes the journal's records to MLflow
    outages.py        classification of MLflow's errors: unavailable or rejected
    labels.py         names, tags and notes of runs, for the MLflow UI
    study_reader.py   StudyReader: studies, curves and artifacts, for reports
    history.py        metric histories of many runs with few requests
    artifacts.py      readers of the artifacts of final runs: predictions, [CLS] vectors
    registry.py       students as versions of registered models
    champion.py       tags of a version, and the rule for promotion to champion
    references.py     `models:/NAME@ALIAS` -> directory of the student
    rows.py           RunRow: one run as stored in MLflow; queries for runs
    corpus_counts.py  corpus statistics in MLflow
    study_states.py   which studies have ended, which weights are in use
    experiments.py    the experiments that hold studies, also renamed ones
    relocation.py     artifact locations of a database that was moved or copied
    schema.py         schema revision of a database
    conflicts.py      check for a conflicting study
    uri.py            tracking URIs
    client.py         MLflow client without console output; MLflow's errors as user errors
    database.py       checks a tracking URI within seconds; creates SQLite databases atomically
    connection.py     connection with a check; experiments
    inspection.py     versions of a store, read without changing it
    parameters.py     nested settings -> flat MLflow parameters

Tags: `study`, `dataset`, `lang`, `command` (tune, ablate), `kind` (study or run); children also `key` (unique within
the study: `teacher/0`, `student/3`, `final/best/<configuration>/seed-1`), `phase` (teacher, student, final), `trial`,
`state` (COMPLETE, PRUNED, FAIL), `reason`; final runs also `row` (direct, tsl, paper, best, average; in an ablation
the variant), `configuration` (digest), `seed`, `scored_split` (test, or dev when there is no test file), `scored_on`
(source, when there are no target labels, so that dev is the source's), `zero_shot` (true, false), and `claim` for the
two rows of the paper's claim. Trials of a warm start have their origin (`warm_start`), retries of a failed trial
its key (`retry_of`). Parent and unfinished children of an interrupted study have the time in `interrupted`
until the study resumes. docs/mlflow.md has filters by these tags. A child's name ends with its language.

Metric names; the UI groups charts by the prefix before the first `/`:

    loss/main  loss/channel_4  loss/mmd_model  loss/mmd_language  loss/total        one point per epoch
    layer_weight/4                                                                  lambda, lambda'
    dev_target/f1  dev_target/precision  dev_target/recall  dev_target/PER/f1       entity-level, 0..1; dev_source/...
                                                                                    if source dev selects
    time/train_seconds  time/tokens_per_second  padding_share  gradient_norm
    test/f1  test/f1_deduplicated                                                   final runs; `dev` for `test`
                                                                                    if there is no test file
    test/precision  test/recall  test/PER/f1  test/f1_deduplicated  source_test/f1  final runs of an ablation
    domain/tea_src-stu_tgt/mmd  .../symmetric_kl  .../cosine                        between [CLS] vectors
    epoch                                                                           marks an epoch as completely written

`epoch` is written in the same transaction as the epoch's other metrics; an epoch that has it is never written again.
`StudyTracker.finish` writes its metrics one step after the last epoch, so that the newest `dev_target/f1` (in the UI's
table and in RunRow) is that of the selected epoch. The parent's `final/<row>/...` and `gain/...` are the printed
table (`report/comparison.py`).
"""
