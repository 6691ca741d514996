"""The candidate and registered name of the registry tests."""

from msd_ray.tracking.champion import Candidate
from msd_ray.tracking.references import Reference

NAME = "msd-sample-tr"
CHAMPION = Reference(name=NAME, alias="champion", version=None)
CANDIDATE = Candidate(
    dataset="sample",
    lang="tr",
    study="first",
    run_id="",
    row="best",
    configuration="0a1b2c3d",
    seed=4,
    encoder="e5-small",
    zero_shot=True,
    content_sha256="",
    dev_f1=0.5,
    scored_split="test",
    scores={"dev_f1_mean": 0.45, "dev_f1_n": 3, "test_f1_mean": 0.4321, "test_f1_sd": 0.0123, "test_f1_n": 3},
    data_digests={"source_train": "aa" * 32, "target_dev": "bb" * 32},
)
