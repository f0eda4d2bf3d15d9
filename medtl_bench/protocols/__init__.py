"""How a learner is judged.

Imports `results`, `contract` and what stands under them; no training, no network.
"""
