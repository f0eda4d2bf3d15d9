"""From records to numbers: every number that a page prints.

Imports `results`, `metrics` and the ground; never torch.
"""
