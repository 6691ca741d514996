"""The files of `cluster/` fit the code and each other."""

import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import yaml

from msd_ray.cli.options import parse

ROOT = Path(__file__).parents[2]
CLUSTER = ROOT / "cluster"


def loaded(name: str) -> Any:
    return yaml.safe_load((CLUSTER / name).read_text())


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


def test_only_pods_of_the_namespace_reach_the_services() -> None:
    documents = list(yaml.safe_load_all((CLUSTER / "services.yaml").read_text()))
    assert {d["spec"]["type"] for d in documents if d["kind"] == "Service"} == {"ClusterIP"}
    closed, operator = (d["spec"] for d in documents if d["kind"] == "NetworkPolicy")
    assert closed == {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{"from": [{"podSelector": {}}]}]}
    assert all(rule["from"] and rule["ports"] == [{"port": 8265}] for rule in operator["ingress"])
    assert "--app-name=basic-auth" in loaded("compose.yaml")["services"]["mlflow"]["command"]


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
