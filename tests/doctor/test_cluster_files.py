"""Checks of cluster files: the files of `cluster/` pass, and each check finds a planted mistake."""

import re
import sys
from importlib import metadata
from pathlib import Path

import pytest

from msd_ray.cli.option_table import Resources
from msd_ray.doctor.cluster_files import ASKED, PLACEHOLDER, Problem, check_file, pinned_ray

ROOT = Path(__file__).parents[2]
CLUSTER = ROOT / "cluster"
FILES = sorted(path.name for path in CLUSTER.glob("*.yaml"))
RAY = pinned_ray(ROOT / "constraints.txt")


def planted(directory: Path, name: str, old: str, new: str) -> Path:
    """A copy of a file of `cluster/` in which the first `old` is `new`."""
    text = (CLUSTER / name).read_text()
    assert old in text, f"{name} does not contain {old!r} any more: plant the mistake elsewhere"
    path = directory / name
    path.write_text(text.replace(old, new, 1))
    return path


def errors(path: Path) -> list[Problem]:
    return [finding for finding in check_file(path, RAY) if finding.level == "error"]


@pytest.mark.parametrize("name", FILES)
def test_only_placeholders_are_found(name: str) -> None:
    levels = {finding.level for finding in check_file(CLUSTER / name, RAY)}
    values = [line for line in (CLUSTER / name).read_text().splitlines() if not line.lstrip().startswith("#")]
    assert levels == ({"to set"} if any(PLACEHOLDER in line for line in values) else set())


PGPASSWORD = """valueFrom:
                  secretKeyRef: {name: msd-ray-passwords, key: postgres-password}"""
MISTAKES = {
    "aws.yaml": [
        # Ray's own schema
        ("idle_timeout_minutes: 10", "idle_timeout_minuts: 10", "idle_timeout_minuts", "Ray refuses this"),
        ("head_node_type: head", "head_node_type: haed", "(the file)", "`head_node_type` must be one of"),
        # image tags
        ("msd-ray:2.60.0", "msd-ray:2.59.0", "docker.image", "pins Ray"),
        ("msd-ray:2.60.0", "msd-ray", "docker.image", "Add a tag"),
        # resources
        ('{"CPU": 8, "GPU": 1}', '{"CPU": 8, "gpus": 1}', "gpu_worker.resources.gpus", "no trial asks for this"),
        ('{"CPU": 8, "GPU": 1}', '{"GPU": 1}', "gpu_worker.resources", "Say how many CPUs"),
        ('{"CPU": 0}', "{}", "head.resources", "trials would run on the head"),
        # token
        ("-e RAY_AUTH_MODE=token", "-e RAY_AUTH_MODE=disabled", "docker.run_options", "RAY_AUTH_MODE=token is missing"),
        ("-e RAY_AUTH_TOKEN_PATH=", "-e TOKEN_PATH=", "docker.run_options", "RAY_AUTH_TOKEN_PATH= is missing"),
        ("head_run_options:\n", "head_run_options:\n    - -e RAY_AUTH_MODE=disabled\n", "head_run_options[0]", "open"),
        # secrets
        ("_TOKEN_PATH=/run/msd-ray/ray_token", "_TOKEN=0f3c9a", "run_options[3]", "a secret in plain text"),
        ("# Nodes have", "# AKIAABCDEFGHIJKLMNOP", "(text)", "a private key or token"),
        # public addresses
        ("use_internal_ips: true", "use_internal_ips: false", "provider.use_internal_ips", "public addresses"),
        ("cache_stopped_nodes: false", "security_group: {IpRanges: [{CidrIp: 0.0.0.0/0}]}", "CidrIp", "is open to"),
        ("HttpTokens: required", "A: {AssociatePublicIpAddress: true}", "AssociatePublicIpAddress", "is open to"),
    ],
    "gcp.yaml": [
        ("max_workers: 8\n", "max_workers: many\n", "max_workers", "Ray refuses this"),
        ("msd-ray:2.60.0", "msd-ray:latest", "docker.image", "changes with time"),
        ('{"CPU": 8, "GPU": 1}', '{"CPU": 8, "L4": 1}', "resources.L4", "Write one of CPU, GPU, memory"),
        (
            "subnetworks/CHANGE-ME\n",
            "subnetworks/CHANGE-ME\n          accessConfigs: [{type: ONE_TO_ONE_NAT}]\n",
            "networkInterfaces[0].accessConfigs[0].type",
            "is open to",
        ),
        ("cache_stopped_nodes: false", "gcp_credentials: {credentials: ya29.planted}", "credentials", "in plain text"),
    ],
    "local.yaml": [
        ("  head_ip: CHANGE-ME-HEAD\n", "", "(the file)", "head_ip"),
        ("container_name: msd-ray\n", "\n", "(the file)", "Must provide a container & image name"),
        ("docker:\n", "dokcer:\n", "dokcer", "Ray refuses this"),
        ("docker:\n", "dokcer:\n", "worker_start_ray_commands", "RAY_AUTH_MODE=token is missing"),
        ("-e RAY_AUTH_MODE=token", "-e OTHER=1", "docker.run_options", "RAY_AUTH_MODE=token is missing"),
    ],
    "kuberay-raycluster.yaml": [
        ("rayVersion: 2.60.0", "rayVersion: 2.52.0", "spec.rayVersion", "pins Ray"),
        ("msd-ray:2.60.0", "msd-ray:2.52.0", "headGroupSpec.template.spec.containers[0].image", "pins Ray"),
        ("mode: token", "mode: disabled", "spec.authOptions", "mode: token"),
        ("RAY_USAGE_STATS_ENABLED", "RAY_AUTH_MODE", "spec.authOptions", "RAY_AUTH_MODE nowhere"),
        ('num-cpus: "0"', 'num-cpus: "2"', "rayStartParams.num-cpus", "trials would run on the head"),
        ('limits: {cpu: "6"', 'limits: {CPUs: "6"', "resources.limits.CPUs", "no trial asks for this"),
        ('limits: {cpu: "6"', 'limits: {cpu: "500m"', "containers[0].resources.limits", "Say how many CPUs"),
        (PGPASSWORD, "value: hunter2", "env[8].value", "PGPASSWORD in plain text"),
        ("serviceType: ClusterIP", "serviceType: LoadBalancer", "headGroupSpec.serviceType", "is open to"),
        ("enableIngress: false", "enableIngress: true", "headGroupSpec.enableIngress", "is open to"),
        ("automountServiceAccountToken: false", "hostNetwork: true", "template.spec.hostNetwork", "is open to"),
    ],
    "kuberay-rayjob.yaml": [
        ("--max-concurrent 16 ", "", "spec.entrypoint", "--max-concurrent is missing"),
        ("--gpus-per-trial 0.5", "--gpu-per-trial 0.5", "spec.entrypoint", "did you mean --gpus-per-trial?"),
        ("--cpus-per-trial 3", "--cpus-per-trial 7", "spec.entrypoint", "asks for 7 CPUs and 0.5 GPUs"),
        (
            'limits: {cpu: "6", memory: 24Gi, nvidia',
            'limits: {cpu: "6", a',
            "spec.entrypoint",
            "offer 6 CPUs and 0 GPUs",
        ),
        ("--lang ar", "--lang 'ar", "spec.entrypoint", "No closing quotation"),
        ("--lang ar", "--help", "spec.entrypoint", "--lang"),
        ("//msd@postgres", "//msd:hunter2@postgres", "spec.entrypoint", "a secret in plain text"),
        ("mode: token", "mode: disabled", "rayClusterSpec.authOptions", "mode: token"),
    ],
    "services.yaml": [
        ("image: postgres:17.6-bookworm", "image: postgres", "containers[0].image", "Add a tag"),
        ("msd-ray:2.60.0", "msd-ray:2.61.0", "containers[0].image", "pins Ray"),
        ("kind: ConfigMap", "kind: Secret", "kind", "kubectl create secret"),
        ("kind: ConfigMap", "kind: Ingress", "kind", "is open to"),
        ("type: ClusterIP", "type: NodePort", "spec.type", "is open to"),
    ],
    "compose.yaml": [
        ("${MSD_RAY_SERVICES_ADDRESS:-127.0.0.1}:5432:5432", '"5432:5432"', "postgres.ports[0]", "is open to"),
        ("${MSD_RAY_POSTGRES_PASSWORD:?a password for PostgreSQL}", "hunter2", "POSTGRES_PASSWORD", "in plain text"),
        ("cluster/Dockerfile builds}:2.60.0", "cluster/Dockerfile builds}:2.6.0", "mlflow.image", "pins Ray"),
    ],
}


def test_every_file_has_its_mistakes() -> None:
    assert sorted(MISTAKES) == FILES


@pytest.mark.parametrize(
    ("name", "old", "new", "key", "message"),
    [(name, *mistake) for name, mistakes in MISTAKES.items() for mistake in mistakes],
)
def test_a_planted_mistake_is_found(name: str, old: str, new: str, key: str, message: str, tmp_path: Path) -> None:
    path = planted(tmp_path, name, old, new)
    found = errors(path)
    assert any(finding.key.endswith(key) and message in finding.message for finding in found), found
    assert all(finding.where.startswith(f"{path}:") for finding in found)


@pytest.mark.parametrize(
    ("name", "old", "new", "key", "message"),
    [
        ("aws.yaml", "-e MSD_RAY_STORAGE=", "-e OLD_MSD_RAY_STORAGE=", "docker.head_run_options", "MSD_RAY_STORAGE"),
        ("local.yaml", "MLFLOW_TRACKING_URI=http://CHANGE-ME-SERVICES:5000", "MLFLOW_TRACKING_URI=", "", "MLFLOW"),
        ("kuberay-rayjob.yaml", "name: MSD_RAY_STUDY_STORAGE", "name: A", "containers[0].env", "MSD_RAY_STUDY_STORAGE"),
    ],
)
def test_a_head_without_places_is_noted(name: str, old: str, new: str, key: str, message: str, tmp_path: Path) -> None:
    path = planted(tmp_path, name, old, new)
    [note] = [finding for finding in check_file(path, RAY) if finding.level == "note"]
    assert note.key.endswith(key)
    assert re.match(rf"{message}\w* not set on the head", note.message)
    assert errors(path) == []


def test_without_containers_the_start_commands_set_all(tmp_path: Path) -> None:
    settings = "RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH=/t"
    places = "MSD_RAY_STORAGE=/m MSD_RAY_STUDY_STORAGE=s MLFLOW_TRACKING_URI=u"
    path = tmp_path / "local.yaml"
    text = (CLUSTER / "local.yaml").read_text()
    text = text[: text.index("docker:")] + text[text.index("# Your machines' secret store") :]
    text = text.replace("- ray start --head", f"- {settings} {places} ray start --head")
    path.write_text(text.replace("- ray start --address", f"- {settings} ray start --address"))
    assert {finding.level for finding in check_file(path, RAY)} == {"to set"}


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [("aws.yaml", "msd-ray:2.60.0", "msd-ray:2.59.0"), ("services.yaml", "ClusterIP", "NodePort")],
)
def test_a_finding_names_the_line(name: str, right: str, wrong: str, tmp_path: Path) -> None:
    path = planted(tmp_path, name, right, wrong)
    [line] = [number for number, text in enumerate(path.read_text().splitlines(), 1) if wrong in text]
    assert [finding.where for finding in errors(path)] == [f"{path}:{line}"]


@pytest.mark.parametrize("command", ["python -m msd_ray.tune", "python -m msd_ray tune", "msd-ray tune"])
def test_every_form_of_the_command_is_read(command: str, tmp_path: Path) -> None:
    path = planted(tmp_path, "kuberay-rayjob.yaml", "python -m msd_ray.tune --lang ar", f"{command} --lang ar --typo 1")
    assert [finding.key for finding in errors(path)] == ["spec.entrypoint"]


def test_workers_without_gpus_fit_trials_without(tmp_path: Path) -> None:
    assert Resources.gpus_per_trial is None, "1 where the driver has a GPU, and the head has none"
    path = tmp_path / "cluster.yaml"
    path.write_text((CLUSTER / "kuberay-raycluster.yaml").read_text().replace(', nvidia.com/gpu: "1"}', "}"))
    assert errors(path) == []


def test_no_package_of_a_provider_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("boto3", "botocore", "googleapiclient"):
        monkeypatch.setitem(sys.modules, package, None)
    assert errors(CLUSTER / "aws.yaml") == errors(CLUSTER / "gcp.yaml") == []


@pytest.mark.parametrize(
    "text",
    [
        "password: hunter2",
        "auth_token: abc",
        "run: [export HF_TOKEN=abc]",
        "run: ['-e PGPASSWORD=\"abc\"']",
        "run: [mlflow --password=abc]",
        "uri: postgresql://msd:abc@host/db",
        "env: [{name: API_KEY, value: abc}]",
        "a: 1  # AKIAABCDEFGHIJKLMNOP",
        "a: 1\n# -----BEGIN OPENSSH PRIVATE KEY-----",
        "a: 1  # hf_abcdefghijklmnopqrstuvwxyzABCDEF",
        "kind: Secret\napiVersion: v1",
    ],
)
def test_secrets(tmp_path: Path, text: str) -> None:
    path = tmp_path / "file.yaml"
    path.write_text(f"services: {{}}\n{text}")
    assert len(check_file(path, RAY)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "password: ${DB_PASSWORD:?the database's}",
        "password: ''",
        "run: [-e RAY_AUTH_TOKEN_PATH=/run/token, -e RAY_AUTH_MODE=token]",
        "run: ['export PGPASSWORD=\"$(cat /run/pg)\"', 'HF_TOKEN=$HF_TOKEN python']",
        "run: [gcloud secrets versions access latest --secret=msd-ray-token]",
        "run: [docker login --username AWS --password-stdin]",
        "uri: postgresql://msd@host/db",
        "uri: http://host:5000/path",
        "env: [{name: API_KEY, valueFrom: {secretKeyRef: {name: msd-ray, key: api}}}]",
        "automountServiceAccountToken: false",
        "auth: {ssh_private_key: ~/.ssh/id_ed25519}",
    ],
)
def test_references_to_secrets(tmp_path: Path, text: str) -> None:
    path = tmp_path / "file.yaml"
    path.write_text(f"services: {{}}\n{text}")
    assert check_file(path, RAY) == []


def test_the_pinned_ray_is_the_one_that_the_tests_run_with() -> None:
    assert metadata.version("ray") == RAY


def test_names_of_resources_are_those_that_trials_ask_for() -> None:
    from msd_ray.search.on_ray.resources import Resources
    from msd_ray.search.on_ray.workers import trainable

    asked: set[str] = set()
    for workers in (0, 1):
        asking = trainable(
            Resources(workers=workers, cpus=2, gpus=0.5), "phase", lambda launch, device, send, warned: None
        )
        request = getattr(asking, "_resources", None) or asking.default_resource_request({})
        asked |= {name for bundle in request.bundles for name in bundle}
    # ScalingConfig's own names for a worker's are CPU and GPU, too.
    assert asked == set(ASKED)
