"""Who may start when."""

import random
from typing import Any

from modelyard.domains.hardware_tiers.admission import PATIENCE_SECONDS, choose
from modelyard.domains.hardware_tiers.queries import Execution, Node

NODE = Node("node", cores=4, memory_bytes=8, gpus=2)


def _execution(id: str, user: str = "ada", **more: Any) -> Execution:
    values = {
        "kind": "job",
        "hardware_tier_id": "small",
        "cores": 1.0,
        "memory_bytes": 1,
        "gpus": 0,
        "node": None,
        "gpu_numbers": [],
        "max_simultaneous_executions": None,
        "waited_seconds": 0.0,
    }
    return Execution(id=id, user_id=user, **(values | more))


def _chosen(waiting: list[Execution], running: list[Execution] | None = None) -> list[str]:
    return [admitted.execution_id for admitted in choose(waiting, running or [], NODE)]


def test_the_oldest_start_as_long_as_there_is_room() -> None:
    assert _chosen([_execution(str(number)) for number in range(6)]) == ["0", "1", "2", "3"]


def test_users_take_turns() -> None:
    waiting = [_execution(f"a{n}") for n in range(5)] + [_execution(f"b{n}", "bob") for n in range(2)]
    assert _chosen(waiting) == ["a0", "b0", "a1", "b1"]


def test_who_runs_less_is_first() -> None:
    running = [_execution("r1", node="node"), _execution("r2", node="node")]
    assert _chosen([_execution("a"), _execution("b", "bob")], running) == ["b", "a"]


def test_a_tier_has_a_limit() -> None:
    waiting = [_execution(str(n), max_simultaneous_executions=2) for n in range(4)]
    assert _chosen(waiting) == ["0", "1"]


def test_gpus_are_handed_out_once() -> None:
    running = [_execution("r", node="node", gpus=1, gpu_numbers=[0])]
    admitted = choose([_execution("a", gpus=1), _execution("b", gpus=1)], running, NODE)
    assert [(one.execution_id, one.gpus) for one in admitted] == [("a", [1])]


def test_small_ones_pass_a_big_one_until_it_has_waited_long() -> None:
    running = [_execution("r", node="node")]
    assert _chosen([_execution("big", cores=4.0), _execution("s", "bob")], running) == ["s"]
    patient = _execution("big", cores=4.0, waited_seconds=PATIENCE_SECONDS + 1)
    assert _chosen([patient, _execution("s", "ada")], running) == []


def test_what_never_fits_holds_nobody_up() -> None:
    huge = _execution("huge", cores=64.0, waited_seconds=PATIENCE_SECONDS + 1)
    assert _chosen([huge, _execution("s")]) == ["s"]


def test_a_machine_is_never_given_out_twice() -> None:
    dice = random.Random(7)
    for _ in range(300):
        waiting = [
            _execution(
                str(n), dice.choice("abc"), cores=dice.choice([0.5, 1.0, 2.0]),
                memory_bytes=dice.randint(1, 4), gpus=dice.randint(0, 2),
            )
            for n in range(dice.randint(0, 12))
        ]  # fmt: skip
        admitted = choose(waiting, [], NODE)
        by_id = {execution.id: execution for execution in waiting}
        taken = [by_id[one.execution_id] for one in admitted]
        numbers = [number for one in admitted for number in one.gpus]
        assert sum(one.cores for one in taken) <= NODE.cores
        assert sum(one.memory_bytes for one in taken) <= NODE.memory_bytes
        assert len(numbers) == len(set(numbers)) == sum(one.gpus for one in taken)
