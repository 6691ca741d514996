"""Search: from settings to trained and scored students.

On the driver, in the order of the calls:

    search          the phases of a search: teacher, student, confirm, final
    ablation        the variants of an ablation, as rows of a final phase
    final           rows of a table with every seed
    execution       environment of a study: cluster, run records, display
    phase           starts a phase's trials and records their reports
    lost_runs       records runs again that were deleted in MLflow
    studies         a phase's trials and proposals in an Optuna database
    on_ray          runs a phase's launches on Ray Tune and Ray Train

On a worker:

    work            runs a launch: its trials in order
    context         corpora, taggers, locks and reports of a trial
    teachers        stored teachers and their outputs
    students        stored students and averages of students
    results         scores, predictions and sentence vectors of a final run (`domains`: their distances)

Values that are passed between them:

    plans           trial plans, launches, reports
    configuration   configurations of trials and rows; labels of runs
    parameters      fixed values, ranges and choices
    spaces          search spaces (`space_model`: their validation; `yaml_source`: reading YAML with line numbers)
    early_stopping  the pruning rule
    budget          limits on hours and on trials without improvement (`measure`: the duration of a training)
    warm_start      configurations of other studies
    prepare         reads corpora, and has them encoded (`features`)
    scored_files    checks of the files that final runs are scored on
    records         what is recorded of a run, and where
    ranking         ranks teachers and students
    progress        counts of a phase, for the display (`forecast`: the time left)
    phase_status    ended and total trials of a stored study
"""
