"""How far is one learning task from another? Distances of Gao and Chaudhari (ICML 2021), their rivals, and how well they tell what transfer costs.

    import taskdist_nb as td
    suite = td.digits_suite()
    td.distance_matrix(suite, "coupled", model=td.mlp, config=td.TransferConfig.toy())

The names below are what users call. Each is imported from its module when it is first used, so that `import taskdist_nb` loads neither torch nor pyplot."""

from importlib import import_module

__version__ = "0.2.0"

_HOMES = {  # module -> what it offers here
    "data": "Task Suite digits_suite",
    "labels": "LabelSpace joint_label_space",
    "datasets": "cifar100_suite cifar10_suite mnist_suite fashion_mnist_suite load_suite",
    "graded": "graded_suite",
    "copies": "renamed_copy",
    "leakage": "leaks",
    "models": "small_cnn wrn_16_4 mlp get_model",
    "fisher": "kl_divergence step_length path_length fisher_rao geodesic",
    "information": "fisher_information",
    "settings": "TransferConfig",
    "noise_floor": "fit_source",
    "distances": "coupled_transfer uncoupled_transfer fine_tuning task2vec wasserstein wasserstein_features get_distance",
    "results": "TransferResult",
    "scratch": "from_scratch",
    "formulas": "leep nce logme h_score knn_accuracy",
    "labelled_samples": "otdd",
    "scores": "measure_scores",
    "measures": "register",
    "matrices": "DistanceMatrix",
    "matrix": "distance_matrix",
    "mantel": "mantel MantelResult",
    "adapters": "torch_model",
    "named": "load_model",
    "tuning": "Tuning",
    "saved": "load_network TunedNetwork",
    "few_labels": "few_shot",
    "ranking": "Ranking",
    "select": "rank_sources rank_architectures",
    "negative_transfer": "predict_negative",
    "experiment": "run_experiment",
    "report": "write_report",
    "maps": "network_map plot_map geodesic_progress imprinted_predictions",
    "viz": "plot_matrix",
    "viz_agreement": "plot_mantel",
    "viz_map": "plot_task_map",
    "viz_paths": "plot_path",
}
_MODULE_OF = {name: module for module, names in _HOMES.items() for name in names.split()}

__all__ = sorted(_MODULE_OF)


def __getattr__(name):
    "Import what is asked for, and keep it."
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted({*globals(), *__all__})
