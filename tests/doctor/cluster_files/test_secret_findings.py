"""What is taken for a secret, and what is not."""

from pathlib import Path

import pytest

from msd_ray.doctor.cluster_files.secrets import secret_findings, text_findings
from msd_ray.search.yaml_source import read_yaml_documents


def keys(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "file.yaml"
    path.write_text(text)
    [source] = read_yaml_documents(path)
    return [finding.key for finding in [*secret_findings(source), *text_findings(source, text)]]


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
        "kind: Secret",
    ],
)
def test_secrets(tmp_path: Path, text: str) -> None:
    assert len(keys(tmp_path, text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "password: ${DB_PASSWORD:?the database's}",
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
def test_references(tmp_path: Path, text: str) -> None:
    assert keys(tmp_path, text) == []
