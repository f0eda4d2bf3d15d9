"""The one optimisation loop, alone and stacked. Imports `networks` and what stands under it."""
