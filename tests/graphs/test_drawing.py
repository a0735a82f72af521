"""The drawing of the graph: a change of its shape is a decision, so it is written down here."""

from graphs.correction import build_graph

EDGES = """
__start__ --> begin;
act -.-> approve;
act -.-> edit;
act -.-> finish;
act -.-> refine;
act -.-> think;
approve -.-> edit;
approve -.-> think;
begin -.-> parse;
begin -.-> survey;
edit -.-> finish;
edit -.-> judge;
edit -.-> refine;
edit -.-> think;
finish --> __end__;
generate --> judge;
judge -.-> finish;
judge -.-> generate;
judge -.-> refine;
judge -.-> think;
parse -.-> finish;
parse -.-> generate;
parse -.-> judge;
parse -.-> parse;
refine --> judge;
survey --> parse;
think -.-> act;
think -.-> finish;
think -.-> refine;
think -.-> think;
"""


def test_drawing() -> None:
    drawing = build_graph().get_graph().draw_mermaid()
    edges = sorted(line.strip() for line in drawing.splitlines() if "-->" in line or "-.->" in line)
    assert edges == EDGES.split("\n")[1:-1]
