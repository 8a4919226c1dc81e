"""What two jobs have put out, compared output by output."""

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from modelyard.engines.tracker import TrackedRun

# What a run measures of the machine differs every time.
_OF_MACHINE = "system/"


class Kind(StrEnum):
    """What an output is."""

    STATUS = "status"
    RESULT_FILE = "resultFile"
    RUN = "run"
    METRIC = "metric"
    PARAM = "param"
    MODEL = "model"
    ARTIFACT = "artifact"


class Verdict(StrEnum):
    """How an output of the reproduction is to that of the original."""

    IDENTICAL = "identical"
    DIFFERS = "differs"
    MISSING = "missing"
    NEW = "new"
    NOT_COMPARED = "notCompared"


class Output(msgspec.Struct, frozen=True, kw_only=True):
    """An output of the original, the reproduction, or both, with what each has there in words.

    `of` names the run or model that it belongs to.
    """

    kind: Kind
    name: str
    verdict: Verdict
    of: str | None = None
    original: str | None = None
    reproduction: str | None = None


def compared(kind: Kind, of: str, original: Mapping[str, str], reproduction: Mapping[str, str]) -> list[Output]:
    """Outputs of one kind, by their names and in the order of those."""
    return [
        Output(
            kind=kind,
            name=name,
            verdict=verdict(original.get(name), reproduction.get(name)),
            of=of,
            original=original.get(name),
            reproduction=reproduction.get(name),
        )
        for name in sorted(original.keys() | reproduction.keys())
    ]


def verdict(original: str | None, reproduction: str | None) -> Verdict:
    """How something is that one or both of them have."""
    if original == reproduction:
        return Verdict.IDENTICAL
    if original is None:
        return Verdict.NEW
    return Verdict.MISSING if reproduction is None else Verdict.DIFFERS


def files_compared(
    original: Mapping[str, str | None],
    reproduction: Mapping[str, str | None],
    before: Mapping[str, str],
    kept: Mapping[str, str],
) -> list[Output]:
    """The files that either job has changed; keys are those of git, None for what was removed.

    `before` are the files that both began with. What the original has changed is not told where others had it so
    already: `kept` are all files of its output commit.
    """

    def of_original(path: str) -> str | None:
        if path in original:
            return original[path]
        by_both = reproduction[path]
        return by_both if by_both is not None and by_both == kept.get(path) else before.get(path)

    paths = sorted(original.keys() | reproduction.keys())
    pairs = {path: (of_original(path), reproduction.get(path, before.get(path))) for path in paths}
    return [
        Output(kind=Kind.RESULT_FILE, name=path, verdict=verdict(*pair), original=pair[0], reproduction=pair[1])
        for path, pair in pairs.items()
    ]


def runs_compared(name: str, original: TrackedRun, reproduction: TrackedRun) -> list[Output]:
    """The status of two runs, the last values of their metrics, and their parameters."""
    status = Output(
        kind=Kind.RUN,
        name=name,
        verdict=verdict(original.status, reproduction.status),
        original=f"{original.status} ({original.id})",
        reproduction=f"{reproduction.status} ({reproduction.id})",
    )
    metrics = compared(Kind.METRIC, name, _metrics(original), _metrics(reproduction))
    return [status, *metrics, *compared(Kind.PARAM, name, _params(original), _params(reproduction))]


def _metrics(run: TrackedRun) -> dict[str, str]:
    return {one.key: str(one.value) for one in run.metrics if not one.key.startswith(_OF_MACHINE)}


def _params(run: TrackedRun) -> dict[str, str]:
    return {one.key: one.value for one in run.params}
