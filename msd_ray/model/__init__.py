"""The tagger with its channel terminals, and the paper's losses."""

from .losses import (
    DistillationLoss,
    StudentLoss,
    TeacherLoss,
    distillation_loss,
    gold_auxiliary_loss,
    layer_weights,
    sharpened,
    student_loss,
    teacher_loss,
)
from .mmd import mmd2
from .tagger import MultiChannelTagger, TaggerOutput

__all__ = [
    "DistillationLoss",
    "MultiChannelTagger",
    "StudentLoss",
    "TaggerOutput",
    "TeacherLoss",
    "distillation_loss",
    "gold_auxiliary_loss",
    "layer_weights",
    "mmd2",
    "sharpened",
    "student_loss",
    "teacher_loss",
]
