"""The paper's configuration gives the weights whose digests were recorded once.

Recorded with the code as it was before anything but the paper's recipe could be asked for, in a process of its own and
with this test's training: `e5-small`, 48 sentences of the corpus `sample` (en, ar), seed 1, two epochs of batches of
32, fp32, one thread, the settings' defaults; the student learned from that teacher's weights after its last epoch.
The losses are the means of an epoch; a digest is the SHA-256 over the trained parameters by name: the name's bytes and
then the values', little-endian float32. To update them, insert what this test reports, and state why they changed.

Processors and builds of torch round differently. Weights are compared bit by bit where build, instructions and
processor are those of the record, and losses everywhere: without AVX512 they differ by 1e-6 of their value. A build
without MKL draws other dropout: of its losses only the size is compared.
"""

import hashlib
from pathlib import Path

import pytest
import torch
from small_trainings import CPU
from transformers import PreTrainedTokenizerFast

from msd_ray.data.catalogue import label_names
from msd_ray.data.encode import EncodedText, encode_sentences, encode_text
from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.data.load import load_source, load_target
from msd_ray.data.tensors import TextTensors
from msd_ray.method.build import build_tagger
from msd_ray.method.checkpoints import TrainingDirectory
from msd_ray.method.loop import Step, Task, train
from msd_ray.method.outputs import load_outputs, save_outputs
from msd_ray.method.settings import OptimizerSettings, RunSettings, StudentSettings, TeacherSettings
from msd_ray.method.student import StudentTask
from msd_ray.method.tagger import MultiChannelTagger
from msd_ray.method.teacher import TeacherTask

RECORDED_WITH = ("2.13.0+cpu", "AVX512", "AuthenticAMD")
TEACHER_DIGEST = "a434daf9af48a905a78b77f659d9881399428d97b84fc1c2bdb85378c9226747"
STUDENT_DIGEST = "b9f84dae80462c845c9c4eed0fc779754aff26334535e885013211235cd4ab4e"
TEACHER_LOSSES = [1.9614367485046387, 1.8233139514923096]
STUDENT_LOSSES = [0.001172793796285987, 0.0008466449799016118]
RUN = RunSettings(seed=1, epochs=2)
SENTENCES = 48
TOLERANCE = 1e-4 if torch.backends.mkl.is_available() else 0.2  # type: ignore[no-untyped-call]


def this_machine() -> tuple[str, str, str]:
    """Build of torch, instructions that it uses, and the processor's vendor, empty where Linux does not say."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        lines = []
    vendors = [line.split(":")[1].strip() for line in lines if line.startswith("vendor_id")]
    return torch.__version__, torch.backends.cpu.get_cpu_capability(), (vendors or [""])[0]


def digest(model: MultiChannelTagger) -> str:
    result = hashlib.sha256()
    for name, parameter in sorted(model.trained_parameters().items()):
        result.update(name.encode())
        result.update(parameter.detach().numpy().tobytes())
    return result.hexdigest()


def test_the_papers_teacher_and_student(
    e5_files: EncoderFiles, e5_tokenizer: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    names = label_names("sample")
    source_text = load_source("sample", None).train[:SENTENCES]
    target_text = load_target("sample", "ar", None).train[:SENTENCES]

    assert isinstance(e5_tokenizer.pad_token_id, int)
    pad_id = e5_tokenizer.pad_token_id

    def tensors(text: EncodedText) -> TextTensors:
        return TextTensors(text, pad_id, CPU)

    def trained(task: Task[Step], settings: OptimizerSettings, path: Path) -> tuple[MultiChannelTagger, list[float]]:
        model = build_tagger(e5_files, len(names), run=RUN, dropout=settings.dropout, device=CPU)
        record = train(
            model,
            task,
            optimizer_settings=settings,
            run=RUN,
            directory=TrainingDirectory(path=path, keep=lambda epochs: [2]),
            device=CPU,
            report=lambda epoch: None,
        )
        return model, [epoch.metrics["loss/total"] for epoch in record.epochs]

    labelled = tensors(encode_sentences(source_text, e5_tokenizer, names, max_length=RUN.max_length))
    source = tensors(encode_text(source_text, e5_tokenizer, max_length=RUN.max_length))
    target = tensors(encode_text(target_text, e5_tokenizer, max_length=RUN.max_length))
    teacher, losses = trained(
        TeacherTask(settings=TeacherSettings(), run=RUN, train=labelled), TeacherSettings(), tmp_path / "teacher"
    )
    assert losses == pytest.approx(TEACHER_LOSSES, rel=TOLERANCE)
    teacher.eval()
    with torch.inference_mode():
        save_outputs(tmp_path / "outputs", teacher, target, source)
    task = StudentTask(
        settings=StudentSettings(),
        run=RUN,
        target=target,
        source=source,
        teacher=load_outputs(tmp_path / "outputs", CPU),
        dev={},
    )
    student, losses = trained(task, StudentSettings(), tmp_path / "student")
    assert losses == pytest.approx(STUDENT_LOSSES, rel=TOLERANCE)
    if this_machine() == RECORDED_WITH:
        assert (digest(teacher), digest(student)) == (TEACHER_DIGEST, STUDENT_DIGEST)
