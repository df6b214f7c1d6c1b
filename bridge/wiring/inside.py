"""What works in the background: handlers, services and the engine around them."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from bridge.chat.deliveries import parser
from bridge.decisions.repositories import Matcher
from bridge.domain.access import SLACK
from bridge.domain.redaction import Redactor
from bridge.domain.rules import Policy
from bridge.domain.runs import Verb
from bridge.engine.duties import Duties
from bridge.engine.gauges import Gauges
from bridge.engine.holding import HoldWatch
from bridge.engine.inbox import Inbox
from bridge.engine.janitor import Janitor
from bridge.engine.job_watch import JobWatch
from bridge.engine.leases import LeaseKeeper
from bridge.engine.organizations import Organizations
from bridge.engine.posts import Posts
from bridge.engine.rates import Budgets
from bridge.engine.runs import Runs
from bridge.engine.subjects import Subjects
from bridge.engine.supervisor import Role
from bridge.engine.sweeping import Sweep
from bridge.metrics import Metrics
from bridge.ports import Clock, Forge
from bridge.rendering.markers import Markers
from bridge.routing import Services
from bridge.services.catalog import Catalog
from bridge.services.chatting import ChatPublisher
from bridge.services.collecting import CollectService
from bridge.services.forms import FormChecks
from bridge.services.gating import Gating
from bridge.services.merging import MergeService
from bridge.services.noticing import NoticeService
from bridge.services.publishing import PublishService
from bridge.services.redelivering import RedeliverService, memory
from bridge.services.reviewing import ReviewService
from bridge.services.runs import RunService
from bridge.services.watching import LockWatch, StatusWatch
from bridge.settings import Settings
from bridge.store.chat import SqlChatStore
from bridge.store.database import Database, SystemClock
from bridge.store.queries.holds import Holding
from bridge.store.queries.retention import Retention
from bridge.store.queries.settings import stored_or
from bridge.store.runs import SqlRunStore
from bridge.terrakube import tcl
from bridge.wiring.dispatching import make_dispatcher
from bridge.wiring.duties import Comparison, Redelivery, Repair
from bridge.wiring.introducing import Look
from bridge.wiring.outside import Outside
from bridge.wiring.slack import Lists, Publishers, SlackDoor, open_door

FIRST_START: Final = "first_start"
"""Row that says when this installation was first started, ISO 8601."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside:
    """What runs, and what the edge needs of it."""

    keeper: LeaseKeeper
    roles: Sequence[Role]
    inbox: Inbox
    organizations: Organizations
    catalog: Catalog
    slack: SlackDoor | None = None


async def build_inside(
    settings: Settings,
    database: Database,
    outside: Outside,
    *,
    key: bytes,
    redactor: Redactor,
    metrics: Metrics,
    look: Look | None = None,
    clock: Clock | None = None,
) -> Inside:
    """Put everything together; nothing runs yet.

    Args:
        settings: As checked.
        database: Open.
        outside: What asks others.
        key: The bridge's secret key.
        redactor: Knows the settings' secrets.
        metrics: Counts.
        look: What was found out about Slack; None where its door stays shut.
        clock: None for the time of this machine.
    """
    clock, policy, server = clock or SystemClock(), settings.policy(), outside.server
    catalog = Catalog(server=server)
    command = policy.command_names[0]
    store = SqlRunStore(database=database, job_url=server.job_url, command=command, clock=clock)
    runs = RunService(
        server=server,
        catalog=catalog,
        command=command,
        redact=redactor.redact,
        built_in={
            Verb.APPLY: tcl.apply_text(policy.approval_team),
            Verb.DESTROY: tcl.destroy_text(policy.approval_team),
        },
        unasked=unasked_verbs(policy),
    )
    collecting = CollectService(server, redactor, derived_key(key, "digest"))
    reviewing = ReviewService(
        forges=outside.forges,
        plans=collecting,
        store=store,
        command=command,
        gatekeeper=Gating(forges=outside.forges, store=store, policy=policy),
        access=policy.access,
    )
    publishing = PublishService(
        forges=outside.forges,
        store=store,
        policy=policy,
        markers=Markers(derived_key(key, "marker")),
        merging=MergeService(
            forges=outside.forges, store=store, clock=clock, redact=redactor.redact_known
        ),
        redact=redactor.redact_known,
    )
    services = Services(
        forges=outside.forges,
        catalog=catalog,
        store=store,
        policy=policy,
        server=server,
        clock=clock,
        code_key=derived_key(key, "code"),
        redactor=redactor,
    )
    lists, door, parsers = Lists(catalog), None, {}
    slack, chat = outside.slack, settings.slack
    if slack is not None and chat is not None:
        services = replace(
            services,
            chat=slack.client,
            chats=SqlChatStore(
                database=database, job_url=server.job_url, command=chat.command, clock=clock
            ),
            confirm_deletions=chat.confirm_deletions,
            chat_command=chat.command,
        )
        checks = FormChecks(
            forges=outside.forges,
            known=lists,
            store=store,
            matcher=Matcher(ssh_hosts=policy.ssh_hosts),
        )
        door = open_door(
            chat,
            database,
            slack,
            look=look or Look(),
            lists=lists,
            check=checks.check,
            clock=clock,
            metrics=metrics,
        )
        parsers = {SLACK: parser(lambda: slack.client.team)}
    dispatcher = make_dispatcher(services, redact=redactor.redact_known, parsers=parsers)
    keeper, inbox = LeaseKeeper(database, metrics=metrics), Inbox(database)
    organizations = Organizations(database, keeper, server, runs, metrics=metrics)
    since = await _first_start(database, clock)
    notices = [
        NoticeService(
            forge=forge,
            catalog=catalog,
            store=store,
            clock=clock,
            since=since,
            matcher=Matcher(ssh_hosts=policy.ssh_hosts),
        )
        for forge in outside.forges.values()
    ]
    locks = [LockWatch(forge=forge, store=store, clock=clock) for forge in outside.forges.values()]
    statuses = [
        StatusWatch(forge=forge, store=store, policy=policy, redact=redactor.redact_known)
        for forge in outside.forges.values()
    ]
    redeliveries = [
        RedeliverService(forge=forge, store=store, clock=clock, asked=memory())
        for forge in outside.forges.values()
    ]
    duties = Duties(
        database,
        keeper,
        (
            Janitor(database, Retention(**settings.retention.model_dump())).duty(),
            Comparison(notices=[*notices, *locks], inbox=inbox).duty(),
            Repair(watches=statuses, database=database).duty(),
            Redelivery(services=redeliveries).duty(),
            Sweep(database, server).duty(),
            HoldWatch(database, server).duty(),
            *([JobWatch(database, server, catalog).duty()] if slack else []),
        ),
    )
    await duties.register()
    return Inside(
        keeper=keeper,
        roles=(
            Subjects(
                database,
                keeper,
                dispatcher,
                tell=dispatcher.tell,
                metrics=metrics,
                passing={SLACK},
            ).worker,
            Runs(
                database,
                keeper,
                server,
                runs,
                collecting,
                reviews=reviewing,
                holding=holding_of(policy),
                command=command,
                unasked=unasked_verbs(policy),
                metrics=metrics,
            ).worker,
            organizations.worker,
            Posts(
                database,
                keeper,
                Publishers(forges=publishing, chat=chat_publisher(outside, services, redactor)),
                budgets=budgets_for(outside.forges),
                metrics=metrics,
            ).worker,
            duties.worker,
            Gauges(database, metrics),
            *(door.roles if door else ()),
        ),
        inbox=inbox,
        organizations=organizations,
        catalog=catalog,
        slack=door,
    )


def chat_publisher(
    outside: Outside, services: Services, redactor: Redactor
) -> ChatPublisher | None:
    """Make what writes to Slack; None while its door stays shut."""
    if outside.slack is None or services.chats is None:
        return None
    return ChatPublisher(
        chat=outside.slack.client,
        store=services.chats,
        clock=services.clock,
        access=services.policy.access,
        redact=redactor.redact_known,
        confirm_deletions=services.confirm_deletions,
    )


def holding_of(policy: Policy) -> Holding:
    """Say how long workspaces are locked and waited for."""
    return Holding(
        locks=policy.locks,
        linger=int(policy.cancelled_hold.total_seconds() * 1000),
        patience=int(policy.queue_patience.total_seconds() * 1000),
    )


def unasked_verbs(policy: Policy) -> frozenset[Verb]:
    """Say what may be done by a template that waits for no approval."""
    policies = {Verb.APPLY: policy.apply, Verb.DESTROY: policy.destroy}
    return frozenset(verb for verb, one in policies.items() if one and one.allow_unasked)


def budgets_for(forges: Mapping[str, Forge]) -> Budgets:
    """Say how much may be written to *forges*; GitHub alone counts hours, too."""
    return Budgets(
        counting_hours=frozenset(name for name, one in forges.items() if one.driver == "github")
    )


def derived_key(key: bytes, purpose: str) -> bytes:
    """Derive a key for one purpose, so that no two things are signed with the same one."""
    return hmac.new(key, f"terrakube-bridge:{purpose}".encode(), hashlib.sha256).digest()


async def _first_start(database: Database, clock: Clock) -> datetime:
    stored = await database.write(stored_or, FIRST_START, clock.now().isoformat())
    return datetime.fromisoformat(stored).astimezone(UTC)
