"""What secrets look like when nobody told us about them.

Every expression is linear: it starts at a literal and either succeeds or fails within a bounded
distance, or consumes what it looked at. None looks at what lies before or after its match, so
what is left between two matches never holds another: masking twice changes nothing more.
"""

import math
import re
from collections import Counter
from typing import Final

REDACTED: Final = "[redacted]"
"""What stands where a secret stood."""

_PREFIXED: Final = re.compile(
    r"gh[pousr]_[A-Za-z0-9_.\-]{20,}"  # GitHub; the stateless ones hold dots and dashes
    r"|github_pat_\w{20,}"
    r"|gl(?:pat|ptt|dt|rt|rtr|cbt|ft|oas|soat|imt|agent)-[\w.\-]{16,}"  # GitLab
    r"|xox[a-z](?:\.xox[a-z])?-[A-Za-z0-9\-]{10,}|xapp-\d-[A-Za-z0-9\-]{10,}"  # Slack
    r"|hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9/]{16,}"
    r"|A(?:KIA|SIA|BIA|CCA)[A-Z0-9]{16}"  # AWS
    r"|hv[sbr]\.[\w\-]{20,}"  # Vault
    r"|\.atlasv1\.[\w\-]{30,}"  # HCP Terraform; what lies before is the token's public id
    r"|AIza[\w\-]{35}|ya29\.[\w\-.]{20,}"  # Google
    r"|[sr]k_(?:live|test)_[A-Za-z0-9]{16,}"  # Stripe
    r"|SG\.[\w\-]{16,}\.[\w\-]{16,}|npm_[A-Za-z0-9]{36}|pypi-[\w\-]{50,}"
    r"|do[opr]_v1_[a-f0-9]{64}|AccountKey=[A-Za-z0-9+/=]{40,}"
)
_JWT: Final = re.compile(r"eyJ[\w\-]*+(?:\.[\w\-]*+)*+")
_JWT_LENGTH: Final = 30
_PEM: Final = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
    r"(?:(?:\x1b\[[\d;]*m|[^\[\]\-]|-(?!----))*+-----END [A-Z0-9 ]{0,60}-----"
    # One that was cut off: as long as the lines look like base64.
    r"|(?:(?:\x1b\[[\d;]*m|\\r|\\n|[\s\"'+~,\-])*+[A-Za-z0-9+/=]{16,})*)"
)
_USER_INFO: Final = re.compile(r"://([^\s/\[\]\"'<>`]+)@")

_GAP: Final = r"(?:\s|\x1b\[[\d;]*m)*+"  # Terraform colours its arrows
_VALUE: Final = (
    r"(?:\"(?:[^\"\\\n]|\\.)*+\"|\\+\"[^\"\\\n]*+\\+\"|'[^'\n]*+'"
    r"|(?!\[(?!redacted\]))[^\s\"',;&<>(){}\\`\x1b]++)"
)
_NAMED: Final = re.compile(
    # Most positions are passed over by their first letter.
    r"(?=[PpSsTtAaCc])(?P<name>(?i:password|passwd|passphrase|pwd"
    r"|secret(?:[_-]?access)?(?:[_-]?key)?|token|credentials?"
    r"|api[_-]?key|access[_-]?key|auth[_-]?key|private[_-]?key|authorization))"
    rf"(?P<sep>(?:\\*[\"'])?{_GAP}"
    # A list of names and values is common, too: name = "DB_PASSWORD", value = "...".
    rf"(?:,?{_GAP}[+~\-]?{_GAP}\\*\"?(?i:value)\\*\"?{_GAP})?"
    rf"(?:=>|:=|[=:]){_GAP}(?P<scheme>(?i:bearer|basic|token|digest)\s++)?)"
    rf"(?P<value>{_VALUE})(?:(?P<arrow>{_GAP}->{_GAP})(?P<after>{_VALUE}))?"
)
_BEARER: Final = re.compile(r"((?i:bearer)\s++)[\w\-.~+/=]{20,}")
_JSON_KEY_END: Final = re.compile(r"(\\*\")\s*:")
_SHORTEST: Final = 6
_ENTROPIC_LENGTH: Final = 12
_ENTROPY: Final = 3.0  # bits per character; English words in snake case stay below or lack digits
_REFERENCES: Final = ("var.", "local.", "module.", "data.", "each.", "/")
_NAMES: Final = ("arn:", "projects/")
_SURE: Final = ("pass", "pwd")
_SCHEME: Final = re.compile(r"(?i:bearer|basic|token|digest)\s+\S")


def mask_shapes(text: str) -> str:
    """Mask everything in *text* that looks like a secret."""
    if "PRIVATE KEY" in text:
        text = _PEM.sub(REDACTED, text)
    text = _PREFIXED.sub(REDACTED, text)
    text = _JWT.sub(_masked_jwt, text)
    text = _USER_INFO.sub(_masked_user_info, text)
    text = _BEARER.sub(rf"\1{REDACTED}", text)
    return _NAMED.sub(_masked_value, text)


def _masked_jwt(match: re.Match[str]) -> str:
    # Base64 of any JSON begins like one; the dots make it a token.
    found = match[0]
    return REDACTED if len(found) >= _JWT_LENGTH and "." in found else found


def _masked_user_info(match: re.Match[str]) -> str:
    # "git@" is nobody's secret; a long name alone is a token.
    found = match[1]
    return f"://{REDACTED}@" if ":" in found or len(found) > _JWT_LENGTH else match[0]


def _masked_value(match: re.Match[str]) -> str:
    sure = match["name"].lower().startswith(_SURE) or match["scheme"] is not None
    # After a colon a lone word is prose: "Invalid password: cannot be empty".
    prose = ":" in match["sep"] and match["value"].isalpha() and not match["scheme"]
    json = _JSON_KEY_END.match(match["sep"])
    quote = json[1] if json else ""
    said = match["value"] if prose else _masked_literal(match["value"], quote, sure=sure)
    after = _masked_literal(match["after"], "", sure=sure) if match["arrow"] else ""
    return f"{match['name']}{match['sep']}{said}{match['arrow'] or ''}{after}"


def _masked_literal(value: str, default: str, *, sure: bool) -> str:
    """Mask a value inside its quotes; one that has none gets *default*, so that JSON stays JSON."""
    bare = value.lstrip("\\")
    slashes = value[: len(value) - len(bare)]
    quote = bare[:1] if bare[:1] in ("'", '"') else ""
    inside = bare[len(quote) : len(bare) - len(quote)].removesuffix(slashes)
    if not _is_secret(inside, sure=sure, quoted=bool(quote)):
        return value
    mark = f"{slashes}{quote}" or default
    return f"{mark}{REDACTED}{mark}"


def _is_secret(value: str, *, sure: bool, quoted: bool) -> bool:
    if REDACTED in value:
        return True  # part of it is one
    if len(value) < _SHORTEST or (not quoted and value.startswith(_REFERENCES)):
        return False
    return sure or _SCHEME.match(value) is not None or _is_random(value)


def _is_random(value: str) -> bool:
    """Tell random text from a name: a token has digits among many different signs."""
    if len(value) < _ENTROPIC_LENGTH or value.startswith(_NAMES):
        return False
    if not any(sign.isdigit() for sign in value):
        return False
    size = len(value)
    shares = (count / size for count in Counter(value).values())
    return -sum(share * math.log2(share) for share in shares) >= _ENTROPY
