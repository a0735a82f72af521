"""A reading of a scene in short, for tables.

Objects ("1" is one by an article, "1!" exactly one, "2+" at least, "3-" at most; "every"; "-red" lacks red);
relations; "no" absent things; "@" background; "?" what nothing checks; "(...)" notes.
"""

from __future__ import annotations

from tools.scene.spec import Relation, SceneObject, SceneSpec


def number(one: SceneObject) -> str:
    mark = {"exactly": "!" if one.count == 1 else "", "a": "", "at least": "+", "at most": "-"}[one.bound]
    return f"{'every ' if one.every else ''}{one.count}{mark}"


def relation(one: Relation) -> str:
    times = f" x{one.count}" if one.count else ""
    return f"{one.subject} {one.predicate} {one.object}".strip() + times + (f" *{one.factor:g}" if one.factor else "")


def short(spec: SceneSpec) -> str:
    parts = [", ".join(f"{number(one)} {one.phrase}" for one in spec.objects)]
    parts += [relation(one) for one in spec.relations]
    parts += [f"no {one}" for one in spec.absent]
    parts += [f"@ {spec.background}"] if spec.background else []
    parts += [f"? {one}" for one in spec.unchecked]
    parts += [f"({one})" for one in spec.notes]
    return "; ".join(filter(None, parts))
