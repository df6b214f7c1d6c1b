"""The filter language."""

import pytest

from bridge.sandbox.terrakube.rsql import Any, Comparison, Every, Node, RsqlError, named_ids, parse


def same(value: str) -> Comparison:
    return Comparison("a", "==", (value,))


TREES: dict[str, Node] = {
    "a==1": same("1"),
    "a=='b c'": same("b c"),
    'a=="b\'c"': same("b'c"),
    r"a=='it\'s \\ fine'": same(r"it's \ fine"),
    "a==x:y-z_1.2*": same("x:y-z_1.2*"),
    "a==1;a==2": Every((same("1"), same("2"))),
    "a==1 and a==2": Every((same("1"), same("2"))),
    "a==1,a==2;a==3": Any((same("1"), Every((same("2"), same("3"))))),
    "(a==1 or a==2);a==3": Every((Any((same("1"), same("2"))), same("3"))),
    "b.c=in=(1,'2 3')": Comparison("b.c", "=in=", ("1", "2 3")),
    "a=isnull=true": Comparison("a", "=isnull=", ("true",)),
    "a>=3": Comparison("a", ">=", ("3",)),
    "a!=''": Comparison("a", "!=", ("",)),
}


@pytest.mark.parametrize(("text", "tree"), TREES.items())
def test_an_expression_becomes_a_tree(text: str, tree: Node) -> None:
    assert parse(text) == tree


@pytest.mark.parametrize(
    "text",
    ["", "a", "a==", "a==b c", "(a==1", "a==1)", "a=in=(1", "a=like=b", "a=='b", ";", "a==1;"],
)
def test_what_is_no_expression_is_refused(text: str) -> None:
    with pytest.raises(RsqlError):
        parse(text)


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("id==1", {"1"}),
        ("id=in=(1,2)", {"1", "2"}),
        ("id=in=(1,2);id=in=(2,3);via==UI", {"2"}),
        ("id==1,id==2", {"1", "2"}),
        ("id==1,via==UI", None),
        ("id=gt=1", None),
    ],
)
def test_the_ids_that_an_expression_names_are_found(text: str, ids: set[str] | None) -> None:
    assert named_ids(parse(text)) == ids
