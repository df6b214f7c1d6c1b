"""Signatures: who a delivery is from, before anything of it is decoded."""

import json

import pytest

from bridge.domain.deliveries import Delivery
from bridge.domain.errors import SignatureError
from bridge.forges.signatures import (
    HookSecrets,
    check_hmac_sha256,
    check_repository,
    form_payload,
    hook_secret,
    media_type,
    sign_hmac_sha256,
)
from tests.bridge.forges import bodies
from tests.bridge.forges.cases import (
    CASES,
    FORGEJO,
    GITHUB,
    KEY,
    OLD_SECRET,
    PAYLOADS,
    SECRET,
    Case,
    digest,
)

VECTORS = PAYLOADS / "signature_vectors.json"

GITHUB_SECRET = b"It's a Secret to Everybody"
GITHUB_BODY = b"Hello, World!"
GITHUB_SIGNATURE = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"


def test_the_vector_of_githubs_documentation_passes() -> None:
    check_hmac_sha256(GITHUB_BODY, GITHUB_SIGNATURE, [GITHUB_SECRET], prefix="sha256=")


@pytest.mark.skipif(not VECTORS.exists(), reason="../shared is absent: 2 recorded vectors not run")
def test_recorded_vectors_pass() -> None:
    vectors = json.loads(VECTORS.read_text())
    documented, cloud = vectors["github_docs"], vectors["bitbucket_cloud"]
    for body, given, secret in (
        (documented["body"].encode(), documented["x-hub-signature-256"], documented["secret"]),
        (
            (VECTORS.parent.parent / cloud["body_file"]).read_bytes(),
            cloud["x-hub-signature"],
            cloud["secret"],
        ),
    ):
        check_hmac_sha256(body, given, [secret.encode()], prefix="sha256=")
        with pytest.raises(SignatureError):
            check_hmac_sha256(body + b" ", given, [secret.encode()], prefix="sha256=")


@pytest.mark.parametrize("at", range(0, len(GITHUB_BODY), 3))
def test_a_flipped_byte_is_refused(at: int) -> None:
    body = bytearray(GITHUB_BODY)
    body[at] ^= 1
    with pytest.raises(SignatureError):
        check_hmac_sha256(bytes(body), GITHUB_SIGNATURE, [GITHUB_SECRET], prefix="sha256=")


@pytest.mark.parametrize("at", range(len("sha256="), len(GITHUB_SIGNATURE), 7))
def test_a_changed_digit_is_refused(at: int) -> None:
    other = "0" if GITHUB_SIGNATURE[at] != "0" else "1"
    given = GITHUB_SIGNATURE[:at] + other + GITHUB_SIGNATURE[at + 1 :]
    with pytest.raises(SignatureError):
        check_hmac_sha256(GITHUB_BODY, given, [GITHUB_SECRET], prefix="sha256=")


RIGHT = digest(bodies.push(), SECRET)
BAD = {
    "missing": None,
    "empty": "",
    "only the prefix": "sha256=",
    "SHA-1 of the right secret": f"sha1={digest(bodies.push(), SECRET, 'sha1')}",
    "the right digest called SHA-1": f"sha1={RIGHT}",
    "not ASCII": "sha256=ü" + RIGHT[1:],
    "a stray byte": "sha256=\udcff" + RIGHT[1:],
    "cut short": f"sha256={RIGHT[:-1]}",
    "too long": f"sha256={RIGHT}0",
    "two at once": f"sha256={RIGHT}, sha256={RIGHT}",
    "another secret's": f"sha256={digest(bodies.push(), b'another')}",
}


@pytest.mark.parametrize("given", BAD.values(), ids=BAD.keys())
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_is_no_signature_is_refused_not_crashed_on(case: Case, given: str | None) -> None:
    if given is not None:
        given = given.replace("sha256=", case.prefix)
    # Forgejo sends its signature under two names: both must be bad.
    changes = {case.signature: given, "X-Gitea-Signature": given}
    with pytest.raises(SignatureError):
        case.accept("push", bodies.push(), changes=changes)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_both_secrets_count_while_one_is_being_changed(case: Case) -> None:
    for secret in (SECRET, OLD_SECRET):
        assert isinstance(case.accept("push", bodies.push(), secret=secret), Delivery)
    with pytest.raises(SignatureError):
        case.accept("push", bodies.push(), secret=b"a third")


def test_one_good_header_of_two_is_enough_only_when_it_is_good() -> None:
    body = bodies.push()
    assert isinstance(FORGEJO.accept("push", body, changes={"X-Forgejo-Signature": None}), Delivery)
    assert isinstance(FORGEJO.accept("push", body, changes={"X-Forgejo-Signature": ""}), Delivery)
    with pytest.raises(SignatureError):
        FORGEJO.accept("push", body, changes={"X-Forgejo-Signature": "0" * 64})


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_installed_hook_speaks_for_its_own_repository_only(case: Case) -> None:
    own = hook_secret(KEY, case.name, "664").encode()
    other = hook_secret(KEY, case.name, "665").encode()
    body = bodies.push()
    assert isinstance(case.accept("push", body, secret=own, query={"hook": "664"}), Delivery)
    for secret, hook in (
        (other, "665"),  # signed well, but the body speaks for 664
        (other, "664"),
        (SECRET, "664"),  # the instance's secret is not the hook's
        (own, "0664"),
        (own, "664 "),
        (own, ""),
        (own, "-1"),
        (own, "664:x"),
    ):
        with pytest.raises(SignatureError):
            case.accept("push", body, secret=secret, query={"hook": hook})
    with pytest.raises(SignatureError):
        case.accept("push", body, secret=own)  # without its name the hook is nobody


def test_hook_secrets_differ_by_key_forge_and_repository() -> None:
    secrets = {
        hook_secret(key, forge, repository)
        for key in (b"k", b"l")
        for forge in ("github", "code")
        for repository in ("1", "2")
    }
    assert len(secrets) == 8
    assert hook_secret(b"k", "github", "1") == sign_hmac_sha256(b"hook:github:1", b"k")


def test_without_any_secret_the_route_does_not_start() -> None:
    with pytest.raises(ValueError, match="does not start"):
        HookSecrets(forge="code", own=(), key=None)
    for own, key in (((b"",), None), ((b" \n",), b"k"), ((b"s",), b"")):
        with pytest.raises(ValueError, match="is empty"):
            HookSecrets(forge="code", own=own, key=key)


def test_secrets_are_not_shown() -> None:
    shown = repr(HookSecrets(forge="code", own=(b"s3cret",), key=b"k3y"))
    assert shown == "HookSecrets(forge='code')"


def test_with_only_a_key_only_hooks_that_name_themselves_may_deliver() -> None:
    secrets = HookSecrets(forge="code", own=(), key=KEY)
    assert secrets.accepted({"hook": "7"}) == (hook_secret(KEY, "code", "7").encode(),)
    with pytest.raises(SignatureError):
        secrets.accepted({})
    with pytest.raises(SignatureError):
        HookSecrets(forge="code", own=(SECRET,), key=None).accepted({"hook": "7"})


def test_a_delivery_without_a_repository_may_come_from_any_hook() -> None:
    check_repository({"hook": "7"}, "")
    check_repository({}, "8")
    with pytest.raises(SignatureError):
        check_repository({"hook": "7"}, "8")


def test_a_github_form_is_signed_over_its_bytes_a_gitea_form_over_the_json_inside() -> None:
    payload = bodies.push()
    form = b"payload=" + b"".join(b"%%%02X" % byte for byte in payload)
    kind = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    outside = {GITHUB.signature: f"sha256={digest(form, SECRET)}"}
    inside = {GITHUB.signature: f"sha256={digest(payload, SECRET)}"}
    assert isinstance(GITHUB.accept("push", form, changes={**kind, **outside}), Delivery)
    with pytest.raises(SignatureError):
        GITHUB.accept("push", form, changes={**kind, **inside})
    for case in CASES[1:]:
        outside = dict.fromkeys((case.signature, "X-Gitea-Signature"), digest(form, SECRET))
        inside = dict.fromkeys((case.signature, "X-Gitea-Signature"), digest(payload, SECRET))
        delivery = case.accept("push", form, changes={**kind, **inside})
        assert isinstance(delivery, Delivery)
        assert delivery.body == form
        assert case.reader.parse_delivery(delivery) == case.event("push", payload)
        with pytest.raises(SignatureError):
            case.accept("push", form, changes={**kind, **outside})


@pytest.mark.parametrize(
    "form", [b"", b"payload", b"payload=%7B%7D&payload=%7B%7D", b"a=1", b"a=1&" * 20 + b"payload=1"]
)
def test_a_form_without_its_one_payload_is_refused(form: bytes) -> None:
    if form == b"payload":
        assert form_payload(form) == b""
        return
    with pytest.raises(ValueError, match="payload"):
        form_payload(form)
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    for case in CASES[1:]:
        with pytest.raises(SignatureError):
            case.accept("push", form, changes=kind)


def test_a_form_keeps_every_byte() -> None:
    assert form_payload(b"payload=%C3%A9+%2B%ff&x=1") == b"\xc3\xa9 +\xff"


def test_a_get_hook_has_no_body_that_was_signed() -> None:
    for case in CASES[1:]:
        signed = digest(bodies.push(), SECRET)
        changes = {case.signature: signed, "X-Gitea-Signature": signed}
        with pytest.raises(SignatureError):
            case.accept("push", b"", query={"payload": "{}"}, changes=changes)


def test_media_types_are_reduced() -> None:
    assert media_type("Application/JSON; charset=utf-8") == "application/json"
    assert media_type(None) == ""
