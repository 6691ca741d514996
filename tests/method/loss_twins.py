"""The losses' slow NumPy twins: loops over channels, sentences and tokens, from the paper's equations."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def softmax_twin(scores: Array) -> list[float]:
    exponentials = [float(np.exp(score - scores.max())) for score in scores]
    return [value / sum(exponentials) for value in exponentials]


def cross_entropy_twin(logits: Array, labels: NDArray[np.int64], channel: int) -> float:
    losses = [
        -np.log(softmax_twin(logits[channel, b, t])[labels[b, t]])
        for b in range(labels.shape[0])
        for t in range(labels.shape[1])
        if labels[b, t] != -100
    ]
    return float(sum(losses) / len(losses)) if losses else 0.0


def squared_error_twin(logits: Array, teacher: Array, mask: NDArray[np.bool_], channel: int) -> float:
    losses = []
    for b in range(mask.shape[0]):
        for t in range(mask.shape[1]):
            if mask[b, t]:
                student = softmax_twin(logits[channel, b, t])
                errors = [(student[c] - teacher[channel, b, t, c]) ** 2 for c in range(len(student))]
                losses.append(sum(errors) / len(errors))
    return float(sum(losses) / len(losses)) if losses else 0.0


def soft_cross_entropy_twin(logits: Array, teacher: Array, mask: NDArray[np.bool_], channel: int) -> float:
    losses = []
    for b in range(mask.shape[0]):
        for t in range(mask.shape[1]):
            if mask[b, t]:
                student = softmax_twin(logits[channel, b, t])
                losses.append(-sum(teacher[channel, b, t, c] * np.log(student[c]) for c in range(len(student))))
    return float(sum(losses) / len(losses)) if losses else 0.0


def sharpened_twin(probabilities: Array, temperature: float) -> Array:
    result = np.empty_like(probabilities)
    for index in np.ndindex(probabilities.shape[:-1]):
        powers = [float(p) ** (1.0 / temperature) for p in probabilities[index]]
        result[index] = [power / sum(powers) for power in powers]
    return result


def weighted_twin(per_channel: list[float], weights: Array, auxiliary_weight: float) -> float:
    *auxiliary, main = per_channel
    return main + auxiliary_weight * sum(float(weight) * loss for weight, loss in zip(weights, auxiliary, strict=True))


def teacher_twin(logits: Array, labels: NDArray[np.int64], weights: Array, alpha: float) -> float:
    return weighted_twin([cross_entropy_twin(logits, labels, k) for k in range(len(logits))], weights, alpha)


def distillation_twin(
    logits: Array, teacher: Array, mask: NDArray[np.bool_], weights: Array, beta: float, kd_loss: str = "mse"
) -> float:
    distance = {"mse": squared_error_twin, "soft-cross-entropy": soft_cross_entropy_twin}[kd_loss]
    return weighted_twin([distance(logits, teacher, mask, k) for k in range(len(logits))], weights, beta)
