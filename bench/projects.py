"""Lists and point reads on a crowded platform: who sees 500 projects against who sees 5, full against empty."""

import asyncio
import statistics
from typing import Any

import msgspec

from bench import crowd
from bench.serving import Server, load, modelyard, percentile, table

ROUNDS, SECONDS, CLIENTS = 5, 0.4, 4
LIST = "/api/projects/beta/projects?limit={limit}&offset={offset}"
ORGANIZATIONS = "/api/organizations/v1/organizations"
BY_NAME = "/v4/gateway/projects/findProjectByOwnerAndName?ownerName={owner}&projectName={name}"


class Request(msgspec.Struct, frozen=True):
    """What one person asks of one server."""

    server: Server
    key: str
    path: str

    def times(self) -> list[float]:
        """The times in seconds of as many of these as a moment allows."""
        return load(self.server.url + self.path, {"X-Domino-Api-Key": self.key}, SECONDS, CLIENTS)

    def json(self) -> Any:
        """The reply."""
        return self.server.json("GET", self.path, headers={"X-Domino-Api-Key": self.key})


def measure() -> None:
    """Interleaves the two sides of every pair."""
    with modelyard() as full, modelyard() as empty:
        asyncio.run(crowd.seed(full))
        _table("Projects, by a person who sees 5 and one who sees 500 of 10,000", "5", "500", _lists(full, 5, 500))
        _table("Other lists, by a person in 1 organization and one in 20", "1", "20", _other_lists(full))
        _table("One project, on an empty and a full server", "empty", "full", _point_reads(full, empty))
        _table("An administrator, on an empty and a full server", "empty", "full", _administrators(full, empty))
        asyncio.run(crowd.open_projects(full, 9_000))
        pairs = _lists(full, 9_001, 9_050)
        _table("Projects, by the same people, when 9,000 of the 10,000 are public", "9,001", "9,050", pairs)


def _table(title: str, left: str, right: str, pairs: list[tuple[str, str, Request, Request]]) -> None:
    heads = ("what", f"p50, {left}", f"p50, {right}", f"p99, {left}", f"p99, {right}", "ratio of p99", "budget")
    table(title, [heads, *(_row(*pair) for pair in pairs)])


def _lists(server: Server, few: int, many: int) -> list[tuple[str, str, Request, Request]]:
    """The list of projects in its windows; checks how many projects the two people see."""
    people = {"few": few, "many": many}
    for who, count in people.items():
        found = Request(server, crowd.KEYS[who], LIST.format(limit=1, offset=0)).json()["metadata"]["totalCount"]
        if found != count:
            raise RuntimeError(f"the person who is to see {count} projects sees {found}")
    pairs = []
    for limit in (10, 25):
        for name, place in (("first", 0.0), ("middle", 0.5), ("last", 1.0)):
            asked = [
                Request(
                    server, crowd.KEYS[who], LIST.format(limit=limit, offset=int(max(0, count - limit) * place))
                )
                for who, count in people.items()
            ]
            pairs.append((f"{name} page of {limit}", "3x", *asked))
    return pairs  # type: ignore[return-value]


def _other_lists(server: Server) -> list[tuple[str, str, Request, Request]]:
    paths = {
        f"projects: {relationship}": f"/v4/gateway/projects?relationship={relationship}"
        for relationship in ("Owned", "Collaborating", "Suggesting", "Popular")
    } | {
        "organizations": ORGANIZATIONS,
        "environments": "/api/environments/beta/environments",
        "users": "/api/users/v1/users",
        "all accounts": "/v4/users",
    }
    return [
        (name, "", *(Request(server, key, path) for key in crowd.KEYS.values()))  # type: ignore[misc]
        for name, path in paths.items()
    ]


def _point_reads(full: Server, empty: Server) -> list[tuple[str, str, Request, Request]]:
    """Reads of a project that its reader owns, and of one that an organization of the reader works in."""
    lonely = empty.json("POST", "/v4/users", json={"userName": "lonely", "email": "lonely@example.org"})
    key = lonely["apiKey"]
    body = {"name": "only", "description": "", "visibility": "Private"}
    made = empty.json("POST", "/api/projects/beta/projects", json=body, headers={"X-Domino-Api-Key": key})
    by_id = "/api/projects/v1/projects/{}"
    here = Request(empty, key, by_id.format(made["project"]["id"]))
    named = Request(empty, key, BY_NAME.format(owner="lonely", name="only"))
    pairs = []
    for what, number in (("one's own", 5_000), ("an organization's", 5_020), ("through an organization", 5_060)):
        there = Request(full, crowd.KEYS["many"], by_id.format(crowd.project_id(number)))
        project = there.json()["project"]
        name = BY_NAME.format(owner=project["ownerUsername"], name=project["name"])
        pairs.append((f"by id, {what}", "1.5x", here, there))
        pairs.append((f"by owner and name, {what}", "1.5x", named, Request(full, crowd.KEYS["many"], name)))
    return pairs


def _administrators(full: Server, empty: Server) -> list[tuple[str, str, Request, Request]]:
    paths = {
        "projects": (LIST.format(limit=10, offset=0),) * 2,
        "projects, last page": (LIST.format(limit=10, offset=0), LIST.format(limit=10, offset=9_990)),
        "organizations": (f"{ORGANIZATIONS}/all",) * 2,
        "environments": ("/api/environments/beta/environments",) * 2,
        "one project by id": tuple(f"/api/projects/v1/projects/{_first(server)}" for server in (empty, full)),
    }
    return [
        (name, "", Request(empty, empty.key, there), Request(full, full.key, here))
        for name, (there, here) in paths.items()
    ]


def _first(server: Server) -> str:
    return str(Request(server, server.key, LIST.format(limit=1, offset=0)).json()["projects"][0]["id"])


def _row(what: str, budget: str, *pair: Request) -> tuple[str, ...]:
    times: list[list[float]] = [[] for _ in pair]
    for request in pair:
        request.times()
    for _ in range(ROUNDS):
        for place, request in enumerate(pair):
            times[place] += request.times()
    medians = [statistics.median(one) for one in times]
    slowest = [percentile(one, 99) for one in times]
    shown = [f"{seconds * 1e3:.1f} ms" for seconds in medians + slowest]
    return (what, *shown, f"{slowest[1] / slowest[0]:.2f}x", budget)
