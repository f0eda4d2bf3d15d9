"""MedTL-Bench: domain adaptation, meta-learning and continual learning on one table, on medical data.

Plugin authors import from the modules of this package: `hookspecs`, `data`, `algorithm`,
`training` and `networks`. This file imports none of them, so that `medtl-bench --help`
starts without torch.
"""

__version__ = "0.4.0"
