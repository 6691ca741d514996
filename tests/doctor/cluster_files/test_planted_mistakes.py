"""A mistake in each file of `cluster/` is caught by name: the key, and what to do."""

from pathlib import Path

import pytest
from cluster_files import FILES, RAY, errors, planted

from msd_ray.doctor.cluster_files.check import check_file

AWS = [
    # node_config, which Ray's schema does not look into
    ("InstanceType: g5", "InstanceTyp: g5", "gpu_worker.node_config.InstanceTyp", "did you mean InstanceType?"),
    ("VolumeSize: 150", "VolumeSiz: 150", "BlockDeviceMappings[0].Ebs.VolumeSiz", "did you mean VolumeSize?"),
    ("VolumeSize: 150", "VolumeSize: large", "Ebs.VolumeSize", "is not of type 'integer'"),
    ("MarketType: spot", "MarketType: sport", "InstanceMarketOptions.MarketType", "is not one of"),
    ("SpotInstanceType: one-time", "SpotType: one-time", "SpotOptions.SpotType", "did you mean SpotInstanceType?"),
    ("ImageId: ami-CHANGE-ME\n", "\n", "head.node_config", "'ImageId' is a required property"),
    ("SubnetIds: [subnet-CHANGE-ME]", "SubnetId: subnet-1", "head.node_config.SubnetId", "did you mean SubnetIds?"),
    ("IamInstanceProfile:\n        Arn", "IamInstanceProfile:\n        ARN", "Profile.ARN", "did you mean Arn?"),
    ("HttpTokens: required", "HttpTokens: optional", "head.node_config", "HttpTokens must be required"),
    ("Encrypted: true", "Encrypted: false", "BlockDeviceMappings[0]", "Encrypted must be true"),
    # exposure
    ("SecurityGroupIds: [sg-CHANGE-ME]", "", "head.node_config", "admits SSH from everywhere"),
    ("SubnetIds: [subnet-CHANGE-ME]", "", "head.node_config", "any subnet of the account"),
    ("use_internal_ips: true", "use_internal_ips: false", "provider.use_internal_ips", "public address"),
    ("use_internal_ips: true", "use_internal_ips: false", "head_start_ray_commands[1]", "every network of the head"),
    (
        "  cache_stopped_nodes: false",
        "  security_group:\n    IpPermissions: [{IpProtocol: tcp, IpRanges: [{CidrIp: 0.0.0.0/0}]}]",
        "provider.security_group.IpPermissions[0].IpRanges[0].CidrIp",
        "the whole internet",
    ),
    ("--dashboard-host=0.0.0.0", "--dashboard-host=127.0.0.1", "head_start_ray_commands[1]", "where workers reach it"),
    # the token, and secrets
    ("-e RAY_AUTH_MODE=token", "-e RAY_AUTH_MODE=disabled", "docker.run_options", "must set RAY_AUTH_MODE=token"),
    ("    - -e RAY_AUTH_TOKEN_PATH=/run/msd-ray/ray_token\n", "", "docker.run_options", "RAY_AUTH_TOKEN_PATH"),
    ("-e RAY_AUTH_TOKEN_PATH=/run/msd-ray/ray_token", "-e RAY_AUTH_TOKEN=0f3c9a", "run_options[3]", "in plain text"),
    # scaling
    ("idle_timeout_minutes: 10\n", "", "idle_timeout_minutes", "at most 60"),
    ("idle_timeout_minutes: 10", "idle_timeout_minuts: 10", "idle_timeout_minuts", "Ray refuses this"),
    ("min_workers: 0\n    max_workers: 8", "min_workers: 2\n    max_workers: 8", "gpu_worker.min_workers", "must be 0"),
    ("max_workers: 8\n", "", "max_workers", "bounds what the cluster can cost"),
    ("head_node_type: head", "head_node_type: haed", "(the file)", "`head_node_type` must be one of"),
    # resources
    ('{"CPU": 8, "GPU": 1}', '{"CPU": 8, "gpus": 1}', "gpu_worker.resources.gpus", "did you mean GPU?"),
    ('{"CPU": 8, "GPU": 1}', '{"CPU": 8, "A10G": 1}', "resources.A10G", "trials ask for CPU, GPU, memory"),
    ('{"CPU": 8, "GPU": 1}', '{"GPU": 1}', "gpu_worker.resources", "must say how many CPU"),
    ('{"CPU": 0}', "{}", "head.resources", "trials run on the head"),
    ('{"CPU": 8, "GPU": 1}', '{"CPU": 64, "GPU": 1}', "gpu_worker.resources.CPU", "says 64, g5.2xlarge has 8"),
    ('{"CPU": 8, "GPU": 1}', '{"CPU": 8}', "gpu_worker.resources", "says 0 GPU, g5.2xlarge has 1"),
    ("InstanceType: g5.2xlarge", "InstanceType: m6i.2xlarge", "gpu_worker.resources", "says 1 GPU, m6i.2xlarge has 0"),
    # images, and what Ray would install beside them
    ("msd-ray:2.60.0", "msd-ray:2.59.0", "docker.image", "constraints.txt pins Ray"),
    ("msd-ray:2.60.0", "msd-ray", "docker.image", "a tag that says its release"),
    ("setup_commands: []\nhead", "head", "setup_commands", "a Ray of its own choice"),
    # the head
    (
        "      InstanceType: m6i.xlarge",
        "      InstanceType: m6i.xlarge\n      InstanceMarketOptions: {MarketType: spot}",
        "head.node_config.InstanceMarketOptions",
        "must not be a spot instance",
    ),
]
GCP = [
    ("machineType: g2", "machinType: g2", "gpu_worker.node_config.machinType", "did you mean machineType?"),
    ("provisioningModel: SPOT", "provisioningModel: SPOTTY", "scheduling.provisioningModel", "is not one of"),
    ("automaticRestart: false", "automaticRestart: never", "scheduling.automaticRestart", "is not of type 'boolean'"),
    ("diskSizeGb: 150", "diskSizeGB: 150", "initializeParams.diskSizeGB", "did you mean diskSizeGb?"),
    ("acceleratorCount: 1", "acceleratorCount: 2", "guestAccelerators", "has 2, g2-standard-8 comes with 1"),
    ("machineType: g2-standard-8", "machineType: g2-standard-24", "gpu_worker.resources", "says 1 GPU, g2-standard-24"),
    ("machineType: g2-standard-8", "machineType: n2-standard-8", "machineType", "takes no guestAccelerators"),
    (
        "machineType: g2-standard-8\n      guestAccelerators:\n        - acceleratorType: nvidia-l4\n"
        "          acceleratorCount: 1",
        "machineType: n1-standard-8",
        "gpu_worker.resources",
        "says 1 GPU, n1-standard-8 has 0",
    ),
    # The GPUs of these come with the machine, whether accelerators are named or not.
    ('{"CPU": 8, "GPU": 1}', '{"CPU": 8}', "gpu_worker.resources", "says 0 GPU, g2-standard-8 has 1"),
    (
        "machineType: g2-standard-8\n      guestAccelerators:\n        - acceleratorType: nvidia-l4\n"
        "          acceleratorCount: 1",
        "machineType: a2-highgpu-2g",
        "gpu_worker.resources",
        "says 1 GPU, a2-highgpu-2g has 2",
    ),
    ("acceleratorCount: 1", "acceleratorCount: two", "guestAccelerators[0].acceleratorCount", "is not of type"),
    ("acceleratorType: nvidia-l4", "accelerator: nvidia-l4", "guestAccelerators[0].accelerator", "did you mean"),
    ('{"CPU": 8, "GPU": 1}', '{"CPU": 16, "GPU": 1}', "resources.CPU", "says 16, g2-standard-8 has 8"),
    ('{"CPU": 8, "GPU": 1}', '{"CPU": 8, "Gpu": 1}', "gpu_worker.resources.Gpu", "did you mean GPU?"),
    (
        "subnetworks/CHANGE-ME\n",
        "subnetworks/CHANGE-ME\n          accessConfigs: [{name: External NAT, type: ONE_TO_ONE_NAT}]\n",
        "networkInterfaces[0].accessConfigs",
        "an external address",
    ),
    ("networkInterfaces:", "networkInterface:", "head.node_config.networkInterface", "did you mean networkInterfaces?"),
    ("use_internal_ips: true", "use_internal_ips: false", "provider.use_internal_ips", "public address"),
    ("serviceAccounts:", "labels: {}\n      serviceAccount:", "node_config.serviceAccount", "did you mean"),
    ("-e RAY_AUTH_MODE=token", "-e RAY_AUTH_MOD=token", "docker.run_options", "must set RAY_AUTH_MODE=token"),
    ("idle_timeout_minutes: 10", "idle_timeout_minutes: 600", "idle_timeout_minutes", "at most 60"),
    (
        "      machineType: n2-standard-4",
        "      machineType: n2-standard-4\n      scheduling: {provisioningModel: SPOT}",
        "head.node_config.scheduling",
        "must not be a spot instance",
    ),
    (
        "      machineType: n2-standard-4",
        "      machineType: n2-standard-4\n      scheduling: {preemptible: true}",
        "head.node_config.scheduling",
        "must not be a spot instance",
    ),
    ("msd-ray:2.60.0", "msd-ray:latest", "docker.image", "another image tomorrow"),
    (
        "  cache_stopped_nodes: false",
        '  gcp_credentials: {type: credentials_token, credentials: "ya29.a0Af_planted-in-a-test"}',
        "provider.gcp_credentials.credentials",
        "a secret in plain text",
    ),
]
LOCAL = [
    ("  head_ip: CHANGE-ME-HEAD\n", "", "(the file)", "head_ip"),
    ("--dashboard-host=CHANGE-ME-HEAD", "--dashboard-host=0.0.0.0", "head_start_ray_commands[1]", "private address"),
    ("--dashboard-host=CHANGE-ME-HEAD", "--dashboard-host=10.1.1.1", "head_start_ray_commands[1]", "provider.head_ip"),
    ("--num-cpus=0 ", "", "head_start_ray_commands[1]", "must say --num-cpus=0"),
    ("-e RAY_AUTH_MODE=token", "-e OTHER=1", "docker.run_options", "must set RAY_AUTH_MODE=token"),
    ("container_name: msd-ray\n", "\n", "(the file)", "Must provide a container & image name"),
    ("docker:\n", "dokcer:\n", "dokcer", "Ray refuses this"),
    ("msd-ray:2.60.0", "msd-ray:2.6.0", "docker.image", "constraints.txt pins Ray"),
    ("type: local", "type: loacl", "provider.type", "aws, gcp and local are"),
]
RAYCLUSTER = [
    ("mode: token", "mode: disabled", "spec.authOptions", "authOptions.mode must be token"),
    ("authOptions:", "authOption:", "spec.authOption", "did you mean authOptions?"),
    ("rayVersion: 2.60.0", "rayVersion: 2.52.0", "spec.rayVersion", "constraints.txt pins Ray"),
    ("msd-ray:2.60.0", "msd-ray:2.52.0", "headGroupSpec.template.spec.containers[0].image", "pins Ray"),
    ("enableInTreeAutoscaling: true", "enableInTreeAutoscaling: false", "enableInTreeAutoscaling", "must be true"),
    ("idleTimeoutSeconds: 600", "upscalingMode: Default", "autoscalerOptions.idleTimeoutSeconds", "at most 3600"),
    ("minReplicas: 0", "minReplicas: 1", "workerGroupSpecs[0].minReplicas", "must be 0"),
    ("maxReplicas: 8", "maxReplica: 8", "workerGroupSpecs[0].maxReplica", "did you mean maxReplicas?"),
    ("serviceType: ClusterIP", "serviceType: LoadBalancer", "headGroupSpec.serviceType", "to other networks"),
    ("enableIngress: false", "enableIngress: true", "headGroupSpec.enableIngress", "makes the dashboard public"),
    ('num-cpus: "0"', 'num-cpus: "2"', "rayStartParams.num-cpus", "trials run on the head"),
    ('num-cpus: "0"', "num-cpus: 0", "rayStartParams.num-cpus", "is not of type 'string'"),
    ('limits: {cpu: "6"', 'limits: {CPU: "6"', "resources.limits.CPU", "no resource that Ray reads"),
    ('requests: {cpu: "6"', 'requests: {cpu: "2"', "resources.requests.cpu", "2, the limit is 6"),
    ("containerPort: 8265", "containerPort: 8265, hostPort: 8265", "ports[1].hostPort", "the node's own address"),
    ("automountServiceAccountToken: false", "hostNetwork: true", "template.spec.hostNetwork", "leave it out"),
    ("runAsNonRoot: true", "runAsNonRoot: false", "headGroupSpec.template.spec", "runAsNonRoot must be true"),
    ("volumeMounts:\n", "volumeMount:\n", "containers[0].volumeMount", "did you mean volumeMounts?"),
    ("secretKeyRef: {name", "secretKeyref: {name", "valueFrom.secretKeyref", "did you mean secretKeyRef?"),
    (
        "                valueFrom:\n                  secretKeyRef: {name: msd-ray-passwords, key: postgres-password}",
        "                value: hunter2",
        "env[7].value",
        "PGPASSWORD is given here in plain text",
    ),
]
# The head may land on a spot node as soon as one term of its affinity admits one.
KEPT_OFF = "requiredDuringSchedulingIgnoredDuringExecution:\n              nodeSelectorTerms:\n"
RAYCLUSTER += [
    (
        "        affinity:\n",
        "        affinities:\n",
        "headGroupSpec.template.spec.affinities",
        "did you mean affinity?",
    ),
    ("        affinity:\n", "        affinities:\n", "nodeSelectorTerms", "nothing keeps the head off spot nodes"),
    (
        KEPT_OFF,
        f"{KEPT_OFF}                - matchExpressions: [{{key: zone, operator: Exists}}]\n",
        "nodeSelectorTerms",
        "nothing keeps the head off spot nodes",
    ),
    # Every provider whose spot nodes the workers ask for.
    (
        '                    - {key: cloud.google.com/gke-spot, operator: NotIn, values: ["true"]}\n',
        "",
        "headGroupSpec.template.spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms",
        "workers ask for spot nodes by cloud.google.com/gke-spot",
    ),
    (
        "{key: eks.amazonaws.com/capacityType, operator: NotIn, values: [SPOT]}",
        "{key: eks.amazonaws.com/capacityType, operator: NotIn, values: [spot]}",
        "nodeSelectorTerms",
        "workers ask for spot nodes by eks.amazonaws.com/capacityType",
    ),
]
RAYJOB = [
    ("--max-concurrent 16 ", "", "spec.entrypoint", "without --max-concurrent"),
    ("--gpus-per-trial 0.5", "--gpu-per-trial 0.5", "spec.entrypoint", "did you mean --gpus-per-trial?"),
    ("--cpus-per-trial 3", "--cpus-per-trial 7", "spec.entrypoint", "asks for 7 CPUs and 0.5 GPUs, no worker node"),
    ("//msd@postgres", "//msd:hunter2@postgres", "spec.entrypoint", "a password stands in a URL"),
    ("shutdownAfterJobFinishes: true", "suspend: false", "spec", "shutdownAfterJobFinishes must be true"),
    ("ttlSecondsAfterFinished", "ttlSecondAfterFinished", "spec.ttlSecondAfterFinished", "did you mean"),
    ("submissionMode: K8sJobMode", "submissionMode: k8s", "spec.submissionMode", "is not one of"),
    ("mode: token", "mode: disabled", "rayClusterSpec.authOptions", "authOptions.mode must be token"),
    ("minReplicas: 0", "minReplicas: 4", "rayClusterSpec.workerGroupSpecs[0].minReplicas", "must be 0"),
    (
        'limits: {cpu: "6", memory: 24Gi, nvidia.com/gpu',
        'limits: {cpu: "6", memory: 24Gi, example.com/gpu',
        "spec.entrypoint",
        "asks for 3 CPUs and 0.5 GPUs, no worker node has both: 6 CPUs and 0 GPUs",
    ),
    (
        "{key: karpenter.sh/capacity-type, operator: NotIn, values: [spot]}",
        "{key: karpenter.sh/capacity-type, operator: In, values: [spot]}",
        "nodeSelectorTerms",
        "workers ask for spot nodes by karpenter.sh/capacity-type",
    ),
]
SERVICES = [
    ("type: ClusterIP", "type: NodePort", "spec.type", "NodePort opens the service"),
    ("  podSelector: {}\n", "  podSelector: {matchLabels: {a: b}}\n", "kind", "no NetworkPolicy of this file closes"),
    (
        "ingress:\n    - from:\n        - podSelector: {}",
        "ingress:\n    - ports:\n        - port: 5432",
        "spec.ingress[0]",
        "a rule without `from` admits everybody",
    ),
    (
        "- namespaceSelector:\n            matchLabels: {kubernetes.io/metadata.name: kuberay-system}",
        "- namespaceSelector: {}",
        "spec.ingress[0].from[0].namespaceSelector",
        "admits every namespace",
    ),
    ("            - --app-name=basic-auth\n", "", "template.spec.containers[0]", "needs --app-name=basic-auth"),
    ("mlflow:5000,localhost:*,127.0.0.1:*", "*", "template.spec.containers[0]", "needs --allowed-hosts"),
    ("{name: POSTGRES_USER, value: msd}", "{name: POSTGRES_HOST_AUTH_METHOD, value: trust}", "", "lets everybody in"),
    ("image: postgres:17.6-bookworm", "image: postgres", "containers[0].image", "a tag that says its release"),
    ("msd-ray:2.60.0", "msd-ray:2.61.0", "containers[0].image", "constraints.txt pins Ray"),
    (
        "              valueFrom:\n                secretKeyRef: {name: msd-ray-passwords, key: postgres-password}",
        "              value: hunter2",
        "env[1].value",
        "POSTGRES_PASSWORD is given here in plain text",
    ),
    ("allowPrivilegeEscalation: false", "privileged: true", "containers[0]", "allowPrivilegeEscalation must be false"),
    ("volumeClaimTemplates:", "volumeClaimTemplate:", "spec.volumeClaimTemplate", "did you mean volumeClaimTemplates?"),
    ("kind: ConfigMap", "kind: Secret", "kind", "kubectl create secret"),
    ("kind: ConfigMap", "kind: Ingress", "kind", "makes a service public"),
    ("accessModes: [ReadWriteMany]", "accessMode: ReadWriteMany", "spec.accessMode", "did you mean accessModes?"),
]
COMPOSE = [
    ("${MSD_RAY_SERVICES_ADDRESS:-127.0.0.1}:5432:5432", '"5432:5432"', "postgres.ports[0]", "every address"),
    ("${MSD_RAY_SERVICES_ADDRESS:-127.0.0.1}:5000:5000", "0.0.0.0:5000:5000", "mlflow.ports[0]", "every address"),
    ("    restart: unless", "    network_mode: host\n    restart: unless", "postgres.network_mode", "no such key"),
    ("healthcheck:", "healthchek:", "services.postgres.healthchek", "did you mean healthcheck?"),
    ("${MSD_RAY_POSTGRES_PASSWORD:?a password for PostgreSQL}", "hunter2", "POSTGRES_PASSWORD", "in plain text"),
    ("${MSD_RAY_POSTGRES_PASSWORD:?a password for PostgreSQL}", "${PW:-x}", "POSTGRES_PASSWORD", "write ${NAME:?"),
    ("      - --app-name=basic-auth\n", "", "services.mlflow", "needs --app-name=basic-auth"),
    ("MLFLOW_AUTH_ADMIN_PASSWORD:", "MLFLOW_ADMIN_PASSWORD:", "services.mlflow", "needs MLFLOW_AUTH_ADMIN_PASSWORD"),
    ("cluster/Dockerfile builds}:2.60.0", "cluster/Dockerfile builds}:2.6.0", "mlflow.image", "pins Ray"),
    ("image: postgres:17.6-bookworm", "image: postgres:latest", "postgres.image", "another image tomorrow"),
]
MISTAKES = {
    "aws.yaml": AWS,
    "gcp.yaml": GCP,
    "local.yaml": LOCAL,
    "kuberay-raycluster.yaml": RAYCLUSTER,
    "kuberay-rayjob.yaml": RAYJOB,
    "services.yaml": SERVICES,
    "compose.yaml": COMPOSE,
}


def test_every_file_has_its_mistakes() -> None:
    assert sorted(MISTAKES) == FILES


@pytest.mark.parametrize(
    ("name", "old", "new", "key", "message"),
    [(name, *mistake) for name, mistakes in MISTAKES.items() for mistake in mistakes],
)
def test_a_planted_mistake_is_caught_by_name(
    name: str, old: str, new: str, key: str, message: str, tmp_path: Path
) -> None:
    path = planted(tmp_path, name, old, new)
    found = errors(path)
    assert any(finding.key.endswith(key) and message in finding.message for finding in found), found
    assert all(finding.where.startswith(f"{path}:") for finding in found)


ONLY_NOTED = [
    ("aws.yaml", "MarketType: spot", "MarketType: capacity-block", "gpu_worker.node_config", "no spot instance"),
    (
        "gcp.yaml",
        "provisioningModel: SPOT",
        "provisioningModel: STANDARD",
        "gpu_worker.node_config",
        "no spot instance",
    ),
    (
        "kuberay-raycluster.yaml",
        "{key: eks.amazonaws.com/capacityType, operator: In, values: [SPOT]}",
        "{key: eks.amazonaws.com/capacityType, operator: In, values: [SPOT, ON_DEMAND]}",
        "nodeSelectorTerms",
        "do not ask for spot nodes",
    ),
    (
        "aws.yaml",
        "InstanceType: g5.2xlarge",
        "InstanceType: g4ad.2xlarge",
        "InstanceType",
        "g4ad.2xlarge has is not known",
    ),
    (
        "gcp.yaml",
        "machineType: n2-standard-4",
        "machineType: z3-highmem-8",
        "machineType",
        "z3-highmem-8 has is not known",
    ),
    (
        "kuberay-rayjob.yaml",
        '{key: cloud.google.com/gke-spot, operator: In, values: ["true"]}',
        "{key: topology.kubernetes.io/zone, operator: In, values: [a]}",
        "nodeSelectorTerms",
        "do not ask for spot nodes",
    ),
    ("aws.yaml", "-e MSD_RAY_STORAGE=", "-e STORAGE=", "docker.head_run_options", "MSD_RAY_STORAGE not set"),
    ("local.yaml", "-e MLFLOW_TRACKING_URI=", "-e URI=", "docker.head_run_options", "MLFLOW_TRACKING_URI not set"),
    ("kuberay-rayjob.yaml", "name: MSD_RAY_STUDY_STORAGE", "name: A", "containers[0].env", "MSD_RAY_STUDY_STORAGE not"),
]


@pytest.mark.parametrize(("name", "old", "new", "key", "message"), ONLY_NOTED)
def test_what_may_be_meant_is_noted(name: str, old: str, new: str, key: str, message: str, tmp_path: Path) -> None:
    path = planted(tmp_path, name, old, new)
    notes = [finding for finding in check_file(path, RAY) if finding.level == "note"]
    assert any(finding.key.endswith(key) and message in finding.message for finding in notes), notes
    assert errors(path) == []


def test_a_finding_names_the_line(tmp_path: Path) -> None:
    path = planted(tmp_path, "aws.yaml", "InstanceType: g5", "InstanceTyp: g5")
    lines = path.read_text().splitlines()
    [line] = [number for number, text in enumerate(lines, 1) if "InstanceTyp:" in text]
    assert f"{path}:{line}" in [finding.where for finding in errors(path)]


def test_a_finding_in_a_later_document_names_its_line(tmp_path: Path) -> None:
    path = planted(tmp_path, "services.yaml", "type: ClusterIP", "type: NodePort")
    lines = path.read_text().splitlines()
    [line] = [number for number, text in enumerate(lines, 1) if "NodePort" in text]
    assert [finding.where for finding in errors(path)] == [f"{path}:{line}"]
