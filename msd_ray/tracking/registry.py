"""The MLflow model registry: the best students of each data set and language, of which one is the champion.

`register` stores a student as a version of `msd-<dataset>-<lang>` and moves the alias `champion` if it is better
(`champion.py` says when); `references.py` brings a version's student back as the directory that it was.

A version is an MLflow model of the flavor `transformers`, without code of its own; nothing of this package is needed to
load it (`mlflow.transformers.load_model`):

    model                   the exported student (see predict/export.py): safetensors and JSON
    components/tokenizer    its tokenizer again, where that flavor looks for it
"""

import importlib.metadata
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .champion import ALIAS, Candidate, decide, registered_name
from .client import mlflow_errors
from .connection import connect
from .parameters import shortened

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.tracking import MlflowClient

STUDENT = "model"  # where an exported student lies in its version
OLDER_STUDENT = "artifacts/student"  # and where versions with code of their own had it
NEEDED = ("mlflow", "numpy", "safetensors", "tokenizers", "torch", "transformers")
EXAMPLE = ["Angela Merkel spoke in Paris ."]
LONGEST_TAG = 5000  # mlflow.utils.validation.MAX_MODEL_REGISTRY_TAG_VALUE_LENGTH


@dataclass(frozen=True, kw_only=True)
class Registered:
    """A student's version. new: whether it was made just now. champion: whether the alias is on it; reason: why."""

    name: str
    version: str
    new: bool
    champion: bool
    reason: str

    @property
    def uri(self) -> str:
        """How MLflow and `msd_ray.predict` name it."""
        return f"models:/{self.name}/{self.version}"

    def tags(self) -> dict[str, str]:
        """What the study's parent run says of it."""
        return {"registered": self.uri, "champion": str(self.champion).lower(), "champion_reason": self.reason}


def register(tracking_uri: str, directory: Path, candidate: Candidate) -> Registered:
    """Make the exported student in `directory` a version, unless one has its content, and decide who is champion.

    A version that is there keeps what it says; one that a killed process left undecided is decided now. MLflow has no
    transaction over versions and aliases: two processes must not register students of one name at the same time.
    Raises UserError when MLflow does not work.
    """
    name = registered_name(candidate.dataset, candidate.lang)
    client = connect(tracking_uri)
    with mlflow_errors(tracking_uri):
        present = versions_of(client, name)
        version = next((v for v in present if v.tags.get("content_sha256") == candidate.content_sha256), None)
        new = version is None
        if version is None:
            version = _create_version(client, name, directory, candidate)
        number = str(version.version)  # a database gives a number, a server text
        if "promoted" in version.tags:
            champion, reason = _champion(client, name), version.tags.get("reason", "")
            if version.tags["promoted"] == "true" and champion != number:
                reason = f"It was the champion; version {champion or 'none'} is now."
        else:
            champion, reason = _settle(client, name, version, candidate)
    return Registered(name=name, version=number, new=new, champion=champion == number, reason=reason)


def _settle(client: "MlflowClient", name: str, version: "ModelVersion", candidate: Candidate) -> tuple[str, str]:
    """Decide, write the reason, move the alias; the champion's version after that, and the reason.

    The tag `promoted` comes last: without it, a process died on the way, and the next one settles the rest.
    """
    number, champion = str(version.version), _champion(client, name)
    if champion == number:
        reason = version.tags.get("reason", "Champion: the alias was set by hand.")
    else:
        decision = decide(candidate, champion, client.get_model_version(name, champion).tags if champion else {})
        reason = decision.reason
        client.update_model_version(name, number, candidate.description(decision))
        client.set_model_version_tag(name, number, "reason", reason)
        if decision.promoted:
            client.set_registered_model_alias(name, ALIAS, number)
            champion = number
    client.set_model_version_tag(name, number, "promoted", str(champion == number).lower())
    return champion, reason


def _champion(client: "MlflowClient", name: str) -> str:
    """The version that has the alias, empty if none has."""
    return str(client.get_registered_model(name).aliases.get(ALIAS, ""))


def versions_of(client: "MlflowClient", name: str) -> list["ModelVersion"]:
    """All versions of a registered model; none if there is no such model."""
    found: list[ModelVersion] = []
    token = None
    while True:
        page = client.search_model_versions(f"name = '{name}'", max_results=1000, page_token=token)
        found.extend(page)
        token = page.token
        if not token:
            return found


def _create_version(client: "MlflowClient", name: str, directory: Path, candidate: Candidate) -> "ModelVersion":
    """Store the student as an MLflow model of its run, and a version of it with all its tags, the decision's not."""
    from mlflow.entities import LoggedModelOutput, LoggedModelStatus
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name, description=_about(candidate))
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
    # The place, not `models:/ID`: for that one MLflow asks the process's global tracking address.
    return client.create_model_version(
        name, source=model.artifact_location, run_id=candidate.run_id, tags=tags, model_id=model.model_id
    )


def _save(place: Path, directory: Path, name: str, *, run_id: str, model_id: str) -> None:
    """Write the MLflow model to `place`: the export as it is, and the settings that `mlflow.transformers` loads.

    `mlflow.transformers.save_model` of MLflow 3.17 fails for a checkpoint's path beside transformers 5.23, and writes a
    pipeline's weights anew.
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
        transformers_version=_release("transformers"),
    )
    save_model(
        path=str(place),
        mlflow_model=model,
        loader_module="mlflow.transformers",
        model_config={"aggregation_strategy": "first"},
        input_example=EXAMPLE,
        pip_requirements=[f"{package}=={_release(package)}" for package in NEEDED],
    )
    shutil.copytree(directory, place / STUDENT, copy_function=_link)
    others = shutil.ignore_patterns("*.safetensors", "*.md", "msd_ray.json")
    shutil.copytree(directory, place / "components" / "tokenizer", copy_function=_link, ignore=others)


def _link(source: str, target: str) -> None:
    """Hundreds of megabytes are not copied where that can be helped."""
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copy2(source, target)


def _release(package: str) -> str:
    """The version without the part that names a build (`2.11.0+cpu`), which no package index has."""
    return importlib.metadata.version(package).partition("+")[0]


def _about(candidate: Candidate) -> str:
    return (
        f"Named entity taggers for {candidate.lang} ({candidate.dataset}), distilled from an English teacher. "
        f"The alias {ALIAS} is on the version with the highest F1 on dev."
    )
