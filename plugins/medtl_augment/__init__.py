"""Augmentation as methods, so that its gain over plain fine-tuning stands on the boards."""

from medtl_bench.contract.hooks import AlgorithmEntry, hookimpl


@hookimpl
def medtl_algorithms() -> list[AlgorithmEntry]:
    """Bring mixup, CutMix, contrast randomisation and AugMix."""
    return [
        AlgorithmEntry(
            name="mixup",
            implementation="medtl_augment.mixing:Mixup",
            summary="Trained on weighted means of two rows, and on both labels with the "
            "same weights.",
            family="augmentation",
            reference="Zhang et al. 2018, mixup: beyond empirical risk minimization, ICLR",
        ),
        AlgorithmEntry(
            name="cutmix",
            implementation="medtl_augment.mixing:CutMix",
            summary="Trained on images with a box of another one pasted in, and on both "
            "labels by area.",
            family="augmentation",
            reference="Yun et al. 2019, CutMix: regularization strategy to train strong "
            "classifiers, ICCV",
        ),
        AlgorithmEntry(
            name="contrast-randomisation",
            implementation="medtl_augment.contrast:ContrastRandomisation",
            summary="Trained on images with random gamma, brightness, bias field and polarity.",
            family="augmentation",
            reference="Billot et al. 2023, SynthSeg, Medical Image Analysis 86; Zhang et "
            "al. 2020, BigAug, IEEE TMI 39(7)",
        ),
        AlgorithmEntry(
            name="augmix",
            implementation="medtl_augment.augmix:AugMix",
            summary="Trained to answer alike to an image and to two random mixtures of "
            "its transformations.",
            family="augmentation",
            reference="Hendrycks et al. 2020, AugMix: a simple data processing method, ICLR",
        ),
    ]
