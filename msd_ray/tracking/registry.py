"""Registers the best students in the MLflow model registry; one version per model is the champion.

`register` stores a student as a version of `msd-<dataset>-<lang>` and moves the alias `champion` if it is better
(see `champion.py`). `references.py` restores a version's student as a directory.

A version is an MLflow model of flavor `transformers` without code, so that `mlflow.transformers.load_model` loads it
without this package:

    model                   the exported student (see predict/export.py): safetensors and JSON
    components/tokenizer    copy of its tokenizer, in the place required by the flavor
"""

import importlib.metadata
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .champion import ALIAS, Candidate, decide_promotion, registered_name
from .client import mlflow_errors, pages
from .connection import connect
from .parameters import shortened

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.tracking import MlflowClient

STUDENT = "model"  # directory of the exported student in a version
LEGACY_STUDENT = "artifacts/student"  # the same in versions with their own code
REQUIREMENTS = ("mlflow", "numpy", "safetensors", "tokenizers", "torch", "transformers")
EXAMPLE = ["Angela Merkel spoke in Paris ."]
LONGEST_TAG = 5000  # mlflow.utils.validation.MAX_MODEL_REGISTRY_TAG_VALUE_LENGTH


@dataclass(frozen=True, kw_only=True)
class RegisteredVersion:
    """A student's version. new: it was created by this call. champion: it has the alias. reason: why, or why not."""

    name: str
    version: str
    new: bool
    champion: bool
    reason: str

    @property
    def uri(self) -> str:
        """URI for MLflow and `msd_ray.predict`."""
        return f"models:/{self.name}/{self.version}"

    def tags(self) -> dict[str, str]:
        """Tags for the study's parent run."""
        return {"registered": self.uri, "champion": str(self.champion).lower(), "champion_reason": self.reason}


def register(tracking_uri: str, directory: Path, candidate: Candidate) -> RegisteredVersion:
    """Register the exported student in `directory` and promote it to champion if it is better.

    A version with the same content is reused and keeps its tags. A version that a killed process left without a
    promotion decision gets one. MLflow has no transactions over versions and aliases: two processes must not register
    students of one name at the same time.

    Raises:
        UserError: MLflow fails.
    """
    name = registered_name(candidate.dataset, candidate.lang)
    client = connect(tracking_uri)
    with mlflow_errors(tracking_uri):
        present = versions_of(client, name)
        version = next((v for v in present if v.tags.get("content_sha256") == candidate.content_sha256), None)
        new = version is None
        if version is None:
            version = _create_version(client, name, directory, candidate)
        number = str(version.version)  # an int from a database, a str from a server
        if "promoted" in version.tags:
            champion, reason = _champion(client, name), version.tags.get("reason", "")
            if version.tags["promoted"] == "true" and champion != number:
                reason = f"It was the champion; version {champion or 'none'} is now."
        else:
            champion, reason = _promote_if_better(client, name, version, candidate)
    return RegisteredVersion(name=name, version=number, new=new, champion=champion == number, reason=reason)


def _promote_if_better(
    client: "MlflowClient", name: str, version: "ModelVersion", candidate: Candidate
) -> tuple[str, str]:
    """Decide on promotion, write the reason and move the alias. Returns the champion's version and the reason.

    The tag `promoted` is written last: if it is missing, the process was killed and the next one repeats all steps.
    """
    number, champion = str(version.version), _champion(client, name)
    if champion == number:
        reason = version.tags.get("reason", "Champion: the alias was set by hand.")
    else:
        tags = client.get_model_version(name, champion).tags if champion else {}
        decision = decide_promotion(candidate, champion, tags)
        reason = decision.reason
        client.update_model_version(name, number, candidate.description(decision))
        client.set_model_version_tag(name, number, "reason", reason)
        if decision.promoted:
            client.set_registered_model_alias(name, ALIAS, number)
            champion = number
    client.set_model_version_tag(name, number, "promoted", str(champion == number).lower())
    return champion, reason


def _champion(client: "MlflowClient", name: str) -> str:
    """The version with the alias; empty if there is none."""
    return str(client.get_registered_model(name).aliases.get(ALIAS, ""))


def versions_of(client: "MlflowClient", name: str) -> list["ModelVersion"]:
    """All versions of a registered model; empty if the model does not exist."""
    return list(pages(client.search_model_versions, f"name = '{name}'", max_results=1000))


def _create_version(client: "MlflowClient", name: str, directory: Path, candidate: Candidate) -> "ModelVersion":
    """Store the student as an MLflow model of its run, and create a version with all tags but the decision's."""
    from mlflow.entities import LoggedModelOutput, LoggedModelStatus
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name, description=_model_description(candidate))
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    tags = {key: shortened(value, LONGEST_TAG) for key, value in candidate.tags().items()}
    experiment = client.get_run(candidate.run_id).info.experiment_id
    model = client.create_logged_model(
        experiment, name=name.replace(".", "-"), source_run_id=candidate.run_id, tags=tags, model_type="student"
    )
    status = LoggedModelStatus.FAILED
    try:
        with tempfile.TemporaryDirectory(prefix="msd_ray-") as scratch:
            place = Path(scratch) / "version"
            _save(place, directory, name, run_id=candidate.run_id, model_id=model.model_id)
            client.log_model_artifacts(model.model_id, str(place))
        status = LoggedModelStatus.READY
    finally:
        client.finalize_logged_model(model.model_id, status)
    client.log_outputs(candidate.run_id, models=[LoggedModelOutput(model.model_id, step=0)])
    # Not `models:/ID`: MLflow would resolve it with the process's global tracking URI.
    return client.create_model_version(
        name, source=model.artifact_location, run_id=candidate.run_id, tags=tags, model_id=model.model_id
    )


def _save(place: Path, directory: Path, name: str, *, run_id: str, model_id: str) -> None:
    """Write the MLflow model to `place`: the unchanged export and the settings for `mlflow.transformers`.

    `mlflow.transformers.save_model` is not used: in MLflow 3.17 it fails for a checkpoint path with transformers 5.23,
    and it rewrites the weights of a pipeline.
    """
    from mlflow.models import Model, ModelSignature
    from mlflow.pyfunc import save_model
    from mlflow.types import ColSpec, Schema

    text = Schema([ColSpec("string")])
    signature = ModelSignature(inputs=text, outputs=text)
    model = Model(run_id=run_id, model_uuid=model_id, model_id=model_id, signature=signature)
    model.add_flavor(
        "transformers",
        task="token-classification",
        instance_type="TokenClassificationPipeline",
        source_model_name=name,
        model_binary=STUDENT,
        pipeline_model_type="AutoModelForTokenClassification",
        components=["tokenizer"],
        tokenizer_type="AutoTokenizer",
        transformers_version=_public_version("transformers"),
    )
    save_model(
        path=str(place),
        mlflow_model=model,
        loader_module="mlflow.transformers",
        model_config={"aggregation_strategy": "first"},
        input_example=EXAMPLE,
        pip_requirements=[f"{package}=={_public_version(package)}" for package in REQUIREMENTS],
    )
    shutil.copytree(directory, place / STUDENT, copy_function=_link)
    others = shutil.ignore_patterns("*.safetensors", "*.md", "msd_ray.json")
    shutil.copytree(directory, place / "components" / "tokenizer", copy_function=_link, ignore=others)


def _link(source: str, target: str) -> None:
    """Hard-link instead of copying hundreds of megabytes, where possible."""
    try:
        os.link(source, target)
    except OSError:  # different file systems
        shutil.copy2(source, target)


def _public_version(package: str) -> str:
    """The version without local build label (`2.11.0+cpu`), which package indexes do not have."""
    return importlib.metadata.version(package).partition("+")[0]


def _model_description(candidate: Candidate) -> str:
    return (
        f"Named entity taggers for {candidate.lang} ({candidate.dataset}), distilled from teachers of other languages. "
        f"The alias {ALIAS} is on the version with the highest F1 on dev."
    )
