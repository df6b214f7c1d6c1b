"""Linking through the router: the code in the chat, the answer in the pull request, the end."""

import re
from datetime import timedelta

import pytest

from bridge.decisions.linking import hash_of_code
from bridge.domain.access import AccessRule, Principal, PrincipalKind
from bridge.domain.chat import LinkOffer
from bridge.domain.commands import LinkCommand, UnlinkCommand, WhoamiCommand, Word
from bridge.domain.errors import TemporaryRemoteError
from bridge.domain.posts import ChatTarget, PostKind, PostTarget, PostUpsert
from bridge.domain.redaction import Redactor
from bridge.domain.rules import Policy
from bridge.domain.vcs import Permission
from bridge.domain.work import AuditEntry, LinkUse, Unlink, Work
from tests.fakes.chats import ADA, GRACE, TEAM, an_identity
from tests.handlers.chat.rooms import HOOK, PULL_REQUEST, Room, told

LINK = LinkCommand(line=1, text="link")
UNLINK = UnlinkCommand(line=1, text="unlink")


@pytest.fixture
def room() -> Room:
    room = Room()
    room.open()
    return room


def saying(code: str, line: int = 1) -> LinkCommand:
    return LinkCommand(line=line, text=f"terrakube link {code}", code=code)


async def a_code(room: Room, by: object = ADA) -> str:
    _, work = await room.tell(LINK, by=by)  # type: ignore[arg-type] # one of two people
    (text,) = told(work, PostKind.CHAT_WHISPER)
    (code,) = re.findall(r"^terrakube link (\S+)$", text, re.MULTILINE)
    return str(code)


@pytest.mark.parametrize("mention", [False, True])
async def test_a_code_is_told_to_one_person_alone_and_stored_nowhere(
    room: Room, *, mention: bool
) -> None:
    answer, work = await room.tell(LINK, mention=mention)
    (post,) = work.posts
    assert answer == ""
    assert post.kind is PostKind.CHAT_WHISPER
    assert post.target == ChatTarget(
        team=TEAM,
        channel="C1",
        slot="slack:T1:1.2",
        user="U1",
        response_url="" if mention else HOOK,
        expires_at=int((room.clock.now() + timedelta(minutes=10)).timestamp() * 1000),
    )
    (code,) = re.findall(r"terrakube link (\S+)", post.content or "")
    assert re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{5}-[0-9A-HJKMNP-TV-Z]{5}", code)
    assert work.offers == [
        LinkOffer(
            code_hash=hash_of_code(code, b"key"),
            team=TEAM,
            team_name="Acme",
            user="U1",
            name="Ada Lovelace",
            expires_at=room.clock.now() + timedelta(minutes=10),
        )
    ]
    assert work.audits == [
        AuditEntry(
            actor="Ada Lovelace (slack:U1)",
            action="account.offered",
            door="slack",
            subject="slack:T1:U1",
            result="done",
        )
    ]
    assert code not in repr([work.offers, work.audits])
    assert "paste it nowhere else" in (post.content or "")


async def test_each_code_is_another_one_and_no_secret_the_redactor_takes_away(room: Room) -> None:
    codes = {await a_code(room) for _ in range(20)}
    assert len(codes) == 20
    work = Work()
    _, work = await room.tell(LINK)
    before = told(work, PostKind.CHAT_WHISPER)
    work.redact(Redactor(secrets=[]).redact_known)
    assert told(work, PostKind.CHAT_WHISPER) == before


async def test_whoever_says_the_code_is_linked_and_reads_to_whom(room: Room) -> None:
    code = await a_code(room)
    answers, work = await room.ask(saying(code.lower().replace("-", "")))
    (used,) = work.links_used
    assert used == LinkUse(code_hash=hash_of_code(code, b"key"), identity=an_identity())
    assert work.audits == [
        AuditEntry(
            actor="alice",
            action="account.linked",
            door="comment",
            subject=PULL_REQUEST.key,
            result="done",
            detail="alice on code is Ada Lovelace (U1 of T1) in Slack",
        )
    ]
    (post,) = work.posts
    assert post == PostUpsert(
        kind=PostKind.REPLY,
        target=PostTarget(
            repository=PULL_REQUEST.repository, number=1, content="linked:comment:code:7:100:1"
        ),
        report=PULL_REQUEST.key,
        content=post.content,
    )
    assert answers == [""]
    said = post.content or ""
    for part in ("`alice`", "`Ada Lovelace` (`U1`)", "`Acme` (`T1`)", "`terrakube unlink`"):
        assert part in said


@pytest.mark.parametrize(
    ("permission", "says"),
    [
        (Permission.READ, "you have read permission"),
        (Permission.NONE, "you have none"),
        (None, "the forge did not say whether you may write"),
    ],
)
async def test_an_account_that_may_not_write_is_nobody_in_the_chat(
    room: Room, permission: Permission | None, says: str
) -> None:
    """A second account that anybody can make would make one person two: see four eyes."""
    code = await a_code(room)
    (answer,), work = await room.ask(saying(code), login="eve", permission=permission)
    assert says in answer
    assert (work.links_used, work.posts) == ([], [])
    assert [(one.action, one.result) for one in work.audits] == [("account.linked", "refused")]
    _, work = await room.ask(saying(code))
    assert [one.identity.login for one in work.links_used] == ["alice"], "it is not used up"


async def test_codes_of_those_who_may_not_write_keep_nobody_else_from_linking(room: Room) -> None:
    wrong = [saying(f"AAAAA-AAAA{sign}", line) for line, sign in enumerate("ABCDE")]
    await room.ask(*wrong, login="eve", permission=Permission.NONE)
    _, work = await room.ask(saying(await a_code(room)))
    assert len(work.links_used) == 1


async def test_a_code_works_once(room: Room) -> None:
    code = await a_code(room)
    await room.ask(saying(code))
    (answer,), work = await room.ask(saying(code), login="mallory")
    assert (work.links_used, work.posts) == ([], [])
    assert answer.startswith("Nothing was linked: this code was used already.")
    assert [one.result for one in work.audits] == ["refused"]


async def test_a_code_said_twice_in_one_comment_links_once(room: Room) -> None:
    code = await a_code(room)
    answers, work = await room.ask(saying(code), saying(code, line=2))
    assert (answers, len(work.links_used), len(work.posts)) == (["", ""], 1, 1)


async def test_a_code_lives_ten_minutes(room: Room) -> None:
    early, late = await a_code(room), await a_code(room, GRACE)
    room.clock.advance(599)
    _, work = await room.ask(saying(early))
    assert len(work.links_used) == 1
    room.clock.advance(1)
    (answer,), work = await room.ask(saying(late))
    assert answer.startswith("Nothing was linked: a code lives 10 minutes.")
    assert work.links_used == []


async def test_after_five_wrong_codes_even_the_right_one_is_refused(room: Room) -> None:
    code = await a_code(room)
    _, work = await room.ask(*(saying(f"AAAAA-AAAA{sign}") for sign in "ABC"))
    assert [(one.result, one.detail) for one in work.audits] == [("wrong code", "")] * 3
    answers, work = await room.ask(saying("nonsense"), saying("AAAAA-AAAAD"), saying(code))
    assert answers[2].startswith("Nothing was linked: there were 5 wrong codes within an hour")
    assert work.links_used == []
    (answer,), work = await room.ask(saying(code), login="bob")
    assert answer.startswith("Nothing was linked: there were 5 wrong codes")
    assert [one.result for one in work.audits] == ["refused"]


async def test_another_account_takes_the_place_of_the_one_before(room: Room) -> None:
    await room.ask(saying(await a_code(room)))
    _, work = await room.ask(saying(await a_code(room)), login="bob")
    assert "They were linked to `alice` here before, and are no longer." in told(
        work, PostKind.REPLY
    )[0].split("\n\n")
    assert [one.login for one in room.chats.people] == ["bob"]


async def test_who_else_is_linked_to_the_account_is_named(room: Room) -> None:
    room.chats.people.append(an_identity(GRACE))
    _, work = await room.ask(saying(await a_code(room)))
    assert "`alice` is linked to `Grace Hopper` (`U2`) as well" in told(work, PostKind.REPLY)[0]


@pytest.mark.parametrize("code_key", [b"", b"key"])
async def test_where_nothing_can_be_linked_that_is_said(room: Room, code_key: bytes) -> None:
    room.code_key = code_key
    (answer,), work = await room.ask(LINK)
    assert work == Work()
    assert ("There is no Slack here" if not code_key else "A code is missing.") in answer
    answer, work = await room.tell(saying("AAAAA-AAAAA"))
    assert "written into a pull request" in answer
    assert work == Work()


async def test_unlink_on_the_forge_ends_it_for_everybody_linked(room: Room) -> None:
    room.chats.people += [an_identity(), an_identity(GRACE, "ALICE"), an_identity(GRACE, "bob")]
    (answer,), work = await room.ask(UNLINK)
    assert work.unlinks == [
        Unlink(team=TEAM, forge="code", login="alice"),
        Unlink(team=TEAM, forge="code", login="ALICE"),
    ]
    assert "`Ada Lovelace` (`U1`), `Grace Hopper` (`U2`)" in answer
    assert [one.action for one in work.audits] == ["account.unlinked"] * 2
    assert room.chats.people == [an_identity(GRACE, "bob")]
    (answer,), work = await room.ask(UNLINK)
    assert (answer[:33], work) == ("Your account here is linked to no", Work())


async def test_unlink_in_the_chat_ends_it_for_every_account_of_theirs(room: Room) -> None:
    room.chats.people += [an_identity(), an_identity(forge="github"), an_identity(GRACE)]
    answer, work = await room.tell(UNLINK)
    assert answer == "You are no longer linked to `alice` on `code`, `alice` on `github`."
    assert work.unlinks == [Unlink(team=TEAM, user="U1")]
    assert room.chats.people == [an_identity(GRACE)]
    assert (await room.tell(UNLINK))[1] == Work()


async def test_whoami_says_names_accounts_groups_and_words(room: Room) -> None:
    room.chats.people.append(an_identity())
    room.people.groups = {"S1": {"U1"}, "S2": set()}
    room.people.troubles["S3"] = TemporaryRemoteError("429", service="slack")
    groups = [
        Principal(door="slack", kind=PrincipalKind.GROUP, name=name) for name in ("S1", "S2", "S3")
    ]
    rule = AccessRule(who=tuple(groups), may=frozenset({Word.PLAN}), name="access rule 1")
    room.policy = Policy(access=(rule,))
    answer, work = await room.tell(WhoamiCommand(line=1, text="whoami"))
    assert work == Work()
    lines = answer.splitlines()
    assert lines[:2] == [
        "- In Slack you are `Ada Lovelace` (`U1`).",
        "- Accounts that are yours: `alice` on `code`.",
    ]
    assert lines[2:5] == [
        "- Groups of yours that rules name: `S1`.",
        "- Groups that rules name, and that you are not in: `S2`.",
        "- Groups that Slack did not say anything about, which is a no: `S3`.",
    ]
    assert "`plan`" in lines[5]
    assert "`apply`" not in lines[5]


async def test_whoami_without_rules_says_that_slack_may_only_read(room: Room) -> None:
    answer, _ = await room.tell(WhoamiCommand(line=1, text="whoami"))
    assert "- Accounts that are yours: none; `/terrakube link` changes that." in answer
    assert answer.endswith("- There are no `access` rules, and without them Slack may only read.")
