import hashlib
from collections import Counter

from evals.lmd.prompts import TASKS, lmd_prompts


def test_the_list_is_the_published_one():
    text = "\n".join(prompt.text for prompt in lmd_prompts())
    assert hashlib.sha256(text.encode()).hexdigest() == (
        "05333f912cfba8603f153d53593f8524172627f28baaae462ae05235058eec9b"
    )


def test_four_tasks_of_a_hundred_and_250_distinct_prompts():
    prompts = lmd_prompts()
    assert Counter(prompt.task for prompt in prompts) == dict.fromkeys(TASKS, 100)
    assert len({prompt.text for prompt in prompts}) == 250
    assert [prompt.number for prompt in prompts] == list(range(400))


def test_the_truth_says_what_the_text_says():
    for prompt in lmd_prompts():
        truth = prompt.truth
        if prompt.task == "negation":
            assert prompt.text.endswith(f"without {truth.absent[0]}s")
            assert not truth.objects
        for demanded in truth.objects:
            assert demanded.phrase in prompt.text
        for relation in truth.relations:
            side = relation.predicate.split()[-1]
            assert f"{relation.subject} on the {side}" in prompt.text
