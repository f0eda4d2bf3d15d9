"""A network as a function of its parameters. Imports `contract` and what stands under it."""
