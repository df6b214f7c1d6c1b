"""What reviews and required statuses come to, as tables."""

from dataclasses import dataclass

import pytest

from bridge.domain.vcs import CommitStatus, Reviews, StatusState
from bridge.forges.judging import Contexts, Opinion, ReviewRule, is_meant, judge, rule_problem

HEAD, OLD = "a" * 40, "b" * 40
ONE, TWO, NONE = ReviewRule(required=1), ReviewRule(required=2), ReviewRule()


def yes(login: str, sha: str = HEAD, *, may_write: bool = True) -> Opinion:
    return Opinion(login=login, approves=True, sha=sha, may_write=may_write)


def no(login: str, *, may_write: bool = True) -> Opinion:
    return Opinion(login=login, approves=False, sha=OLD, may_write=may_write)


@dataclass(frozen=True)
class Row:
    """Opinions, the rule, and what they come to: who counts, who rejects, what is in the way."""

    name: str
    opinions: tuple[Opinion, ...]
    rule: ReviewRule
    by: tuple[str, ...] = ()
    against: tuple[str, ...] = ()
    problem: str = ""


NOBODY = "Nobody approved it yet."
AUTHOR = "Only its author approved it."
READER = "Nobody who approved it may write here."
STALE = "An earlier commit was approved, not the head as it is now."
MORE = "The rules of the base branch ask for more approvals."
CHANGES = "Somebody who may write here asks for changes."
LENIENT = ReviewRule(required=1, old_count=True, rejections_block=False)
ROWS = (
    Row("nobody", (), NONE, problem=NOBODY),
    Row("nobody, one asked for", (), ONE, problem=MORE),
    Row("one", (yes("bob"),), NONE, by=("bob",)),
    Row("one of one", (yes("bob"),), ONE, by=("bob",)),
    Row("one of two", (yes("bob"),), TWO, by=("bob",), problem=MORE),
    Row("two of two", (yes("carol"), yes("bob")), TWO, by=("bob", "carol")),
    Row("the author", (yes("Alice"),), NONE, problem=AUTHOR),
    Row("the author and one", (yes("alice"), yes("bob")), NONE, by=("bob",)),
    Row("the author and one of two", (yes("alice"), yes("bob")), TWO, by=("bob",), problem=MORE),
    Row("a reader", (yes("bob", may_write=False),), NONE, problem=READER),
    Row("an earlier head", (yes("bob", OLD),), NONE, problem=STALE),
    Row("a commit that is gone", (yes("bob", ""),), NONE, problem=STALE),
    Row("an earlier head that does not count", (yes("bob", OLD),), ONE, problem=MORE),
    Row("an earlier head that counts", (yes("bob", OLD),), LENIENT, by=("bob",), problem=STALE),
    Row(
        "an earlier head and the present one",
        (yes("bob", OLD), yes("carol")),
        ReviewRule(required=2, old_count=True),
        by=("bob", "carol"),
    ),
    Row(
        "an earlier head that does not count, and the present one",
        (yes("bob", OLD), yes("carol")),
        TWO,
        by=("carol",),
        problem=MORE,
    ),
    Row("changes", (no("bob"),), NONE, against=("bob",), problem=CHANGES),
    Row(
        "changes beside an approval",
        (no("bob"), yes("carol")),
        ONE,
        by=("carol",),
        against=("bob",),
        problem=CHANGES,
    ),
    Row(
        "changes that do not block",
        (no("bob"), yes("carol")),
        LENIENT,
        by=("carol",),
        against=("bob",),
    ),
    Row(
        "a reader asks for changes", (no("bob", may_write=False), yes("carol")), ONE, by=("carol",)
    ),
    Row("the author asks for changes", (no("alice"), yes("carol")), ONE, by=("carol",)),
    Row(
        "the forge misses something",
        (yes("bob"),),
        ReviewRule(required=1, complaint="A code owner is missing."),
        by=("bob",),
        problem="A code owner is missing.",
    ),
)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_reviews(row: Row) -> None:
    assert judge(row.opinions, row.rule, author="alice", head_sha=HEAD) == Reviews(
        approved=not row.problem,
        approved_by=row.by,
        rejected_by=row.against,
        required=row.rule.required,
        problem=row.problem,
    )


def test_no_rule_is_content_with_anything_but_a_rejection() -> None:
    for opinions, problem in (((), ""), ((yes("bob", OLD),), ""), ((no("bob"),), CHANGES)):
        assert rule_problem(opinions, NONE, author="alice", head_sha=HEAD) == problem


def status(context: str, state: StatusState = StatusState.SUCCESS) -> CommitStatus:
    return CommitStatus(context=context, state=state, description="")


OWN = ("terrakube/*",)
PENDING = status("ci", StatusState.PENDING)
APPLY = status("terrakube/apply", StatusState.PENDING)
EXACT, GLOBS, FOLDED = Contexts(), Contexts(matches=is_meant), Contexts(key=str.lower)


@pytest.mark.parametrize(
    ("contexts", "required", "present", "said"),
    [
        (EXACT, (), (), []),
        (EXACT, ("ci",), (status("ci"),), []),
        (EXACT, ("ci", "ci"), (), ["The required status `ci` was not reported."]),
        (EXACT, ("ci",), (PENDING,), ["The required status `ci` is pending."]),
        (EXACT, ("ci",), (status("CI"),), ["The required status `ci` was not reported."]),
        (FOLDED, ("ci",), (status("CI"),), []),
        (EXACT, ("terrakube/apply",), (APPLY,), []),
        (EXACT, ("terrakube/apply",), (), []),
        (
            EXACT,
            ("Terrakube/apply",),
            (),
            ["The required status `Terrakube/apply` was not reported."],
        ),
        (FOLDED, ("Terrakube/apply",), (), []),
        (EXACT, ("terrakube",), (), ["The required status `terrakube` was not reported."]),
        (
            EXACT,
            ("terrakube-x/apply",),
            (),
            ["The required status `terrakube-x/apply` was not reported."],
        ),
        (GLOBS, ("terrakube/*",), (APPLY,), []),
        (GLOBS, ("*",), (APPLY,), []),
        (GLOBS, ("*",), (APPLY, PENDING), ["The required status `ci` is pending."]),
        (GLOBS, ("c*", "ci"), (status("c/1"), PENDING), ["The required status `ci` is pending."]),
        (
            GLOBS,
            ("ci/*",),
            (status("ci/1", StatusState.ERROR), status("ci/2", StatusState.FAILURE)),
            ["The required status `ci/1` is error.", "The required status `ci/2` is failure."],
        ),
        (EXACT, ("a`b\n@x",), (), ["The required status ``a`b @x`` was not reported."]),
    ],
)
def test_required_statuses(
    contexts: Contexts,
    required: tuple[str, ...],
    present: tuple[CommitStatus, ...],
    said: list[str],
) -> None:
    assert contexts.unmet(required, present, OWN) == said


def test_what_is_left_out_may_be_named_exactly() -> None:
    assert EXACT.unmet(("ci", "ci/x", "c"), (), ("ci",)) == [
        "The required status `ci/x` was not reported.",
        "The required status `c` was not reported.",
    ]


@pytest.mark.parametrize(
    ("pattern", "context", "meant"),
    [
        ("ci", "ci", True),
        ("ci", "ci/x", False),
        ("ci*", "ci/x", True),
        ("**/x", "ci/y/x", True),
        ("c?", "ci", True),
        ("c?", "c", False),
        ("c[a-i]", "ci", True),
        ("c[!a-i]", "ci", False),
        ("c[!a-i]", "cx", True),
        ("{ci,cd}/*", "cd/x", True),
        ("{ci,cd}/*", "ce/x", False),
        ("{c,d}{i,o}", "do", True),
        ("a.b", "axb", False),
        ("(a|b)", "a", False),
        ("[z-a]", "b", False),
        ("[]", "b", False),
        ("c[\\]", "c\\", True),
    ],
)
def test_patterns(pattern: str, context: str, meant: bool) -> None:  # noqa: FBT001 - a table's column
    assert is_meant(pattern, context) is meant
