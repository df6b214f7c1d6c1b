"""Terrakube's notifications: signed hints that store nothing."""

import hashlib
import hmac

import pytest

from tests.bridge.web.doors import Edge, Reply, open_port, send, with_length

# As recorded (terrakube/recordings/webhook/delivery_completed), signed with "shared-secret-1".
BODY = (
    b'{"jobId":3,"workspace":"nochange","organization":"acme","failureReason":null,'
    b'"runUrl":"https://terrakube.example.com/organizations/'
    b"40f8a86b-2cde-4e37-96bc-b23b03dac40c/workspaces/b6150238-7ebb-4f73-8654-6c67b30a3fb1/"
    b'runs/3","configurationName":"bridge",'
    b'"commitId":"c830c975a570bf7b0d00e81d13a252588026ba80","status":"completed",'
    b'"workspaceUrl":"https://terrakube.example.com/organizations/'
    b'40f8a86b-2cde-4e37-96bc-b23b03dac40c/workspaces/b6150238-7ebb-4f73-8654-6c67b30a3fb1"}'
)
SIGNATURE = "982c5b5f2a3144cdd88f800cd807b97c38f5409f340b7f88505eab7368aee1e0"


async def notify(edge: Edge, body: bytes, signature: str | None) -> Reply:
    head = with_length({"Content-Type": "application/json"}, body)
    if signature is not None:
        head["X-Terrakube-Signature"] = signature
    async with open_port(edge) as port:
        return await send(port, head=head, body=body, path="/webhooks/terrakube")


def sign(body: bytes) -> str:
    return hmac.new(b"shared-secret-1", body, hashlib.sha256).hexdigest()


async def test_a_recorded_notification_brings_the_next_look_forward() -> None:
    edge = Edge()
    assert (await notify(edge, BODY, SIGNATURE)).status == 200
    assert edge.hints == [("acme", "nochange")]
    assert edge.inbox.kept == {}


@pytest.mark.parametrize(
    "signature", [None, "", SIGNATURE[:-1] + "1", f"sha256={SIGNATURE}", "\udcff"]
)
async def test_a_notification_with_a_wrong_signature_is_refused(signature: str | None) -> None:
    edge = Edge()
    assert (await notify(edge, BODY, signature)).status == 401
    assert edge.hints == []


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"\xff", b"{}", b'{"organization": 1, "workspace": "x"}', b"[" * 100_000]
)
async def test_a_signed_body_that_is_no_notification_is_refused(body: bytes) -> None:
    edge = Edge()
    assert (await notify(edge, body, sign(body))).status == 400
    assert edge.hints == []


async def test_without_a_secret_there_is_no_such_route() -> None:
    edge = Edge(notifications=False)
    assert (await notify(edge, BODY, SIGNATURE)).status == 404
