"""Training: optimizers, and the data they are fed with."""

from autograd_core.lazy import front_page

__getattr__, __dir__, __all__ = front_page(
    __name__,
    {
        "data.arrays": "check_finite one_hot train_val_test_split",
        "data.batches": "Minibatches minibatches",
        "data.memory_maps": "memory_map",
        "data.standardize": "Standardize",
        "diagnosis.diagnose": "diagnose",
        "diagnosis.findings": "Diagnosis Finding",
        "minimize": "minimize",
        "optimizers.adam": "Adam AdamW",
        "optimizers.adaptive": "Adadelta Adagrad RMSProp",
        "optimizers.clipping": "clip_grad_norm clip_grad_value",
        "optimizers.groups": "ParameterGroup weight_decay_groups",
        "optimizers.lion": "Lion",
        "optimizers.optimizer": "Optimizer",
        "optimizers.registry": "OPTIMIZERS make_optimizer",
        "optimizers.sgd": "SGD",
        "schedules.cosine": "Cosine OneCycle",
        "schedules.decay": "Exponential InverseTime Power Step",
        "schedules.early_stopping": "EarlyStopping",
        "schedules.plateau": "HalveOnPlateau",
        "schedules.schedule": "Constant Schedule",
        "schedules.scheduler": "Scheduler",
        "schedules.warm_up": "WarmUp",
        "training.callbacks": "Callback",
        "training.divergence": "DivergenceError",
        "training.fit": "fit",
        "training.history": "History",
        "training.layer_statistics": "LayerStatistics",
        "training.metrics": "METRICS",
        "training.run": "Training",
    },
)
