"""`msd_ray.ablate`: what it says before it starts, what it refuses, and a comparison to its table."""

import re
from pathlib import Path

import pytest
from shared_ray import SharedRay
from stored_runs import assert_settled, children, parents
from tune_process import Tune

from msd_ray.ablate import main
from msd_ray.cli.ablate_options import AblateOptions, parse
from msd_ray.cli.option_table import Study
from msd_ray.common.errors import UserError
from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.method.variants import VARIANTS, ZERO_SHOT

POINT = """\
description: One configuration.
teacher: {learning_rate: 2e-4, alpha: 0.2}
student: {learning_rate: 2e-4, beta: 0.5, alpha_prime: 0.01, beta_prime: 0.02, init: teacher}
"""
SEARCHED = POINT.replace("beta: 0.5", "beta: {low: 0.1, high: 1}")


@pytest.fixture(scope="module")
def command(tiny_encoder: EncoderFiles, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    point = tmp_path_factory.mktemp("configuration") / "point.yaml"
    point.write_text(POINT, encoding="utf-8")
    options = {
        "lang": "ar",
        "dataset": "sample",
        "encoder": tiny_encoder.directory,
        "configuration": point,
        "epochs": 1,
        "limit": 40,
        "precision": "fp32",
        "workers": 0,
    }
    return [text for name, value in options.items() for text in (f"--{name}", str(value))]


def test_defaults_are_the_papers_configuration_and_every_zero_shot_variant() -> None:
    options = parse(["--lang", "ko", "tr"])
    assert isinstance(options, AblateOptions)
    assert options.variants == ZERO_SHOT
    assert (options.space, options.seeds, options.encoder) == ("paper", 5, Study.encoder)
    assert [options.study_name(lang) for lang in ("ko", "tr")] == ["wikiann-ko-ablation", "wikiann-tr-ablation"]
    assert parse(["--lang", "tr", "--name", "mine"]).study_name("tr") == "mine"


def test_a_dry_run_says_what_would_run(command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    storage = tmp_path / "storage"
    arguments = ["--variants", "gold-aux", "msd", "--allow-target-labels", "--seeds", "3", "--dry-run"]
    assert main([*command, *arguments, "--storage", str(storage)]) == 0
    said = capsys.readouterr().out
    assert re.search(r"^variants +msd, gold-aux$", said, re.MULTILINE)
    assert "3 seeds of each variant, scored on the test set" in said
    assert re.search(r"^NOT zero-shot +gold-aux learns from gold labels", said, re.MULTILINE)
    assert not storage.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--variants", "mds"], "--variants mds: unknown variant. Choose from msd"),
        (["--variants", "gold-aux"], "To measure that, add --allow-target-labels"),
        (["--trials", "3"], "unknown argument '--trials'"),
        (["--seeds", "0"], "--seeds 0 is out of range"),
        (["--configuration", "nowhere.yaml"], "nowhere.yaml"),
    ],
)
def test_a_mistake_is_one_message(command: list[str], arguments: list[str], message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        main([*command, *arguments, "--storage", str(tmp_path / "storage")])
    assert not (tmp_path / "storage").exists()


def test_a_configuration_that_is_searched_is_refused(command: list[str], tmp_path: Path) -> None:
    space = tmp_path / "space.yaml"
    space.write_text(SEARCHED, encoding="utf-8")
    with pytest.raises(UserError, match=r"leaves student\.beta to be searched"):
        main([*command, "--configuration", str(space), "--storage", str(tmp_path / "storage")])


@pytest.mark.slow("an ablation on Ray")
@pytest.mark.cluster
@pytest.mark.timeout(1200)
def test_a_comparison_to_its_table(command: list[str], ray_cluster: SharedRay, tmp_path: Path) -> None:
    storage = tmp_path / "storage"
    arguments = [*command, "--variants", "msd", "direct", "--seeds", "1", "--storage", str(storage)]
    program = ("-m", "msd_ray.ablate")
    with Tune(arguments, tmp_path / "log", program, environment=ray_cluster.environment) as ablation:
        assert ablation.wait() == 0, ablation.output
    assert_settled(storage)
    assert {run.tags["row"] for run in children(storage).values()} == {"msd", "direct"}
    (parent,) = parents(storage)
    assert (parent.tags["command"], parent.tags["zero_shot"]) == ("ablate", "true")
    for name in ("msd", "direct"):
        mean = parent.metrics[f"final/{name}/test_f1_mean"]
        lines = ([cell.strip() for cell in line.split("│")] for line in ablation.output.splitlines())
        (cells,) = (cells for cells in lines if VARIANTS[name].label in cells)
        assert f"{100 * mean:.2f}" in cells
