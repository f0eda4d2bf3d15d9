"""The cards of tox21, sider and muv; what they count is counted on the data as built."""

from medtl_bench.arrays import Ints
from medtl_bench.contract.dataset import Card
from medtl_bench.files.division import TEST, TRAIN
from medtl_moleculenet.collection import Collection
from medtl_moleculenet.molecules import Table, lines

SPLITS = (
    "Wu et al. 2018, MoleculeNet: a benchmark for molecular machine learning, Chemical Science 9(2)"
)
TASKS = (
    "Altae-Tran et al. 2017, Low data drug discovery with one-shot learning, ACS "
    "Central Science 3(4)"
)
PRIVACY = "No person's data."


def tox21(collection: Collection, table: Table, part: Ints) -> Card:
    """Return the card of tox21."""
    return Card(
        area="drug discovery",
        licence=collection.download.licence,
        source="Tox21 Data Challenge 2014 (NIH); datasets/tox21.csv.gz of DeepChem at "
        "the commit fbe3b91",
        citation="Huang et al. 2016, Tox21Challenge to build predictive models of "
        "nuclear receptor and stress response pathways, Frontiers in Environmental "
        f"Science 3; {SPLITS}; the task split: {TASKS}",
        shift="Another assay: nine are learned from, SR-HSE, SR-MMP and SR-p53 are new, "
        f"as in the few-shot literature. {_rates(collection, table)} Test molecules are "
        "of scaffolds that no training split holds.",
        provenance="real",
        privacy=PRIVACY,
        intended_use="Comparing few-shot methods on public toxicity screens; not for "
        "decisions about the safety of a compound.",
        notes=f"{_about(table, part)} All {len(part):,} readable molecules are used; "
        "each assay lacks some labels, and those rows are left out of it.",
    )


def sider(collection: Collection, table: Table, part: Ints) -> Card:
    """Return the card of sider."""
    return Card(
        area="drug discovery",
        licence=collection.download.licence,
        source="SIDER 4 (side effects by MedDRA organ class); "
        "examples/sider/sider.csv.gz of DeepChem at the commit fbe3b91",
        citation="Kuhn et al. 2016, The SIDER database of drugs and side effects, "
        f"Nucleic Acids Research 44(D1); {SPLITS}; the task split: {TASKS}",
        shift="Another group of side effects: 21 are learned from, the last six of the "
        f"table are new, as in the few-shot literature. {_rates(collection, table)} Test "
        "drugs are of scaffolds that no training split holds.",
        provenance="real",
        privacy=PRIVACY
        + " Labels are from package inserts and public reports, summed up for each drug.",
        intended_use="Comparing few-shot methods; a side effect on a label says neither "
        "how often nor why it occurs. Not for decisions about a drug or a patient.",
        notes=_about(table, part),
    )


def muv(collection: Collection, table: Table, part: Ints) -> Card:
    """Return the card of muv."""
    base, new = collection.decoys or (0, 0)
    tested = table["label"][part == TEST][:, -collection.new :]
    actives, rows = (tested == 1).sum(0), (tested >= 0).sum(0)
    best = [_best(a, n) for a, n in zip(actives, rows, strict=True)]
    return Card(
        area="drug discovery",
        licence=collection.download.licence,
        source="MUV, from PubChem screens; datasets/muv.csv.gz of DeepChem at the commit fbe3b91",
        citation="Rohrer and Baumann 2009, Maximum unbiased validation (MUV) data sets "
        "for virtual screening based on PubChem bioactivity data, Journal of Chemical "
        f"Information and Modeling 49(2); {SPLITS}; the task split: {TASKS}",
        shift="Another screen: the first twelve are learned from, MUV-832, MUV-846, "
        "MUV-852, MUV-858 and MUV-859 are new, as in the few-shot literature. Actives "
        "were chosen to be unlike each other, and decoys to be like them: what is "
        "learned of one active helps little to find the next. Test molecules are of "
        "scaffolds that no training split holds.",
        provenance="real",
        privacy=PRIVACY,
        intended_use="Comparing how early methods rank actives; not for decisions about compounds.",
        notes="All actives are used, and of some 14,700 decoys of each assay the first "
        f"{base:,} (base) or {new:,} (new) in the order of their SMILES' hashes. A new "
        f"assay's test split holds {_span(actives)} actives among {_span(rows)} "
        f"molecules, so its top 1% are {_span(-(-rows // 100))} molecules and the best "
        f"EF1% that can be had is {_span(best)}, where the whole assay allows 100. The "
        "enrichment of a given ROC curve is nearly that of the whole assay, but actives "
        "fill more of the top, so high values are a little lower. With so few actives "
        "one of them changes EF1% by about 7: BEDROC, which counts all of them, is the "
        f"score to rank by. Base assays are tested on fewer decoys. {_about(table, part)}",
    )


def _best(actives: int, rows: int) -> int:
    """Return the largest enrichment in the top 1% that can be had."""
    top = -(-rows // 100)
    return round(min(actives, top) / top / (actives / rows))


def _span(values: Ints | list[int]) -> str:
    low, high = min(values), max(values)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _rates(collection: Collection, table: Table) -> str:
    label = table["label"]
    shares = ((label == 1).sum(0) / (label >= 0).sum(0)).tolist()
    rate = dict(zip(collection.assays, shares, strict=True))
    low, high = min(rate, key=rate.__getitem__), max(rate, key=rate.__getitem__)
    return (
        f"The share of {collection.classes[1]} molecules runs from {rate[low]:.0%} ({low}) to "
        f"{rate[high]:.0%} ({high})."
    )


def _about(table: Table, part: Ints) -> str:
    return (
        "Input: 1,024-bit Morgan fingerprint of radius 2 without stereochemistry. "
        f"{_left_out(table)} One split for all assays: molecules that share a Bemis-Murcko "
        "scaffold or a fingerprint stand on one side of it, so no test molecule of any assay "
        "is learned from in another; those without a ring stand alone. Scaffolds of over 2% "
        f"of the molecules are learned from. {(part == TRAIN).mean():.0%} of the molecules "
        f"are for training, {(part == TEST).mean():.0%} for testing."
    )


def _left_out(table: Table) -> str:
    unparsed, conflicts = lines(table["unparsed"]), int(table["conflicts"])
    unread = f"{len(unparsed)} SMILES cannot be read by RDKit and are left out: "
    text = unread + ", ".join(unparsed) if unparsed else "RDKit can read all their SMILES"
    if not conflicts:
        return f"{text}."
    return f"{text}. {conflicts} labels are left out because rows of one molecule disagree."
