"""Placement groups of dead actors are freed, and no others."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from shared_ray import SharedRay
from tune_process import TESTS

SCRIPT = Path(__file__).with_name("ray_groups.py")


@pytest.mark.slow
@pytest.mark.cluster
def test_the_group_of_a_dead_actor_is_freed_and_the_drivers_own_stays(ray_cluster: SharedRay) -> None:
    """Tune's trials run in the driver's groups: one that loses its group dies."""
    environment = {**os.environ, **ray_cluster.environment, "PYTHONPATH": str(TESTS.parent)}
    done = subprocess.run([sys.executable, str(SCRIPT)], env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "freed while all live": 0,
        "after a death": {"driver": "CREATED", "alive": "CREATED", "dead": "REMOVED"},
        "at the end": {"driver": "REMOVED", "alive": "REMOVED", "dead": "REMOVED"},
    }
