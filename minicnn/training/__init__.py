"""Training: data, augmentation, schedules, the loop, and checkpoints."""

from minicnn.training.checkpoint import read_checkpoint, write_checkpoint
from minicnn.training.datasets import Dataset, read_dataset
from minicnn.training.loop import Settings, State, Task, evaluate, train

__all__ = ["Dataset", "Settings", "State", "Task", "evaluate", "read_checkpoint", "read_dataset", "train", "write_checkpoint"]
