"""A search space for an encoder of random weights."""

SPACE = """\
description: Learning rates at which the guesses of a tiny encoder change a little in two epochs.
teacher: {learning_rate: {low: 2e-5, high: 5e-4, log: true}, alpha: 0.05}
student:
  learning_rate: {low: 2e-5, high: 5e-4, log: true}
  beta: {low: 0.01, high: 10, log: true}
  alpha_prime: 0.001
  beta_prime: 0.001
"""
