"""Who is installed: plugins, and what they bring. Imports `contract` and what stands under it."""
