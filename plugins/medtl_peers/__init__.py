"""The methods of other libraries, run through the same protocols under their own names."""

from medtl_bench.contract.hooks import AlgorithmEntry, hookimpl

ADAPTATION = "domain adaptation"
CONTINUAL = "continual learning"
META = "meta-learning"


LEARN2LEARN = (
    AlgorithmEntry(
        "learn2learn-maml",
        "medtl_peers.with_learn2learn:MAML",
        "learn2learn's MAML on the batches that ours gets.",
        META,
        "Finn et al. 2017, ICML; Arnold et al. 2020, arXiv:2008.12284",
        counterpart="maml",
        packages=("learn2learn",),
    ),
    AlgorithmEntry(
        "learn2learn-anil",
        "medtl_peers.with_learn2learn:ANIL",
        "MAML whose inner steps move the head alone, made of learn2learn's parts.",
        META,
        "Raghu et al. 2020, ICLR; Arnold et al. 2020, arXiv:2008.12284",
        packages=("learn2learn",),
    ),
)
AVALANCHE = (
    AlgorithmEntry(
        "avalanche-ewc",
        "medtl_peers.with_avalanche:EWC",
        "Avalanche's elastic weight consolidation on the batches that ours gets.",
        CONTINUAL,
        "Kirkpatrick et al. 2017, PNAS 114(13); Carta et al. 2023, JMLR 24(363)",
        counterpart="ewc",
        acts_from="adapt",
        keeps_data="statistics",
        packages=("avalanche-lib",),
    ),
    AlgorithmEntry(
        "avalanche-si",
        "medtl_peers.with_avalanche:SynapticIntelligence",
        "Avalanche's synaptic intelligence: a weight is held by what its path has "
        "done for the loss.",
        CONTINUAL,
        "Zenke et al. 2017, ICML; Carta et al. 2023, JMLR 24(363)",
        acts_from="adapt",
        keeps_data="statistics",
        packages=("avalanche-lib",),
    ),
    AlgorithmEntry(
        "avalanche-lwf",
        "medtl_peers.with_avalanche:LearningWithoutForgetting",
        "Avalanche's learning without forgetting: the model before answers along on new inputs.",
        CONTINUAL,
        "Li and Hoiem 2016, ECCV; Carta et al. 2023, JMLR 24(363)",
        acts_from="adapt",
        keeps_data="a model",
        packages=("avalanche-lib",),
    ),
    AlgorithmEntry(
        "avalanche-mas",
        "medtl_peers.with_avalanche:MemoryAwareSynapses",
        "Avalanche's memory aware synapses: a weight is held by how much the outputs depend on it.",
        CONTINUAL,
        "Aljundi et al. 2018, ECCV; Carta et al. 2023, JMLR 24(363)",
        acts_from="adapt",
        keeps_data="statistics",
        packages=("avalanche-lib",),
    ),
    AlgorithmEntry(
        "avalanche-replay",
        "medtl_peers.with_avalanche:Replay",
        "Avalanche's replay: every step also takes rows kept from earlier domains.",
        CONTINUAL,
        "Chaudhry et al. 2019, arXiv:1902.10486; Carta et al. 2023, JMLR 24(363)",
        acts_from="adapt",
        keeps_data="rows",
        packages=("avalanche-lib",),
    ),
    AlgorithmEntry(
        "avalanche-gem",
        "medtl_peers.with_avalanche:GradientEpisodicMemory",
        "Avalanche's gradient episodic memory: no step may raise the loss on rows "
        "kept from earlier domains.",
        CONTINUAL,
        "Lopez-Paz and Ranzato 2017, NeurIPS; Carta et al. 2023, JMLR 24(363)",
        acts_from="adapt",
        keeps_data="rows",
        packages=("avalanche-lib", "quadprog"),
    ),
)
SKADA = (
    AlgorithmEntry(
        "skada-coral",
        "medtl_peers.with_skada:CORAL",
        "skada's correlation alignment: source inputs get the target's covariance, "
        "then a linear model.",
        ADAPTATION,
        "Sun et al. 2017, Domain adaptation in computer vision applications; skada, "
        "doi:10.5281/zenodo.12666838",
        keeps_data="rows",
        packages=("skada", "scikit-learn", "scipy"),
    ),
    AlgorithmEntry(
        "skada-subspace-alignment",
        "medtl_peers.with_skada:SubspaceAlignment",
        "skada's subspace alignment: the sources' principal axes are turned onto the "
        "target's, then a linear model.",
        ADAPTATION,
        "Fernando et al. 2013, ICCV; skada, doi:10.5281/zenodo.12666838",
        keeps_data="rows",
        packages=("skada", "scikit-learn", "scipy"),
    ),
    AlgorithmEntry(
        "skada-optimal-transport",
        "medtl_peers.with_skada:OptimalTransport",
        "skada's optimal transport: source inputs are moved onto the target's, then "
        "a linear model.",
        ADAPTATION,
        "Courty et al. 2017, IEEE TPAMI 39(9); skada, doi:10.5281/zenodo.12666838",
        keeps_data="rows",
        packages=("skada", "POT", "scikit-learn", "scipy"),
    ),
    AlgorithmEntry(
        "skada-tca",
        "medtl_peers.with_skada:TransferComponentAnalysis",
        "skada's transfer component analysis: kernel components in which the "
        "domains' means meet, then a linear model.",
        ADAPTATION,
        "Pan et al. 2011, IEEE TNN 22(2); skada, doi:10.5281/zenodo.12666838",
        keeps_data="rows",
        packages=("skada", "scikit-learn", "scipy"),
    ),
    AlgorithmEntry(
        "skada-kliep",
        "medtl_peers.with_skada:KLIEP",
        "skada's KLIEP: source rows weighted by how likely they are in the target, "
        "then a linear model.",
        ADAPTATION,
        "Sugiyama et al. 2007, NeurIPS; skada, doi:10.5281/zenodo.12666838",
        keeps_data="rows",
        packages=("skada", "scikit-learn", "scipy"),
    ),
)
SKLEARN = (
    AlgorithmEntry(
        "sklearn-svm",
        "medtl_peers.with_sklearn:SupportVectors",
        "scikit-learn's support vector machine on the sources, refitted with the "
        "target's labels at equal weight.",
        "baseline",
        "Cortes and Vapnik 1995, Machine Learning 20",
        keeps_data="rows",
        packages=("scikit-learn", "scipy"),
    ),
    AlgorithmEntry(
        "sklearn-knn",
        "medtl_peers.with_sklearn:NearestNeighbours",
        "scikit-learn's nearest neighbours among the sources' rows and, at equal "
        "weight, the target's labelled ones.",
        "baseline",
        "Cover and Hart 1967, IEEE Transactions on Information Theory 13(1)",
        keeps_data="rows",
        packages=("scikit-learn", "scipy"),
    ),
)


@hookimpl
def medtl_algorithms() -> list[AlgorithmEntry]:
    """Bring learn2learn's, Avalanche's and skada's methods, and two more of scikit-learn."""
    return [*LEARN2LEARN, *AVALANCHE, *SKADA, *SKLEARN]
