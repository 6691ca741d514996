"""Ray: a cluster to join or to start, and a phase's trials as Tune trials with Ray Train inside. All that imports Ray.

Tune starts and ends trials and retries failed ones. What a trial is, which one is next, and whether a weak one stops,
says the phase, from its study: Tune's own files are not needed to go on with a search.

The driver uses `cluster`, `nodes`, `authentication` and `tuning`; a trial's processes start with `workers`. Nothing of
that is imported here: every process of a trial imports this package, and all but the training one need little.
"""

import os

from .loopback import loopback_alone

# Read when Ray is imported, and by the processes that it starts.
os.environ.setdefault("RAY_AUTH_MODE", "token")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
# An interrupt ends the search; Tune would wait for its trials first.
os.environ.setdefault("TUNE_DISABLE_SIGINT_HANDLER", "1")
# A failed attempt is the driver's to tell, in a line; its traceback is kept with the trial's run.
os.environ.setdefault("TUNE_PRINT_ALL_TRIAL_ERRORS", "0")
# A trial whose process does not end when it is told to is killed, in seconds; Tune's own 600 hold its resources.
os.environ.setdefault("TUNE_FORCE_TRIAL_CLEANUP_S", "30")
# Workers that wait for a node to come up are no failure before this, in seconds; Ray's own 60 are short of a machine.
os.environ.setdefault("RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S", "900")
# A worker group's news are looked at this often, in seconds; Ray's own 2 would be felt in short epochs.
os.environ.setdefault("RAY_TRAIN_HEALTH_CHECK_INTERVAL_S", "0.2")
os.environ.setdefault("RAY_TRAIN_ENABLE_PREEMPTION_WATCHER", "0")
if not os.environ.get("RAY_ADDRESS") or loopback_alone(os.environ["RAY_ADDRESS"]):
    # A Ray that is started here takes 127.0.0.1 for its node's address and listens there alone. Without this it takes
    # the machine's, also where it is told 127.0.0.1, and listens on all interfaces; and where a cluster on loopback is
    # to be joined, it looks for that at the machine's address, for ever.
    os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
