"""What people are told about what they wrote."""

from bridge.decisions.replies import explain_misunderstood, not_available
from bridge.decisions.verbs import usage
from bridge.domain.commands import Misunderstood, PlanCommand, Word

PLAN = PlanCommand(line=1, text="terrakube plan")
TYPO = Misunderstood(
    line=2, text="terrakube plna", problem="`plna` is no command; did you mean `terrakube plan`?"
)
LEFT_OVER = Misunderstood(
    line=3,
    text="terrakube plan @all `x`",
    problem="`@all` is left over",
    usage="terrakube plan [-w X]",
)


def test_what_was_understood_needs_no_explanation() -> None:
    assert not explain_misunderstood([PLAN])


def test_each_line_that_was_not_is_shown_inert_with_usage() -> None:
    assert explain_misunderstood([TYPO, LEFT_OVER]) == (
        "`terrakube plna`: `plna` is no command; did you mean `terrakube plan`?\n\n"
        "`` terrakube plan @all `x` ``: `@all` is left over. Usage: `terrakube plan [-w X]`"
    )


def test_one_line_that_was_not_keeps_the_others_from_running() -> None:
    assert explain_misunderstood([PLAN, TYPO]).endswith(
        "\n\nNothing was started, as not every line was understood."
    )


def test_a_command_that_is_not_there_yet_is_answered() -> None:
    assert not_available(Word.APPLY, [Word.PLAN, Word.HELP], "tk") == (
        "`tk apply` is not available yet. There is: `tk plan`, `tk help`."
    )


def test_every_command_there_is_is_named() -> None:
    assert not_available(Word.LOCK, list(Word), "tk").count("`tk ") == len(Word) + 1


def test_the_usage_is_shown_whole() -> None:
    long = f"terrakube {usage(Word.PLAN)}"
    wrong = Misunderstood(line=1, text="terrakube plan -w", problem="`-w` needs", usage=long)
    assert explain_misunderstood([wrong]).endswith(f" Usage: `{long}`")
