"""The files of `cluster/` as they are: nothing wrong, and true of the code beside them."""

import re
import shlex
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml
from cluster_files import CLUSTER, FILES, RAY, ROOT, errors, planted

from msd_ray.cli.arguments import DEFAULTS
from msd_ray.cli.options import parse
from msd_ray.doctor.cluster_files.check import PLACEHOLDER, check_file
from msd_ray.doctor.cluster_files.trial_resources import ASKED


def loaded(name: str) -> Any:
    return yaml.safe_load((CLUSTER / name).read_text())


@pytest.mark.parametrize("name", FILES)
def test_nothing_is_wrong(name: str) -> None:
    assert errors(CLUSTER / name) == []


@pytest.mark.parametrize("name", FILES)
def test_every_placeholder_is_told(name: str) -> None:
    told = [finding for finding in check_file(CLUSTER / name, RAY) if finding.level == "to set"]
    values = [line for line in (CLUSTER / name).read_text().splitlines() if not line.lstrip().startswith("#")]
    assert bool(told) == any(PLACEHOLDER in line for line in values)


def test_the_pinned_ray_is_the_one_that_the_tests_run_with() -> None:
    assert metadata.version("ray") == RAY


def test_names_of_resources_are_those_that_trials_ask_for() -> None:
    from msd_ray.search.on_ray.workers import Resources, trainable

    asked: set[str] = set()
    for workers in (0, 1):
        asking = trainable(Resources(workers=workers, cpus=2, gpus=0.5), "phase", lambda launch, device, send: None)
        request = getattr(asking, "_resources", None) or asking.default_resource_request({})
        asked |= {name for bundle in request.bundles for name in bundle}
    # ScalingConfig's own names for a worker's are CPU and GPU, too.
    assert asked == set(ASKED)


@pytest.mark.parametrize("name", FILES)
def test_nothing_is_noted(name: str) -> None:
    """On-demand heads, spot workers, places of storage and databases."""
    assert [finding for finding in check_file(CLUSTER / name, RAY) if finding.level == "note"] == []


def test_workers_have_gpus() -> None:
    """A trial asks for none by default, so that the check takes workers without; these files promise them."""
    for name in ("aws.yaml", "gcp.yaml"):
        types = loaded(name)["available_node_types"]
        assert [node["resources"].get("GPU", 0) > 0 for key, node in types.items() if key != "head"] == [True]
    for cluster in (loaded("kuberay-raycluster.yaml")["spec"], loaded("kuberay-rayjob.yaml")["spec"]["rayClusterSpec"]):
        for group in cluster["workerGroupSpecs"]:
            limits = group["template"]["spec"]["containers"][0]["resources"]["limits"]
            assert int(limits["nvidia.com/gpu"]) > 0


def test_workers_without_gpus_are_right_for_trials_without(tmp_path: Path) -> None:
    path = planted(tmp_path, "kuberay-raycluster.yaml", 'limits: {cpu: "6", memory: 24Gi, nvidia.com/gpu: "1"}', "")
    assert DEFAULTS["gpus_per_trial"] is None, "1 where the driver has a GPU, and the head has none"
    text = path.read_text().replace('requests: {cpu: "6", memory: 24Gi, nvidia.com/gpu: "1"}', 'limits: {cpu: "6"}')
    path.write_text(text)
    assert errors(path) == []


def test_the_job_is_a_command_line_that_the_command_takes() -> None:
    words = shlex.split(loaded("kuberay-rayjob.yaml")["spec"]["entrypoint"])
    options = parse(words[3:])
    assert options.lang == ("ar",)
    assert str(options.storage).startswith("/mnt/msd/")
    assert options.study_storage == "postgresql://msd@postgres:5432/studies"


def test_both_kuberay_files_describe_one_cluster() -> None:
    cluster = loaded("kuberay-raycluster.yaml")["spec"]
    assert loaded("kuberay-rayjob.yaml")["spec"]["rayClusterSpec"] == cluster


def test_workers_get_the_token_and_no_password() -> None:
    for name in ("aws.yaml", "gcp.yaml"):
        node = loaded(name)["available_node_types"]["gpu_worker"]
        commands = " ".join(node["initialization_commands"])
        assert "ray-token" in commands
        assert "pgpass" not in commands
        assert "mlflow" not in commands
    worker = loaded("kuberay-raycluster.yaml")["spec"]["workerGroupSpecs"][0]["template"]["spec"]["containers"][0]
    assert all("valueFrom" not in entry for entry in worker["env"])


def test_compose_and_kubernetes_start_mlflow_alike() -> None:
    documents = list(yaml.safe_load_all((CLUSTER / "services.yaml").read_text()))
    [deployment] = [document for document in documents if document["kind"] == "Deployment"]
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    service = loaded("compose.yaml")["services"]["mlflow"]
    hosts = "--allowed-hosts="
    assert [word for word in container["command"] if not word.startswith(hosts)] == [
        word for word in service["command"] if not word.startswith(hosts)
    ]
    assert {entry["name"] for entry in container["env"]} == set(service["environment"])
    [config] = [document for document in documents if document["kind"] == "ConfigMap"]
    assert config["data"]["databases.sql"] == loaded("compose.yaml")["configs"]["databases"]["content"]


def test_the_image() -> None:
    lines = (CLUSTER / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
    steps = [line.split(maxsplit=1) for line in lines if line and not line.startswith("#")]
    [base] = [rest for step, rest in steps if step == "FROM"]
    assert re.fullmatch(r"python:3\.11\.\d+-slim-bookworm", base)
    users = [rest for step, rest in steps if step == "USER"]
    assert users == ["ray"]
    after_user = steps[[step for step, _ in steps].index("USER") :]
    assert all(step != "RUN" for step, _ in after_user)
    said = " ".join(rest for step, rest in steps if step in ("ENV", "ARG", "LABEL"))
    assert not re.search(r"password|secret|token=(?!token)|key", said.replace("RAY_AUTH_MODE=token", ""), re.IGNORECASE)
    installs = [rest for step, rest in steps if step == "RUN" and "pip install" in rest]
    assert any("--constraint constraints.txt" in rest for rest in installs)
    ignored = (CLUSTER / "Dockerfile.dockerignore").read_text().split("\n")
    assert "*" in ignored
    sources = [word for step, rest in steps if step == "COPY" for word in rest.split()[:-1]]
    for source in sources:
        assert (ROOT / source).exists(), source
        assert any(f"!{part}" in ignored for part in (source, *map(str, Path(source).parents))), source


def test_its_extras_exist() -> None:
    asked = re.search(r'"\.\[([\w,-]+)\]"', (CLUSTER / "Dockerfile").read_text())
    assert asked is not None
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert set(asked[1].split(",")) <= set(project["optional-dependencies"])
