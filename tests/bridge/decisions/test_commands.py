"""The grammar of comments: every flag, every refusal, every way of being left alone."""

import time
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bridge.decisions.commands import MOST_COMMANDS, parse_comment
from bridge.domain.commands import (
    AllowCommand,
    Command,
    Conversation,
    HelpCommand,
    LaterCommand,
    Misunderstood,
    PlanCommand,
    Prose,
    Selection,
    Word,
)
from bridge.domain.runs import RunOptions

NAMES = ("terrakube", "tk", "@bridge-bot")
SHA = "0123456789abcdef0123456789abcdef01234567"
ADDRESS = 'module.net["a"].aws_subnet.x[0]'


def commands(body: str) -> list[Command]:
    heard = parse_comment(body, NAMES)
    assert isinstance(heard, Conversation), heard
    return list(heard.commands)


def only(body: str) -> Command:
    (command,) = commands(body)
    return replace(command, line=1, text="")


def plan(*workspaces: str, folders: tuple[str, ...] = (), everything: bool = False) -> PlanCommand:
    return PlanCommand(
        line=1,
        text="",
        selection=Selection(workspaces=workspaces, folders=folders, everything=everything),
    )


def with_options(**options: object) -> PlanCommand:
    return replace(plan(), options=RunOptions(**options))  # type: ignore[arg-type]  # named by each case


PLANS = [
    ("terrakube plan", plan()),
    ("  terrakube   plan  ", plan()),
    ("Terrakube PLAN", plan()),
    ("TERRAKUBE Plan", plan()),
    ("tk plan", plan()),
    ("@bridge-bot plan", plan()),
    ("@Bridge-Bot plan", plan()),
    ("`terrakube plan`", plan()),
    ("` terrakube plan `", plan()),
    ("\n\nterrakube plan\n\n", plan()),
    ("terrakube plan\r\n", plan()),
    ("terrakube\u00a0plan", plan()),
    ("\u200bterrakube plan\ufeff", plan()),
    ("terrakube\tplan", plan()),
    ("> please plan\n\nterrakube plan", plan()),
    ("```\nlog\n```\nterrakube plan", plan()),
    ("terrakube plan\n\n    indented code", plan()),
    ("terrakube 'plan'", plan()),
    ("terrakube plan --all", plan(everything=True)),
    ("terrakube plan \u2014all", plan(everything=True)),
    ("terrakube plan --ALL", plan(everything=True)),
    ("terrakube plan -w acme/net", plan("acme/net")),
    ("terrakube plan -w net", plan("net")),
    ("terrakube plan -w=net", plan("net")),
    ("terrakube plan --workspace net", plan("net")),
    ("terrakube plan --workspace=net", plan("net")),
    ("terrakube plan --Workspace=Net", plan("Net")),
    ("terrakube plan -p net", plan("net")),
    ("terrakube plan --project=net", plan("net")),
    ("terrakube plan -w a -w b/c", plan("a", "b/c")),
    ("terrakube plan -w a -w a", plan("a")),
    ("terrakube plan -w 'acme/net-*'", plan("acme/net-*")),
    ("terrakube plan -w acme/{net,dns}", plan("acme/{net,dns}")),
    ("terrakube plan -w \u201cacme/net\u201d", plan("acme/net")),
    ("terrakube plan -w acme/v1.2_x-y", plan("acme/v1.2_x-y")),
    ("terrakube plan acme/net", plan("acme/net")),
    ("terrakube plan acme/net acme/dns", plan("acme/net", "acme/dns")),
    ("terrakube plan workspace=acme/net", plan("acme/net")),
    ("terrakube plan dir=network", plan(folders=("network",))),
    ("terrakube plan -d network", plan(folders=("network",))),
    ("terrakube plan --dir=network/deep/", plan(folders=("network/deep",))),
    ("terrakube plan -d ./network//deep", plan(folders=("network/deep",))),
    ("terrakube plan -d .", plan(folders=("",))),
    ("terrakube plan -d 'env/*'", plan(folders=("env/*",))),
    ("terrakube plan -d 'my folder'", plan(folders=("my folder",))),
    ("terrakube plan -d a -w b --all", plan("b", folders=("a",), everything=True)),
    ("terrakube plan --no-refresh", with_options(refresh=False)),
    ("terrakube plan --refresh-only", with_options(refresh_only=True)),
    ("terrakube plan --target aws_vpc.main", with_options(targets=("aws_vpc.main",))),
    (f"terrakube plan --target '{ADDRESS}'", with_options(targets=(ADDRESS,))),
    ("terrakube plan --replace=aws_vpc.main", with_options(replaces=("aws_vpc.main",))),
    ("terrakube plan --", plan()),
    ("terrakube plan -- -target=aws_vpc.main", with_options(targets=("aws_vpc.main",))),
    ("terrakube plan -- -target aws_vpc.main", with_options(targets=("aws_vpc.main",))),
    ("terrakube plan -- --target=aws_vpc.main", with_options(targets=("aws_vpc.main",))),
    (
        "terrakube plan -- -target=a.b -target=c.d -replace=e.f",
        with_options(targets=("a.b", "c.d"), replaces=("e.f",)),
    ),
    ("terrakube plan -- -refresh=false", with_options(refresh=False)),
    ("terrakube plan -- -refresh=true", plan()),
    ("terrakube plan -- -refresh", plan()),
    ("terrakube plan -- -refresh-only", with_options(refresh_only=True)),
    ("terrakube plan \u2014 -refresh-only", with_options(refresh_only=True)),
]


@pytest.mark.parametrize(("body", "expected"), PLANS)
def test_plans(body: str, expected: PlanCommand) -> None:
    assert only(body) == expected


OTHERS: list[tuple[str, Command]] = [
    (f"terrakube ok-to-plan {SHA}", AllowCommand(line=1, text="", sha=SHA)),
    (f"terrakube OK-TO-PLAN {SHA.upper()}", AllowCommand(line=1, text="", sha=SHA)),
    (f"terrakube ok_to_plan {SHA}", AllowCommand(line=1, text="", sha=SHA)),
    (f"terrakube ok\u2010to\u2010plan {SHA}", AllowCommand(line=1, text="", sha=SHA)),
    (f"terrakube ok-to-plan {'a' * 64}", AllowCommand(line=1, text="", sha="a" * 64)),
    *(
        (body, HelpCommand(line=1, text=""))
        for body in (
            "terrakube",
            "`terrakube`",
            "terrakube help",
            "terrakube HELP",
            "terrakube help plan",
            "terrakube -h",
            "terrakube --help",
            "terrakube \u2014help",
            "terrakube ?",
            "terrakube plan --help",
            "terrakube plan -h",
            "terrakube ok-to-plan --help",
            "terrakube apply --help",
            "@bridge-bot",
        )
    ),
    *(
        (f"terrakube {word.value} -w acme/net", LaterCommand(line=1, text="", word=word))
        for word in Word
        if word not in {Word.PLAN, Word.OK_TO_PLAN, Word.HELP}
    ),
]


@pytest.mark.parametrize(("body", "expected"), OTHERS)
def test_other_commands(body: str, expected: Command) -> None:
    assert only(body) == expected


PLAN_USAGE = (
    "terrakube plan [-w ORGANIZATION/WORKSPACE]... [-d FOLDER]... [--all] [--target ADDRESS]... "
    "[--replace ADDRESS]... [--refresh-only] [--no-refresh]"
)
ALLOW_USAGE = "terrakube ok-to-plan SHA"
NO_WORKSPACE = "is not a workspace, or organization/workspace"
SHORT = (
    "is a shortened commit id, which another commit can be made to fit; the full one has 40 "
    "characters"
)
REFUSED = [
    # Words.
    ("terrakube plna", "`plna` is no command; did you mean `terrakube plan`?", ""),
    ("tk plna", "`plna` is no command; did you mean `terrakube plan`?", ""),
    ("terrakube applyy -w x", "`applyy` is no command; did you mean `terrakube apply`?", ""),
    ("terrakube plan.", "`plan.` is no command; did you mean `terrakube plan`?", ""),
    ("terrakube plan`", "`` plan` `` is no command; did you mean `terrakube plan`?", ""),
    ("terrakube frobnicate", "`frobnicate` is no command; `terrakube help` lists them", ""),
    ("terrakube is great", "`is` is no command; `terrakube help` lists them", ""),
    ("terrakube `@everyone`", "`` `@everyone` `` is no command; `terrakube help` lists them", ""),
    ("terrakube -w net", "`-w` is no command; `terrakube help` lists them", ""),
    ("terraform plan", "did you mean `terrakube plan`?", ""),
    ("tofu apply -auto-approve", "did you mean `terrakube apply`?", ""),
    ("Terraform Plan", "did you mean `terrakube plan`?", ""),
    # Flags of plan.
    ("terrakube plan --al", "the flag `--al` is not known; did you mean `--all`?", PLAN_USAGE),
    ("terrakube plan -W net", "the flag `-W` is not known; did you mean `-w`?", PLAN_USAGE),
    ("terrakube plan --var-file=x", "the flag `--var-file` is not known", PLAN_USAGE),
    ("terrakube plan --all=yes", "`--all` takes no value", PLAN_USAGE),
    ("terrakube plan -w", "`-w` needs a value", PLAN_USAGE),
    ("terrakube plan -w --", "`-w` needs a value", PLAN_USAGE),
    ("terrakube plan --dir", "`--dir` needs a value", PLAN_USAGE),
    ("terrakube plan please", "`please` is left over", PLAN_USAGE),
    ("terrakube plan looks good to me", "`looks` is left over", PLAN_USAGE),
    ("terrakube plan ; rm -rf /", "`;` is left over", PLAN_USAGE),
    ("terrakube plan a/b/c", "`a/b/c` is left over", PLAN_USAGE),
    ("terrakube plan key=value", "the flag `--key` is not known", PLAN_USAGE),
    ("terrakube plan 'unclosed", "a quote in it is not closed", PLAN_USAGE),
    ("terrakube plan don't", "a quote in it is not closed", PLAN_USAGE),
    ("terrakube plan \\", "a quote in it is not closed", PLAN_USAGE),
    (f"terrakube plan {'-w a ' * 51}", "it has more than 50 flags", PLAN_USAGE),
    (f"terrakube plan {'x' * 2000}", "it is longer than 2000 characters", PLAN_USAGE),
    # Workspaces.
    ("terrakube plan -w ''", "`''` is empty", PLAN_USAGE),
    ("terrakube plan -w=", "`''` is empty", PLAN_USAGE),
    ("terrakube plan -w 'a b'", f"`a b` {NO_WORKSPACE}", PLAN_USAGE),
    ("terrakube plan -w a/b/c", f"`a/b/c` {NO_WORKSPACE}", PLAN_USAGE),
    ("terrakube plan -w a/", f"`a/` {NO_WORKSPACE}", PLAN_USAGE),
    ("terrakube plan -w /a", "`/a` begins with a slash", PLAN_USAGE),
    ("terrakube plan -w ../a", "`../a` goes up (..)", PLAN_USAGE),
    ("terrakube plan -w a..b", f"`a..b` {NO_WORKSPACE}", PLAN_USAGE),
    ("terrakube plan -w '$HOME'", f"`$HOME` {NO_WORKSPACE}", PLAN_USAGE),
    ("terrakube plan -w '$(id)'", f"`$(id)` {NO_WORKSPACE}", PLAN_USAGE),
    ("terrakube plan -w '`id`'", f"`` `id` `` {NO_WORKSPACE}", PLAN_USAGE),
    ("terrakube plan -w ~root", f"`~root` {NO_WORKSPACE}", PLAN_USAGE),
    ("terrakube plan -w -net", f"`-net` {NO_WORKSPACE}", PLAN_USAGE),
    ("terrakube plan -w '!net'", f"`!net` {NO_WORKSPACE}", PLAN_USAGE),
    (
        "terrakube plan -w 'a\\b'",
        "`a\\b` holds a backslash; nothing needs one here",
        PLAN_USAGE,
    ),
    ("terrakube plan -w 'net['", "`net[` has a bracket that is not closed", PLAN_USAGE),
    ("terrakube plan -w a\x07b", "`a b` holds a control character", PLAN_USAGE),
    # Folders.
    (
        "terrakube plan -d /etc",
        "`/etc` is absolute; folders are relative to the repository, its root is `.`",
        PLAN_USAGE,
    ),
    (
        "terrakube plan -d ~/x",
        "`~/x` is absolute; folders are relative to the repository, its root is `.`",
        PLAN_USAGE,
    ),
    ("terrakube plan -d ..", "`..` leaves the repository", PLAN_USAGE),
    ("terrakube plan -d a/../../b", "`a/../../b` leaves the repository", PLAN_USAGE),
    ("terrakube plan -d '{a,..}/b'", "`{a,..}/b` goes up (..)", PLAN_USAGE),
    ("terrakube plan -d 'a['", "`a[` has a bracket that is not closed", PLAN_USAGE),
    ("terrakube plan -d ''", "`''` is no folder", PLAN_USAGE),
    ("terrakube plan -d '!a'", "`!a` is no folder", PLAN_USAGE),
    ("terrakube plan -d -x", "`-x` is no folder", PLAN_USAGE),
    # Addresses.
    ("terrakube plan --target", "`--target` needs a value", PLAN_USAGE),
    ("terrakube plan --target main", "`main` is no resource address", PLAN_USAGE),
    ("terrakube plan --target 'a.b;id'", "`a.b;id` is no resource address", PLAN_USAGE),
    ("terrakube plan --target -chdir=x", "`-chdir=x` is no resource address", PLAN_USAGE),
    (
        'terrakube plan --target a.b["x"]',
        "`a.b[x]` is no resource address; put it into single quotes, or its own quotes are lost",
        PLAN_USAGE,
    ),
    # Behind --.
    (
        "terrakube plan -- -chdir=/etc",
        "the option `-chdir` is not allowed behind `--`",
        PLAN_USAGE,
    ),
    (
        "terrakube plan -- -var-file=/etc/passwd",
        "the option `-var-file` is not allowed behind `--`",
        PLAN_USAGE,
    ),
    (
        "terrakube plan -- -plugin-dir x",
        "the option `-plugin-dir` is not allowed behind `--`",
        PLAN_USAGE,
    ),
    (
        "terrakube plan -- -targets=a.b",
        "the option `-targets` is not allowed behind `--`; did you mean `-target`?",
        PLAN_USAGE,
    ),
    ("terrakube plan -- -destroy", "`-destroy` is not available yet", PLAN_USAGE),
    (
        "terrakube plan -- -refresh=maybe",
        "the option `-refresh` is not allowed behind `--`; did you mean `-refresh`?",
        PLAN_USAGE,
    ),
    ("terrakube plan -- -target", "`-target` needs a value", PLAN_USAGE),
    ("terrakube plan -- rm", "the option `rm` is not allowed behind `--`", PLAN_USAGE),
    # ok-to-plan.
    ("terrakube ok-to-plan", "it takes exactly one commit id", ALLOW_USAGE),
    (f"terrakube ok-to-plan {SHA} {SHA}", "it takes exactly one commit id", ALLOW_USAGE),
    ("terrakube ok-to-plan HEAD", "`HEAD` is no commit id", ALLOW_USAGE),
    (f"terrakube ok-to-plan {SHA[:7]}", f"`{SHA[:7]}` {SHORT}", ALLOW_USAGE),
    (f"terrakube ok-to-plan {SHA[:39]}", f"`{SHA[:39]}` {SHORT}", ALLOW_USAGE),
    (f"terrakube ok-to-plan {SHA}0", f"`{SHA}0` {SHORT}", ALLOW_USAGE),
    ("terrakube ok-to-plan ''", f"`''` {SHORT}", ALLOW_USAGE),
]


@pytest.mark.parametrize(("body", "problem", "usage"), REFUSED)
def test_what_is_not_understood_is_named(body: str, problem: str, usage: str) -> None:
    assert only(body) == Misunderstood(line=1, text="", problem=problem, usage=usage)


PROSE = [
    "",
    "   ",
    "\r\n\r\n",
    "looks good to me",
    "please say terrakube plan",
    "terrakubes plan",
    "my-terrakube plan",
    "terrakube: plan",
    "terrakube, plan",
    "- terrakube plan",
    "* terrakube plan",
    "1. terrakube plan",
    "# terrakube plan",
    "**terrakube plan**",
    "$ terrakube plan",
    "/terrakube plan",
    "@someone terrakube plan",
    "@terrakube plan",
    "terrakube plan\nthanks!",
    "thanks!\nterrakube plan",
    "terrakube plan\n\nthanks!",
    "terrakube plan\n-- \nAlice",
    "terrakube plan\n    and this",
    "> terrakube plan",
    ">terrakube plan",
    "> look:\nterrakube plan",
    "   > terrakube plan",
    "```\nterrakube plan\n```",
    "```sh\nterrakube plan\n```",
    "~~~\nterrakube plan\n~~~",
    "```\nterrakube plan",
    "````\n```\nterrakube plan\n```\n````",
    "    terrakube plan",
    "\tterrakube plan",
    "<!-- terrakube plan -->",
    "<!--\nterrakube plan\n-->",
    "<details>\n\nterrakube plan\n\n</details>",
    "| terrakube plan |",
    "terraform plan shows three changes",
    "terraform plan\nterrakube plan",
    "tofu is nice",
    "terraform",
    "terrakube\u2028plan",
    "\uff54errakube plan",
    "terra\u00adkube-plan",
    "''",
    "`",
    "``",
    "`` ``",
]


@pytest.mark.parametrize("body", PROSE)
def test_prose_is_left_alone(body: str) -> None:
    assert isinstance(parse_comment(body, NAMES), Prose)


def test_the_reason_for_leaving_a_comment_alone_is_told() -> None:
    assert parse_comment("> x", NAMES).reason == (  # type: ignore[union-attr]  # it is prose
        "the comment is empty, a quote or a code block"
    )
    assert parse_comment("hello", NAMES) == Prose(reason="the comment is no command")
    assert parse_comment("terrakube plan\n\nthanks", NAMES) == Prose(
        reason="line 3 of the comment is no command, so none is"
    )


def test_each_line_is_a_command_of_its_own() -> None:
    body = "terrakube plan -w a\n\n`tk plan -w b`\nterrakube plna\n@bridge-bot help"
    assert [(one.line, one.text, type(one)) for one in commands(body)] == [
        (1, "terrakube plan -w a", PlanCommand),
        (3, "`tk plan -w b`", PlanCommand),
        (4, "terrakube plna", Misunderstood),
        (5, "@bridge-bot help", HelpCommand),
    ]


def test_very_many_commands_are_refused_together() -> None:
    body = "\n".join(["terrakube plan"] * (MOST_COMMANDS + 1))
    assert only(body) == Misunderstood(
        line=1, text="", problem="11 commands in one comment; 10 are the most"
    )
    assert len(commands("\n".join(["terrakube plan"] * MOST_COMMANDS))) == MOST_COMMANDS


def test_a_configured_tools_name_is_a_command() -> None:
    heard = parse_comment("terraform plan", ("terraform",))
    assert heard == Conversation(commands=(PlanCommand(line=1, text="terraform plan"),))


FRAGMENTS = st.sampled_from(
    [
        "terrakube",
        "plan",
        "apply",
        "ok-to-plan",
        "-w",
        "--all",
        "--",
        "-target=a.b",
        "acme/net",
        "`",
        "```",
        "~~~",
        ">",
        "'",
        '"',
        "\\",
        "\n",
        "\r\n",
        "    ",
        "\t",
        "\u2028",
        "\u2014",
        "\u201c",
        "\u200b",
        " ",
        SHA,
        "word",
    ]
)
BODIES = st.one_of(st.text(max_size=200), st.lists(FRAGMENTS, max_size=20).map("".join))


@pytest.mark.parametrize(
    "body",
    [
        "terrakube plan" + " -w {*a,*b}{*a,*b}{*a,*b}{*a,*b}{*a,*b}{*a,*b}{*a,*b}" * 30,
        "terrakube plan" + " -d {a,b}{c,d}{e,f}" * 100,
        "terrakube plan -w {1..17}",
    ],
)
def test_a_line_makes_the_bridge_spell_out_few_alternatives(body: str) -> None:
    """Anybody may comment, and 20 kB of braces once took a minute to read."""
    started = time.process_time()
    heard = parse_comment("\n".join([body] * 10), NAMES)
    assert time.process_time() - started < 5
    assert isinstance(heard, Conversation)
    assert {type(one) for one in heard.commands} == {Misunderstood}


@pytest.mark.parametrize(
    "filler", ["\n", "word and word\n", "terrakube plan\n", "\u2014 ", "> x\n"]
)
def test_a_comment_no_person_writes_is_not_read(filler: str) -> None:
    """Some forges take comments of 30 MB from anybody."""
    body = filler * (30_000_000 // len(filler))
    started = time.process_time()
    assert isinstance(parse_comment(body, NAMES), Prose)
    assert time.process_time() - started < 0.5


@given(BODIES)
@example("terrakube plan '")
@example("```\x00")
@example("terrakube \ud800")
def test_reading_a_comment_never_raises(body: str) -> None:
    heard = parse_comment(body, NAMES)
    assert isinstance(heard, Prose) or heard.commands


@given(BODIES)
def test_what_is_quoted_or_fenced_never_runs(body: str) -> None:
    quoted = "\n".join(f"> {line}" for line in body.replace("\r", "\n").split("\n"))
    longest = max((len(run) for run in body.replace("`", " `").split()), default=0)
    fence = "~" * (longest + 3 + body.count("~"))
    for hidden in (quoted, f"{fence}\n{body}\n{fence}"):
        assert isinstance(parse_comment(hidden, NAMES), Prose), hidden


WORDS = st.text(
    alphabet=st.characters(categories=["L", "N", "Po"], exclude_characters="`'\"\\"), min_size=1
)


@given(st.lists(WORDS, min_size=1, max_size=8), st.sampled_from(["before", "after"]))
def test_prose_beside_a_command_keeps_it_from_running(words: list[str], where: str) -> None:
    prose = "so " + " ".join(words)
    lines = [prose, "terrakube plan"] if where == "before" else ["terrakube plan", prose]
    assert isinstance(parse_comment("\n".join(lines), NAMES), Prose)


@given(WORDS)
def test_words_after_plan_are_never_taken_for_less(word: str) -> None:
    """A plan of everything must not come of a sentence that begins like the command."""
    heard = parse_comment(f"terrakube plan {word}", NAMES)
    if isinstance(heard, Conversation):
        (command,) = heard.commands
        assert not isinstance(command, PlanCommand) or command.selection.names_something
