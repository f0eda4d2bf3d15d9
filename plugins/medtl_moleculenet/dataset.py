"""Tox21, SIDER and MUV with assays as domains, and one split of scaffolds for all of them."""

from medtl_bench.contract.dataset import Dataset
from medtl_bench.contract.scenario import Stream
from medtl_bench.files.downloads import Download, Remote
from medtl_moleculenet import cards
from medtl_moleculenet.collection import Collection

COMMIT = "fbe3b911a94a6eb8c84c1a9e7ac67a472c49ea80"
PINNED = f"https://raw.githubusercontent.com/deepchem/deepchem/{COMMIT}"


def _download(licence: str, path: str, sha256: str) -> Download:
    name = path.rpartition("/")[2]
    return Download(licence, (Remote(f"moleculenet/{name}", f"{PINNED}/{path}", sha256),))


PUBLIC = "public data of the NIH; the table is part of DeepChem (MIT)"
TOX21_DOWNLOAD = _download(
    PUBLIC,
    "datasets/tox21.csv.gz",
    "48b34e4e59a2bae6f95734cd206c1869ab355f50a5e50bb7371a21f861d5e297",
)
MUV_DOWNLOAD = _download(
    PUBLIC,
    "datasets/muv.csv.gz",
    "93c8b4a37c5996c76e57d5f3f065fb8b7cf1c19067011eff2293fd2a94ce274a",
)
SIDER_DOWNLOAD = _download(
    "CC BY-NC-SA 4.0 (SIDER); the table is part of DeepChem (MIT)",
    "examples/sider/sider.csv.gz",
    "4cc7ccb20dded475853c583596e227116c222c6ca7dbb40159bdbe9ee3f099b9",
)
RANKING = ("roc_auc", "pr_auc_gain", "average_precision", "balanced_accuracy", "ece", "brier")
SCREENING = ("bedroc20", "ef1", "roc_auc", "average_precision", "ece", "brier")
NUCLEAR = ("NR-AR", "NR-AR-LBD", "NR-AhR", "NR-Aromatase", "NR-ER", "NR-ER-LBD", "NR-PPAR-gamma")
STRESS = ("SR-ARE", "SR-ATAD5", "SR-HSE", "SR-MMP", "SR-p53")
TOX21 = Collection(
    name="tox21",
    download=TOX21_DOWNLOAD,
    assays=(*NUCLEAR, *STRESS),
    new=3,
    classes=("inactive", "active"),
    metrics=RANKING,
    val=0.1,
    test=0.35,
    streams=(Stream("stress-responses", STRESS),),
)
SIDER = Collection(
    name="sider",
    download=SIDER_DOWNLOAD,
    assays=(
        "Hepatobiliary disorders",
        "Metabolism and nutrition disorders",
        "Product issues",
        "Eye disorders",
        "Investigations",
        "Musculoskeletal and connective tissue disorders",
        "Gastrointestinal disorders",
        "Social circumstances",
        "Immune system disorders",
        "Reproductive system and breast disorders",
        "Neoplasms benign, malignant and unspecified (incl cysts and polyps)",
        "General disorders and administration site conditions",
        "Endocrine disorders",
        "Surgical and medical procedures",
        "Vascular disorders",
        "Blood and lymphatic system disorders",
        "Skin and subcutaneous tissue disorders",
        "Congenital, familial and genetic disorders",
        "Infections and infestations",
        "Respiratory, thoracic and mediastinal disorders",
        "Psychiatric disorders",
        "Renal and urinary disorders",
        "Pregnancy, puerperium and perinatal conditions",
        "Ear and labyrinth disorders",
        "Cardiac disorders",
        "Nervous system disorders",
        "Injury, poisoning and procedural complications",
    ),
    new=6,
    classes=("not reported", "reported"),
    metrics=RANKING,
    val=0.1,
    test=0.2,
)
SCREENS = (
    *(466, 548, 600, 644, 652, 689, 692, 712, 713, 733, 737, 810),
    *(832, 846, 852, 858, 859),  # new
)
MUV = Collection(
    name="muv",
    download=MUV_DOWNLOAD,
    assays=tuple(f"MUV-{number}" for number in SCREENS),
    new=5,
    classes=("decoy", "active"),
    metrics=SCREENING,
    val=0.1,
    test=0.5,
    decoys=(700, 4000),
)


def tox21() -> Dataset:
    """Return tox21."""
    return TOX21.build(cards.tox21)


def sider() -> Dataset:
    """Return sider."""
    return SIDER.build(cards.sider)


def muv() -> Dataset:
    """Return muv."""
    return MUV.build(cards.muv)
