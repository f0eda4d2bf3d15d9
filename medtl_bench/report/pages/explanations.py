"""How to read a page: what each measure of its tables is, with its source."""

from collections.abc import Sequence

from medtl_bench.board import same_method
from medtl_bench.board.summary import PLAIN
from medtl_bench.metrics.registry import INTEGRATION
from medtl_bench.report.rows import View
from medtl_bench.results.record import KEPT_ROWS

READ_TRANSFER = f"""\
- **Target score, k = 0**: after learning the sources, before any label of the target; the table is ranked by it.
- **k**: labels of each class that the method then adapts to; a few draws of patients, the same for every method, are averaged \
inside a seed. **full**: all training labels of the target.
- **Few-shot area**: area under the target score against log2(1 + k), divided by the width, k = 0 included.
- **Source forgetting, k**: source score before less that after adapting with k labels, on the same rows (at most {KEPT_ROWS} \
of each source's test split), turned so that positive is a loss.
- **Gap closed**: (method − source-only) / (target-only − source-only), methods and source-only at k = 0, target-only with all \
labels; blank where that gap is under its own standard error.
- **Gain**: score less that of {PLAIN}, which trains on the same data with nothing added, with the same seed; turned so that \
positive is better. An interval without 0 tells them apart.
- **ECE**, **Brier**: calibration on the target at k = 0. **Seconds**: a whole trial on one machine."""
READ_STREAM = """\
- R[i, j] is the score on domain j after learning domain i of T, b_j that of an untrained learner.
- **Average accuracy**: mean of R[T, j] over all j, in the score named above; the table is ranked by it.
- **Forgetting**: mean over j < T of max over i < T of R[i, j] − R[T, j] (Chaudhry et al. 2018); a method that learns nothing \
forgets nothing, so read it beside the average accuracy.
- **Backward transfer**: mean over j < T of R[T, j] − R[j, j] (Lopez-Paz and Ranzato 2017). \
**Forward transfer**: mean over j > 1 of R[j − 1, j] − b_j.
- **Task-aware**: class scores masked to the classes of the domain that is scored; the method is not told."""
READ_INTEGRATION = """\
- **Integration**: of what a method embeds the training rows of sources and targets as (at most 4,000), each domain being a \
batch, before any label of a target. Mixing alone is no merit: one point for all rows mixes perfectly, so read both sides. \
Methods that trained on labels have seen most of those that cLISI and the silhouette by label use; label transfer is to \
test rows.
- **iLISI**, **cLISI**: how many batches, and how many labels, the neighbourhood of a row effectively holds, at perplexity 30 \
(Korsunsky et al. 2019). **Silhouette by batch**: 1 − |s| within each label; **by label**: (s + 1) / 2 (Luecken et al. 2022).
- **Label transfer**: test rows of the targets are labelled by the five nearest training rows of the sources; balanced over \
labels, plain, and the recall of each rare label (under 5% of the sources' rows)."""
READ_EQUIVALENCE = f"""\
Two one-sided t-tests (Schuirmann 1987) on differences over seeds, method less counterpart, each at 5%: *equivalent* when \
the 90% interval lies within ± {same_method.MARGIN:g} of the score, *different* when it lies outside, else *undecided*."""
READ_BOTH = """\
- † means that the 95% t interval of the paired differences to the best row, over seeds, holds 0, or that there are fewer than \
two seeds to pair. ± is half the 95% t interval over n seeds; there is none for n = 1. ↑ higher is better, ↓ lower is better.
- Ranks are among complete rows of methods. Bounds use what a method may not, or nothing, and are there for reference.
- A row is complete when it has every scenario and seed that any row of its table has. An incomplete row is not ranked; its \
numbers are over those seeds of which it has every scenario."""
READ_OVER_TARGETS = (
    "Each target's score is averaged over seeds and draws first. ±: 95% interval over targets, which is how far the mean over "
    "other targets like these may lie from it."
)


def reading(views: Sequence[View]) -> list[str]:
    """Return the lists that explain the tables of some views."""
    protocols = {view.protocol for view in views}
    predicted = any(view.primary not in INTEGRATION for view in views)
    mixed = any(name in INTEGRATION for view in views for name in view.columns)
    lists = [
        READ_TRANSFER if "transfer" in protocols and predicted else "",
        READ_STREAM if "stream" in protocols else "",
        READ_INTEGRATION if mixed else "",
        READ_BOTH,
    ]
    return [text for text in lists if text]
