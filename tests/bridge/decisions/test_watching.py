"""Which statuses are sent again, and which are left alone."""

import pytest

from bridge.decisions.watching import decide_resends
from bridge.domain.posts import Resend, StatusPost
from bridge.domain.vcs import CommitStatus, StatusState

PLAN = StatusPost(key="k", context="terrakube/plan", content=None, revision=7)
FIXED = StatusPost(key="k", context="terrakube/plan", content="pending Say it again", revision=7)
AGAIN = Resend(key="k", revision=7)
GIVEN_UP = Resend(
    key="k",
    revision=7,
    content="error Nothing is under way any more: say tk plan to plan it again.",
)


def status(state: str, text: str = "1 planned", context: str = "terrakube/plan") -> CommitStatus:
    return CommitStatus(context=context, state=StatusState(state), description=text)


@pytest.mark.parametrize(
    ("post", "wanted", "remote", "is_open", "expected"),
    [
        pytest.param(PLAN, status("success"), [status("success")], False, (), id="alike"),
        pytest.param(PLAN, status("success"), [], False, (AGAIN,), id="lost"),
        pytest.param(PLAN, status("success"), [status("pending")], False, (AGAIN,), id="stuck"),
        pytest.param(
            PLAN, status("success"), [status("success", "by hand")], False, (AGAIN,), id="reworded"
        ),
        pytest.param(
            PLAN,
            status("success"),
            [status("success", context="ci")],
            False,
            (AGAIN,),
            id="other's",
        ),
        pytest.param(
            PLAN,
            status("success"),
            [status("success", "1  planned ", context="Terrakube/Plan")],
            False,
            (),
            id="spelt in the forge's way",
        ),
        pytest.param(
            PLAN,
            status("error", "x" * 140),
            [status("error", "x" * 120)],
            False,
            (),
            id="shortened",
        ),
        pytest.param(
            PLAN, status("pending"), [status("pending")], True, (), id="something is under way"
        ),
        pytest.param(
            PLAN, status("pending"), [status("pending")], False, (GIVEN_UP,), id="nothing is"
        ),
        pytest.param(PLAN, status("pending"), [], False, (GIVEN_UP,), id="nothing is, and lost"),
        pytest.param(
            PLAN,
            status("pending"),
            [status("success")],
            False,
            (),
            id="its runs were deleted long ago",
        ),
        pytest.param(
            FIXED,
            status("pending", "Say it again"),
            [status("pending", "Say it again")],
            False,
            (),
            id="it waits for a person",
        ),
        pytest.param(
            FIXED,
            status("pending", "Say it again"),
            [],
            False,
            (AGAIN,),
            id="what is fixed is lost",
        ),
    ],
)
def test_what_differs_is_sent_again(
    post: StatusPost,
    wanted: CommitStatus,
    remote: list[CommitStatus],
    is_open: bool,  # noqa: FBT001 - a column of the table
    expected: tuple[Resend, ...],
) -> None:
    found = decide_resends([post], {"k": wanted}, remote, is_open=is_open, command="tk")
    assert found == expected


def test_names_that_forges_shorten_cannot_be_compared() -> None:
    long = StatusPost(key="k", context=f"terrakube/plan: {'x' * 200}", content=None, revision=1)
    wanted = {"k": status("success", context=long.context)}
    assert decide_resends([long], wanted, [], is_open=False, command="tk") == ()


def test_a_status_there_is_nothing_to_say_under_is_left_alone() -> None:
    assert decide_resends([PLAN], {}, [], is_open=False, command="tk") == ()
