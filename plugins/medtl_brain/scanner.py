"""What a scanner makes of tissue: a signal in a contrast, blur, an uneven field, noise."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from medtl_bench.arrays import Floats
from medtl_brain.anatomy import SIDE, TISSUES

# grey values of an image are multiples of 1 / STEPS, so that processors agree on them
STEPS = 256
# what the median of a magnetic resonance image becomes, whatever is rare and bright in it
MIDDLE = 0.5
WINDOW = 80.0  # Hounsfield units that become 1; 0 stays 0, as in the usual brain window


class Relaxation(NamedTuple):
    """Relaxation times T1 and T2 in ms and proton density, at 1.5 T."""

    t1: float
    t2: float
    density: float


# BrainWeb's tissue parameters (Kwan, Evans and Pike 1999, IEEE Transactions on Medical
# Imaging 18(11)).
RELAXATION = {
    "csf": Relaxation(2569, 329, 1.0),
    "grey": Relaxation(833, 83, 0.86),
    "white": Relaxation(500, 70, 0.77),
}
PLAQUE = Relaxation(752, 237, 0.76)  # the same, "MS lesion"
# Hounsfield units within the usual ranges: CSF 0 to 15, grey matter 37 to 45, white
# matter 20 to 30 (Buzug 2008, p. 475).
DENSITY = {"csf": 8.0, "grey": 39.0, "white": 28.0}


def spin_echo(tissue: Relaxation, *, repetition: float, echo: float) -> float:
    """Return the signal PD (1 - exp(-TR / T1)) exp(-TE / T2); times in ms."""
    recovered = 1 - np.exp(-repetition / tissue.t1)
    return float(tissue.density * recovered * np.exp(-echo / tissue.t2))


def inversion_recovery(
    tissue: Relaxation, *, inversion: float, repetition: float, echo: float
) -> float:
    """Return the signal PD |1 - 2 exp(-TI / T1) + exp(-TR / T1)| exp(-TE / T2); times in ms."""
    recovered = abs(1 - 2 * np.exp(-inversion / tissue.t1) + np.exp(-repetition / tissue.t1))
    return float(tissue.density * recovered * np.exp(-echo / tissue.t2))


@dataclass(frozen=True)
class Scanner:
    """How images are taken.

    `signal`: of each tissue; without one, the measured T1 of the template is taken.
    `blur`: deviation in pixels. `unevenness`: range of the bias field, 0.4 runs from 0.8
    to 1.2 as in BrainWeb. `noise`: deviation, as a share of the signals' median (or of
    the window), in the real and in the imaginary part of a magnetic resonance signal.
    `magnetic`: or else X-rays.
    """

    signal: Mapping[str, float] | None
    blur: float
    unevenness: float
    noise: float
    magnetic: bool = True

    def clean(self, section: Floats) -> Floats:
        """Return the signals [h, w] of a slice [volume, h, w] before anything spoils them."""
        if self.signal is None:
            return np.asarray(section[0])
        signals = [self.signal[tissue] for tissue in TISSUES]
        return np.asarray(np.tensordot(signals, section[1:], 1))

    def image(self, clean: Floats, source: np.random.Generator) -> Floats:
        """Return the image [h, w] that is taken of clean signals [h, w], most of it in 0..1."""
        blurred = ndimage.gaussian_filter(clean, self.blur) * self._field(source)
        level = self.noise * (WINDOW if not self.magnetic else np.median(clean))
        real, imaginary = source.normal(scale=level, size=(2, SIDE, SIDE))
        if self.magnetic:
            noisy = np.hypot(blurred + real, imaginary)  # Rician (Gudbjartsson and Patz 1995)
            noisy *= MIDDLE / np.median(noisy)
        else:
            noisy = (blurred + real).clip(0) / WINDOW
        return np.asarray(np.rint(noisy * STEPS) / STEPS)

    def _field(self, source: np.random.Generator) -> Floats:
        """Return a smooth field [h, w] around 1: a random quadratic of the place, scaled."""
        y, x = np.meshgrid(*[np.linspace(-1, 1, SIDE)] * 2, indexing="ij")
        bent = np.tensordot(source.normal(size=5), np.stack([x, y, x * y, x**2, y**2]), 1)
        spread = (bent - bent.min()) / np.ptp(bent)
        return np.asarray(1 + self.unevenness * (spread - 0.5))


def nulling(tissue: Relaxation, *, echo: float) -> float:
    """Return the FLAIR signal at TR 9,000 and TI 1,700 ms, when fluid has next to none."""
    return inversion_recovery(tissue, inversion=1700, repetition=9000, echo=echo)


def flair(*, echo: float, blur: float, unevenness: float, noise: float) -> Scanner:
    """Return a FLAIR scanner with an echo time in ms."""
    signal = {name: nulling(tissue, echo=echo) for name, tissue in RELAXATION.items()}
    return Scanner(signal, blur, unevenness, noise)


def weighted(*, echo: float, noise: float) -> Scanner:
    """Return a spin echo scanner with an echo time in ms, long for T2, short for proton density."""
    # TR 3,300 ms, and TE 120 and 35 ms, are those of BrainWeb's own simulated brains
    signal = {
        name: spin_echo(tissue, repetition=3300, echo=echo) for name, tissue in RELAXATION.items()
    }
    return Scanner(signal, blur=0.3, unevenness=0.4, noise=noise)


T1 = Scanner(None, blur=0.0, unevenness=0.2, noise=0.03)
T2 = weighted(echo=120, noise=0.06)
PD = weighted(echo=35, noise=0.02)
FLAIR = flair(echo=120, blur=0.5, unevenness=0.4, noise=0.03)
CT = Scanner(DENSITY, blur=0.5, unevenness=0.0, noise=0.03, magnetic=False)
