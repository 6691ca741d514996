"""Ray: join or start a cluster, and run a phase's trials on Ray Tune and Ray Train.

Tune starts, ends and retries trials. The phase decides, from its study, which trial is next and whether one is pruned;
Tune's own files are not needed to resume a search. Only this package and `doctor` import Ray.

    cluster        join or start a Ray cluster
    resources      resources of a trial, and how many trials fit on machines
    tuning         run a phase on Tune
    workers        what Ray runs for a trial: its own process, or Ray Train workers
    watchdog       bounds on how long trials may be silent
    reporting      reports and failures of trials
    reuse          a process that runs one trial after another
    process_group  the process group of a trial's workers
    precision      precision `auto` of GPU nodes that are not this machine
    placement      free resources that dead trials had reserved
    run_files      location of Ray's own files
    private        interfaces of Ray that are not public
    loopback       whether a cluster listens on loopback only

This file imports little: every process of a trial imports it, and only training ones need more.
"""

import os

from .loopback import only_on_loopback

# Read when Ray is imported, and by the processes that it starts.
os.environ.setdefault("RAY_AUTH_MODE", "token")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
# An interrupt ends the search; Tune would wait for its trials first.
os.environ.setdefault("TUNE_DISABLE_SIGINT_HANDLER", "1")
# The driver reports a failed attempt in one line; its traceback is stored with the trial's run.
os.environ.setdefault("TUNE_PRINT_ALL_TRIAL_ERRORS", "0")
# Seconds until a trial's process that does not end is killed; Tune's default of 600 would block its resources.
os.environ.setdefault("TUNE_FORCE_TRIAL_CLEANUP_S", "30")
# Seconds that workers may wait for resources: years. Ray Train would count each timeout as a failure; see `watchdog`.
os.environ.setdefault("RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S", "1000000000")
# Seconds between polls of a worker group; Ray's default of 2 would slow down short epochs.
os.environ.setdefault("RAY_TRAIN_HEALTH_CHECK_INTERVAL_S", "0.2")
os.environ.setdefault("RAY_TRAIN_ENABLE_PREEMPTION_WATCHER", "0")
if not os.environ.get("RAY_ADDRESS") or only_on_loopback(os.environ["RAY_ADDRESS"]):
    # With this, a Ray that is started here uses 127.0.0.1 as its node's address and listens only there. Otherwise it
    # uses the machine's address, even if told 127.0.0.1, and listens on all interfaces; and joining a cluster on
    # loopback would try the machine's address for ever.
    os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
