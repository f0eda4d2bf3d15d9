"""From records to numbers: every number that a page prints.

Imports `results`, `metrics`, `catalogue` and the ground; never torch.
"""

from medtl_bench import share_name

share_name(__name__)
