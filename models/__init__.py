"""The classifier: features, training, prediction, evaluation, the shipped weights."""
