"""Promotion decisions from tags."""

from dataclasses import replace

from candidates import CANDIDATE

from msd_ray.tracking.champion import decide_promotion


def test_decisions() -> None:
    tags = {"dev_f1": "0.5", "data.target_dev": "bb" * 32}
    better = replace(CANDIDATE, dev_f1=0.5000001)
    assert decide_promotion(better, "7", tags).promoted
    assert not decide_promotion(CANDIDATE, "7", tags).promoted
    assert not decide_promotion(better, "7", {**tags, "data.target_dev": "cc"}).promoted
    assert not decide_promotion(better, "7", {}).promoted
    assert not decide_promotion(better, "7", {**tags, "dev_f1": "high"}).promoted
    assert not decide_promotion(better, "7", {**tags, "dev_f1": "nan"}).promoted
    assert not decide_promotion(replace(better, zero_shot=False), "", {}).promoted
