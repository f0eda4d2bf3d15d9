"""Carries published records over from schema 1 to schema 2, once; then this file is deleted.

    python leaderboards/carry_over.py OLD/results NEW/results

What a record says of its trial, its scores and its cost stays. What changes is the key, for it
is of more than before, and what the key is of:

- sources, targets, domains, shots and draws become the settings of the protocol;
- a dataset's digest is of its data, kind of task and classes alone. The old digest of the data at
  hand must be the one in the record, or the record is not carried over;
- the source of a plugin is that of the code at hand, which differs from that of the record in
  imports, names and the length of lines (scores of every method on every dataset were compared);
- a gradient method has the parameter `backbone`, which was the default for the input;
- `stacked` says whether the method trains beside others, as it did;
- package versions that the records did not hold are "not recorded"; those of libraries that the
  project pins to one version are these;
- the directions of metrics are those of the registry.

Skipped trials have no records any more, and are left out.
"""

import json
import sys
from collections import Counter
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from medtl_bench.catalogue import discovery
from medtl_bench.contract.algorithm import parameters
from medtl_bench.contract.dataset import Dataset
from medtl_bench.contract.split import parts
from medtl_bench.metrics.registry import METRICS
from medtl_bench.results.record import CHECKSUM, Record
from medtl_bench.results.store import Store
from medtl_bench.training.method import GradientMethod

CATALOGUE = discovery.find()
PINNED = {"avalanche-lib": "0.6.0", "learn2learn": "0.2.0", "skada": "0.6.0"}
SETTINGS = {
    "transfer": ("sources", "targets", "shots", "draws"),
    "stream": ("domains",),
}


def old_digest(dataset: Dataset) -> str:
    """Return the digest as schema 1 had it."""
    task, scenarios = dataset.task, (dataset.transfers, dataset.streams)
    digest = sha256(repr((dataset.name, task, *scenarios)).encode())
    for domain in dataset.domains:
        for name, split in domain.splits().items():
            digest.update(f"{domain.name}/{name}/{len(split)}".encode())
            held = {**parts(split.x), "labels": split.y, **split.of_rows()}
            for part, tensor in held.items():
                digest.update(f"{part!r}{tensor.dtype}{tuple(tensor.shape)}".encode())
                digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()


@cache
def digests(name: str) -> tuple[str, str]:
    """Return the old and the new digest of a dataset."""
    dataset = CATALOGUE.dataset(name)
    return old_digest(dataset), dataset.digest()


@cache
def of_algorithm(name: str) -> dict[str, Any]:
    """Return what the key holds of an algorithm beside its parameters."""
    registered, cls = CATALOGUE.algorithms[name], CATALOGUE.algorithm(name)
    packages = {p: PINNED.get(p, "not recorded") for p in registered.entry.packages}
    stacked = issubclass(cls, GradientMethod) and not cls.one_by_one
    source = registered.plugin.source
    return {"algorithm_source": source, "packages": packages, "stacked": stacked}


def carried(old: dict[str, Any]) -> Record:
    """Return the record of schema 2; raises ValueError where its data is not at hand."""
    trial = dict(old["trial"])
    settings = {name: trial[name] for name in SETTINGS[trial["protocol"]]}
    for name in ("sources", "targets", "domains", "shots", "draws"):
        del trial[name]
    before, after = digests(trial["dataset"])
    if before != trial["dataset_digest"]:
        raise ValueError(f"{trial['dataset']} is not the data that the record is of")
    known = parameters(CATALOGUE.algorithm(trial["algorithm"]))
    if "backbone" in known:
        trial["parameters"] = {**trial["parameters"], "backbone": known["backbone"].default}
    trial |= {"dataset_digest": after, "settings": settings, **of_algorithm(trial["algorithm"])}
    metrics = old["about"]["metrics"]
    lower = [name for name in metrics if not METRICS[name].higher_is_better]
    about = {**old["about"], "lower_is_better": lower}
    return Record.model_validate_json(
        json.dumps({**old, "schema_version": 2, "trial": trial, "about": about})
    )


def main(source: Path, target: Path) -> None:
    """Carry over every record of a folder that is whole and was not skipped."""
    counts, store = Counter[str](), Store(target)
    for path in sorted(source.glob("*.json")):
        text = path.read_text(encoding="utf-8").rstrip("\n")
        content = CHECKSUM.sub("", text, count=1)
        checksum = CHECKSUM.search(text)
        if checksum is None or checksum[1] != sha256(content.encode()).hexdigest():
            raise ValueError(f"{path} was changed after it was written")
        record = json.loads(content)
        if record["outcome"]["status"] == "skipped":
            counts["skipped, left out"] += 1
            continue
        store.write(carried(record))
        counts["carried over"] += 1
    sys.stdout.write(f"{dict(counts)}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
