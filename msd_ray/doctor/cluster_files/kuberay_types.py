"""RayCluster and RayJob (ray.io/v1): the fields of KubeRay's API reference for v1.6 that a cluster like ours uses.

The operator's own definitions are megabytes, because each holds all of a pod; here a pod is Kubernetes' own type, of
lightkube. A field that is not listed is refused: add it here when a manifest needs it.
"""

from typing import Literal

from lightkube.models.core_v1 import (
    EnvFromSource,
    EnvVar,
    PodTemplateSpec,
    ResourceRequirements,
    SecurityContext,
    Service,
    VolumeMount,
)
from lightkube.models.meta_v1 import ObjectMeta
from msgspec import Struct


class AuthOptions(Struct, rename="camel"):
    """Since KubeRay 1.5.1."""

    mode: Literal["token", "disabled"]
    secret_name: str | None = None


class AutoscalerOptions(Struct, rename="camel"):
    """Ray's autoscaler, a container beside the head's."""

    resources: ResourceRequirements | None = None
    image: str | None = None
    image_pull_policy: str | None = None
    security_context: SecurityContext | None = None
    idle_timeout_seconds: int | None = None
    upscaling_mode: Literal["Default", "Aggressive", "Conservative"] | None = None
    version: Literal["v1", "v2"] | None = None
    env: list[EnvVar] | None = None
    env_from: list[EnvFromSource] | None = None
    volume_mounts: list[VolumeMount] | None = None


class HeadGroupSpec(Struct, rename="camel"):
    """The head's pod and service."""

    template: PodTemplateSpec
    ray_start_params: dict[str, str] | None = None
    service_type: str | None = None
    head_service: Service | None = None
    enable_ingress: bool | None = None


class WorkerGroupSpec(Struct, rename="camel"):
    """A group of equal workers."""

    group_name: str
    min_replicas: int
    max_replicas: int
    template: PodTemplateSpec
    replicas: int | None = None
    idle_timeout_seconds: int | None = None
    num_of_hosts: int | None = None
    ray_start_params: dict[str, str] | None = None
    suspend: bool | None = None


class RayClusterSpec(Struct, rename="camel"):
    """A cluster, by itself or in a job."""

    head_group_spec: HeadGroupSpec
    worker_group_specs: list[WorkerGroupSpec]
    ray_version: str
    auth_options: AuthOptions | None = None
    enable_in_tree_autoscaling: bool | None = None
    autoscaler_options: AutoscalerOptions | None = None
    head_service_annotations: dict[str, str] | None = None
    suspend: bool | None = None


class RayCluster(Struct, rename="camel"):
    """A cluster that stays."""

    metadata: ObjectMeta
    spec: RayClusterSpec
    api_version: Literal["ray.io/v1"] = "ray.io/v1"
    kind: Literal["RayCluster"] = "RayCluster"


class SubmitterConfig(Struct, rename="camel"):
    """The Kubernetes job that submits."""

    backoff_limit: int | None = None


class RayJobSpec(Struct, rename="camel"):
    """A job and the cluster made for it."""

    entrypoint: str
    ray_cluster_spec: RayClusterSpec
    submission_mode: Literal["K8sJobMode", "HTTPMode", "InteractiveMode"] | None = None
    submitter_pod_template: PodTemplateSpec | None = None
    submitter_config: SubmitterConfig | None = None
    active_deadline_seconds: int | None = None
    backoff_limit: int | None = None
    shutdown_after_job_finishes: bool | None = None
    ttl_seconds_after_finished: int | None = None
    suspend: bool | None = None
    metadata: dict[str, str] | None = None
    job_id: str | None = None
    runtime_env_yaml: str | None = None
    entrypoint_num_cpus: float | None = None
    entrypoint_num_gpus: float | None = None


class RayJob(Struct, rename="camel"):
    """A job that brings its cluster."""

    metadata: ObjectMeta
    spec: RayJobSpec
    api_version: Literal["ray.io/v1"] = "ray.io/v1"
    kind: Literal["RayJob"] = "RayJob"
