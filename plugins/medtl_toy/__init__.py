"""Three simulated datasets that load in milliseconds: vectors, images and masks."""

from medtl_bench.contract.hooks import DatasetEntry, hookimpl


@hookimpl
def medtl_datasets() -> list[DatasetEntry]:
    """Bring shifted-toy, shifted-toy-images and shifted-toy-masks."""
    return [
        DatasetEntry(
            name="shifted-toy",
            build="medtl_toy.dataset:vectors",
            summary="Two moons beside a shortcut, simulated; the last batch is turned "
            "and its shortcut displaced.",
            area="simulated",
        ),
        DatasetEntry(
            name="shifted-toy-images",
            build="medtl_toy.dataset:images",
            summary="Squares, plus signs and crosses of 8x8 pixels, simulated; scanners "
            "differ in noise and contrast.",
            area="simulated",
        ),
        DatasetEntry(
            name="shifted-toy-masks",
            build="medtl_toy.dataset:masks",
            summary="Round blobs to segment in 8x8 pixels, simulated; scanners differ in contrast.",
            area="simulated",
        ),
    ]
