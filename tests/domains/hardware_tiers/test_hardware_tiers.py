"""Hardware tiers over HTTP."""

from typing import Any

from tests.client import Person

URL = "/api/hardwaretiers/v1/hardwaretiers"


def _tier(id: str, **more: Any) -> dict[str, Any]:
    return {
        "id": id,
        "name": id.title(),
        "nodePool": "default",
        "resources": {
            "cores": 1,
            "memory": {"value": 512, "units": "MiB"},
            "allowSharedMemoryToExceedDefault": False,
        },
    } | more


async def test_seeded_tiers_fit_the_machine_and_one_is_the_default(ada: Person) -> None:
    tiers = (await ada.get(URL))["hardwareTiers"]
    assert [tier["id"] for tier in tiers] == ["small", "medium", "large"]
    assert [tier["id"] for tier in tiers if tier["flags"]["isDefault"]] == ["small"]
    assert all(tier["capacity"]["executingRuns"] == 0 for tier in tiers)


async def test_an_administrator_makes_reads_changes_and_archives_a_tier(admin: Person, ada: Person) -> None:
    made = (await admin.post(URL, _tier("tiny", centsPerMinute=1.5)))["hardwareTier"]
    assert made["centsPerMinute"] == 1.5
    assert made["resources"]["memory"] == {"value": 512.0, "units": "MiB"}
    assert (await ada.get(f"{URL}/tiny"))["hardwareTier"]["id"] == "tiny"
    changed = (await admin.put(URL, made | {"maxSimultaneousExecutions": 3}))["hardwareTier"]
    assert changed["maxSimultaneousExecutions"] == 3
    assert (await admin.delete(f"{URL}/tiny"))["hardwareTier"]["flags"]["isArchived"]
    assert "tiny" not in [tier["id"] for tier in (await ada.get(URL))["hardwareTiers"]]
    listed = (await ada.get(URL, includeArchived=True))["hardwareTiers"]
    assert "tiny" in [tier["id"] for tier in listed]


async def test_a_new_default_takes_it_from_the_old_one(admin: Person) -> None:
    await admin.post(URL, _tier("fresh", flags={"isDefault": True}))
    tiers = (await admin.get(URL))["hardwareTiers"]
    assert [tier["id"] for tier in tiers if tier["flags"]["isDefault"]] == ["fresh"]
    assert "default" in (await admin.delete(f"{URL}/fresh", expect=400))["message"]
    fresh = (await admin.get(f"{URL}/fresh"))["hardwareTier"]
    fresh["flags"]["isDefault"] = False
    await admin.put(URL, fresh, expect=400)


async def test_refusals(admin: Person, ada: Person) -> None:
    await ada.post(URL, _tier("mine"), expect=403)
    await ada.put(URL, (await ada.get(f"{URL}/small"))["hardwareTier"], expect=403)
    await ada.delete(f"{URL}/small", expect=403)
    await ada.get(f"{URL}/none", expect=404)
    await admin.delete(f"{URL}/none", expect=404)
    await admin.post(URL, _tier("small"), expect=400)
    await admin.post(URL, _tier("no/slash"), expect=400)
    bad = _tier("bad")
    bad["resources"]["cores"] = 0
    await admin.post(URL, bad, expect=400)


async def test_a_project_sees_its_tiers(ada: Person) -> None:
    project = (await ada.get("/api/projects/beta/projects"))["projects"][0]["id"]
    tiers = await ada.get(f"/v4/projects/{project}/hardwareTiers")
    assert [tier["hardwareTier"]["id"] for tier in tiers] == ["small", "medium", "large"]
    assert tiers[0]["hardwareTier"]["hwtFlags"]["isDefault"] is True
