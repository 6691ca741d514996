"""Whether the head is told where storage, studies and MLflow are: in which forms that may be said."""

from pathlib import Path

import pytest

from msd_ray.cli.environment import VARIABLES
from msd_ray.doctor.cluster_files.places import kuberay_places, launcher_places
from msd_ray.search.yaml_source import YamlSource, read_yaml_documents

NAMES = tuple(VARIABLES.values())


def source_of(tmp_path: Path, text: str) -> YamlSource:
    path = tmp_path / "file.yaml"
    path.write_text(text)
    [source] = read_yaml_documents(path)
    return source


@pytest.mark.parametrize(
    "form", ["-e {}=/x", "--env {}=/x", "--env={}=/x", "-e={}=/x", "-e{}=/x", "'-e \"{}=/x y\"'", "-v /a:/a -e {}=/x"]
)
def test_what_docker_is_told(form: str, tmp_path: Path) -> None:
    options = ", ".join(form.format(name) for name in NAMES)
    assert list(launcher_places(source_of(tmp_path, f"docker: {{image: i, head_run_options: [{options}]}}"))) == []
    assert list(launcher_places(source_of(tmp_path, f"docker: {{image: i, run_options: [{options}]}}"))) == []
    [finding] = launcher_places(source_of(tmp_path, f"docker: {{image: i, worker_run_options: [{options}]}}"))
    assert all(name in finding.message for name in NAMES)


@pytest.mark.parametrize("option", ["-e {}=", "-e OLD_{}=/x", "-e {}S=/x", "-v {}=/x", "{}=/x", "-e {}"])
def test_what_docker_does_not_take_for_it(option: str, tmp_path: Path) -> None:
    first, *others = NAMES
    options = ", ".join([option.format(first), *(f"-e {name}=/x" for name in others)])
    [finding] = launcher_places(source_of(tmp_path, f"docker: {{image: i, head_run_options: [{options}]}}"))
    assert finding.message.startswith(f"{first} not set on the head")
    assert (finding.level, finding.key) == ("note", "docker.head_run_options")


@pytest.mark.parametrize("docker", ["", "docker: {}\n"])
def test_without_containers_the_start_command_says_it(docker: str, tmp_path: Path) -> None:
    said = " ".join(f"{name}=/x" for name in NAMES)
    right = source_of(tmp_path, f"{docker}head_start_ray_commands: [ray stop, '{said} ray start --head']")
    assert list(launcher_places(right)) == []
    wrong = source_of(tmp_path, f"{docker}head_start_ray_commands: [ray stop, 'OLD_{said} ray start --head']")
    [finding] = launcher_places(wrong)
    assert finding.message.startswith(f"{NAMES[0]} not set on the head")
    assert finding.key == "head_start_ray_commands"


def test_a_containers_environment(tmp_path: Path) -> None:
    first, second, third = NAMES
    text = "template: {{spec: {{containers: [{{env: [{}]}}]}}}}"
    said = [
        f"{{name: {first}, value: /x}}",
        f"{{name: {second}, valueFrom: {{secretKeyRef: {{name: a, key: b}}}}}}",
        f"{{name: {third}, value: http://m}}",
    ]
    assert list(kuberay_places(source_of(tmp_path, text.format(", ".join(said))), ())) == []
    empty = [*said[:2], f"{{name: {third}, value: ''}}"]
    [finding] = kuberay_places(source_of(tmp_path, text.format(", ".join(empty))), ())
    assert finding.message.startswith(f"{third} not set on the head")
