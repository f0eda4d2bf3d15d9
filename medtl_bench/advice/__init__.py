"""Which sources to learn from. Imports `board`, `training` and what stands under them."""
