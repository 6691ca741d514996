"""The method of the paper: tagger, losses, teacher, student, training loop, scores. Without Ray, Optuna, MLflow."""
