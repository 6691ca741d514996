"""Results of a final run: scores, predictions and sentence vectors. Only this module uses the test labels.

    STORAGE/results/KEY/predictions.parquet   one row per scored sentence: tokens, gold, predicted, repeated
    STORAGE/results/KEY/domains.safetensors   [CLS] vectors (N, H) of N source and N target training sentences, of the
                                              teacher and the student: teacher_source, teacher_target, student_...

`repeated` marks scored sentences that also occur in the training text.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from safetensors.numpy import save_file

from msd_ray.common.manifest import new_content
from msd_ray.data.encode import repeated_sentences
from msd_ray.data.store import load_text, load_words
from msd_ray.data.tensors import TextTensors
from msd_ray.method.checkpoints import EpochRecord, TrainingDirectory
from msd_ray.method.outputs import cls_vectors
from msd_ray.method.parallel import Workers
from msd_ray.method.scores import ScoredSet
from msd_ray.method.settings import OptimizerSettings
from msd_ray.method.tagger import MultiChannelTagger
from msd_ray.storage.artifacts import StoredDirectory
from msd_ray.storage.layout import content_key

from .context import TrialContext, load_epoch
from .domains import domain_distances
from .plans import Scored

DOMAIN_SENTENCES = 100
"""Sentences per language, as in Figure 3 of the paper."""
DOMAIN_SEED = 20221207
PAIRS = {
    "tea_src-stu_src": ("teacher_source", "student_source"),
    "tea_src-stu_tgt": ("teacher_source", "student_target"),
    "stu_src-stu_tgt": ("student_source", "student_target"),
    "tea_src-tea_tgt": ("teacher_source", "teacher_target"),
}
"""Pairs of domains whose distances are in Figure 4 of the paper, by their names there."""

Vectors = dict[str, npt.NDArray[np.float32]]


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A complete training.

    Args:
        directory: its files.
        epochs: records of all epochs.
        chosen: the selected epoch, whose weights are stored.
        settings: its hyperparameters.
    """

    directory: TrainingDirectory
    epochs: Sequence[EpochRecord]
    chosen: int
    settings: OptimizerSettings

    @property
    def metrics(self) -> Mapping[str, float]:
        """Metrics of the selected epoch."""
        return self.epochs[self.chosen - 1].metrics


@dataclass(kw_only=True)
class FinalResults:
    """Results of one final run. `student` is None if the teacher tags the target."""

    context: TrialContext
    scored: Scored
    teacher: Trained
    student: Trained | None

    def metrics_and_files(self) -> tuple[dict[str, float], Path]:
        """The run's metrics, and the directory of its result files."""
        context, scored = self.context, self.scored
        context.report_stage(f"scores on {scored.split}")
        tagger = self.student or self.teacher
        model = context.tagger(tagger.settings)
        test = context.scored_set(scored.features)
        repeated = self._repeated(test)
        with context.inference():
            predicted = test.predicted(load_epoch(model, tagger.directory, tagger.chosen))
            metrics = test.metrics(predicted, scored.split, leave_out=repeated)
            if self.student is None and scored.source is not None:
                source = context.scored_set(scored.source.features)
                metrics[f"source_{scored.source.split}/f1"] = source.scores(model).f1
            vectors = self._vectors(model)
        metrics |= _distances(vectors)
        return metrics, self._write(test, predicted, repeated, vectors)

    def _vectors(self, model: MultiChannelTagger) -> Vectors:
        """[CLS] vectors of a sample of training sentences of both languages, fixed for these corpora."""
        corpora = self.context.experiment.corpora
        texts = {
            name: self.context.unlabelled(key)
            for name, key in (("source", corpora.source_train), ("target", corpora.target_train))
        }
        vectors: Vectors = {}
        for who, trained in (("teacher", self.teacher), ("student", self.student)):
            if trained is not None:
                best = load_epoch(model, trained.directory, trained.chosen)
                vectors |= {f"{who}_{name}": cls_vectors(best, text, _some(text)) for name, text in texts.items()}
        return vectors

    def _repeated(self, test: ScoredSet) -> npt.NDArray[np.bool_]:
        context, corpora = self.context, self.context.experiment.corpora
        training = (load_text(context.features(key)) for key in (corpora.target_train, corpora.source_train))
        return repeated_sentences(test.sentences, *training)

    def _write(
        self,
        test: ScoredSet,
        predicted: Sequence[Sequence[str]],
        repeated: npt.NDArray[np.bool_],
        vectors: Vectors,
    ) -> Path:
        """Write the files, unless they are stored under the hash of everything that determines them."""
        context, tagger = self.context, self.student or self.teacher
        key = content_key(
            kind="results",
            training=tagger.directory.path.name,
            epoch=tagger.chosen,
            teacher=[self.teacher.directory.path.name, self.teacher.chosen],
            scored=self.scored.features,
            decode=context.experiment.decode,
        )
        storage = context.experiment.storage
        directory = storage.results(key)
        with context.exclusive_lock(StoredDirectory(storage=storage, path=directory)):
            if Workers.current().first and not directory.is_dir():
                table = self._table(test, predicted, repeated)
                with new_content(directory) as scratch:
                    pq.write_table(table, scratch / "predictions.parquet")
                    save_file(vectors, scratch / "domains.safetensors")
        return directory

    def _table(self, test: ScoredSet, predicted: Sequence[Sequence[str]], repeated: npt.NDArray[np.bool_]) -> pa.Table:
        strings = pa.list_(pa.string())
        return pa.table(
            {
                "tokens": pa.array(load_words(self.context.words(self.scored.features)), strings),
                "gold": pa.array(test.gold, strings),
                "predicted": pa.array(predicted, strings),
                "repeated": pa.array(repeated.tolist(), pa.bool_()),
            }
        )


def _some(text: TextTensors) -> npt.NDArray[np.int64]:
    """Indices of a fixed random sample of sentences; all of them if there are not more."""
    count = len(text.lengths)
    chosen = np.random.default_rng(DOMAIN_SEED).permutation(count)[:DOMAIN_SENTENCES]
    return np.sort(chosen).astype(np.int64)


def _distances(vectors: Vectors) -> dict[str, float]:
    """`domain/tea_src-stu_src/mmd` and so on (Figure 4), for the pairs that have vectors."""
    return {
        f"domain/{pair}/{measure}": value
        for pair, (x, y) in PAIRS.items()
        if x in vectors and y in vectors
        for measure, value in asdict(domain_distances(vectors[x], vectors[y])).items()
    }
