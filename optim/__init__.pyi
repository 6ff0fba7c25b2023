# Written by scripts/generate_stubs.py; do not edit.
from .data.arrays import check_finite, one_hot, train_val_test_split
from .data.batches import Minibatches, minibatches
from .data.memory_maps import memory_map
from .data.standardize import Standardize
from .diagnosis.diagnose import diagnose
from .diagnosis.findings import Diagnosis, Finding
from .minimize import minimize
from .optimizers.adam import Adam, AdamW
from .optimizers.adaptive import Adadelta, Adagrad, RMSProp
from .optimizers.clipping import clip_grad_norm, clip_grad_value
from .optimizers.groups import ParameterGroup, weight_decay_groups
from .optimizers.lion import Lion
from .optimizers.optimizer import Optimizer
from .optimizers.registry import OPTIMIZERS, make_optimizer
from .optimizers.sgd import SGD
from .schedules.cosine import Cosine, OneCycle
from .schedules.decay import Exponential, InverseTime, Power, Step
from .schedules.early_stopping import EarlyStopping
from .schedules.plateau import HalveOnPlateau
from .schedules.schedule import Constant, Schedule
from .schedules.scheduler import Scheduler
from .schedules.warm_up import WarmUp
from .training.callbacks import Callback
from .training.divergence import DivergenceError
from .training.fit import fit
from .training.history import History
from .training.layer_statistics import LayerStatistics
from .training.metrics import METRICS
from .training.run import Training

__all__ = ["check_finite", "one_hot", "train_val_test_split", "Minibatches", "minibatches", "memory_map", "Standardize", "diagnose", "Diagnosis", "Finding", "minimize", "Adam", "AdamW", "Adadelta", "Adagrad", "RMSProp", "clip_grad_norm", "clip_grad_value", "ParameterGroup", "weight_decay_groups", "Lion", "Optimizer", "OPTIMIZERS", "make_optimizer", "SGD", "Cosine", "OneCycle", "Exponential", "InverseTime", "Power", "Step", "EarlyStopping", "HalveOnPlateau", "Constant", "Schedule", "Scheduler", "WarmUp", "Callback", "DivergenceError", "fit", "History", "LayerStatistics", "METRICS", "Training"]
