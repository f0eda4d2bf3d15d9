"""What an author implements: data, tasks, scenarios, algorithms, hooks.

Imports `metrics`, `files` and the ground.
"""
