"""What the frozen layers make of a trial's corpora, computed once and kept for all trials (see `training.frozen`)."""

from ..model import MultiChannelTagger
from ..training import TeacherSettings
from ..training.frozen import save_frozen_states
from ..training.parallel import Workers
from .context import TrialContext
from .kept import KeptDirectory


def store_frozen_states(context: TrialContext) -> None:
    """Compute the states of the training corpora and of the dev set unless they are there.

    Nothing where the frozen layers run in each step. A final run's test set is not among them: it is tagged once, by
    the whole model, as users do.
    """
    run, corpora, storage = context.plan.run, context.experiment.corpora, context.experiment.storage
    if run.frozen_prefix == "train":
        return
    tagger: MultiChannelTagger | None = None
    for features in dict.fromkeys((corpora.source_train, corpora.target_train, context.dev)):
        directory = context.frozen_directory(features)
        with context.alone(KeptDirectory(storage=storage, path=directory)):
            if Workers.current().from_first(directory.is_dir):
                continue
            context.tell("frozen layers")  # by all workers: Ray Train takes a report from all or waits
            if Workers.current().first:
                tagger = tagger or context.tagger(TeacherSettings()).eval()
                with context.inference():
                    save_frozen_states(directory, tagger, context.tokens(features), run.precision)
