"""From numbers to files. Imports `board` and what stands under it; never torch."""
