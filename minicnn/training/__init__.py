"""Training: photos with labels, augmentation, schedules, the loop, checkpoints, evaluation.

Uses `minicnn.models` and what is below it; never `minicnn.visualizers`.
"""

from minicnn.training.checkpoint import read_checkpoint, write_checkpoint
from minicnn.training.datasets import Dataset
from minicnn.training.evaluation import Evaluation, evaluate
from minicnn.training.loop import Settings, State, train
from minicnn.training.reading import read_dataset
from minicnn.training.start import Start, start_training
from minicnn.training.tasks import PhotoTask, Task

__all__ = [
    "Dataset",
    "Evaluation",
    "PhotoTask",
    "Settings",
    "Start",
    "State",
    "Task",
    "evaluate",
    "read_checkpoint",
    "read_dataset",
    "start_training",
    "train",
    "write_checkpoint",
]
