"""Cutting what a failure log tells about the servers it comes from (design section 10.12).

A pull request may be read by everybody; where Terrakube keeps its files and how its hosts are
called inside is nobody's business there.
"""

import re
from typing import Final

HOST: Final = "[host]"
"""What stands where a host name or an address stood."""

_WORK_FOLDER: Final = re.compile(
    r"(?:(?<![\w.\-/])(?:/[\w.\-]+)*)?/\.terraform-spring-boot"
    r"(?:/executor/tmp\w*|(?:/[\w.\-]+)*)(/?)"
)
# Words are looked at one by one: an expression over the whole text would try every start.
_WORD: Final = re.compile(r"[^\s'\"<>()\[\]{},;]+")
_UNKNOWN: Final = re.compile(r"(UnknownHostException: )[^\s'\"]+")
_CLASS: Final = re.compile(r"(?:[a-z]\w*\.)+[A-Z]\w*(?:\.[A-Z]\w*)*")
_ADDRESS: Final = re.compile(r"(?:[\w.\-]*/)?\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?")
_ADDRESS_6: Final = re.compile(r"[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){2,7}")  # or a time
_NAME: Final = re.compile(r"[A-Za-z0-9\-]+(?:\.[A-Za-z0-9\-]+)*\.([A-Za-z]{2,})(?::\d+)?")
_PORT: Final = re.compile(r"[A-Za-z0-9\-]+:\d{2,5}")
_FILE: Final = re.compile(
    r"tf|tofu|tfvars|tfstate|tfplan|hcl|json|ya?ml|toml|xml|sh|py|js|ts|go|rb|lock|zip|t?gz|txt|md"
    r"|pem|key|crt|git|tftpl|tpl|tmpl|log|cfg|conf|ini|properties",
    re.IGNORECASE,
)


def cut_work_folder(text: str) -> str:
    """Shorten paths of Terrakube's own folder to what lies in the checkout: ``…/main.tf``."""
    if ".terraform-spring-boot" not in text:
        return text
    return _WORK_FOLDER.sub(lambda found: f"…{found[1]}", text)


def cut_servers(text: str) -> str:
    """Cut paths, host names and addresses from a text that Terrakube itself wrote.

    Not for terraform's texts, in which a path or a host is what the error is about.
    """
    said = _WORD.sub(lambda found: _cut(found[0]), cut_work_folder(text))
    return _UNKNOWN.sub(rf"\g<1>{HOST}", said)


def _cut(word: str) -> str:
    bare = word.rstrip(".:!?")
    end = word[len(bare) :]
    if _CLASS.fullmatch(bare):
        return bare.rpartition(".")[2] + end
    scheme, found, rest = bare.partition("://")
    if found:
        return f"{scheme}://{HOST}{''.join(rest.partition('/')[1:])}{end}"
    user, found, rest = bare.partition("@")
    if found and ":" in rest:
        return f"{user}@{HOST}{''.join(rest.partition(':')[1:])}{end}"
    if _is_host(bare) or _is_host(bare.partition("/")[0]):
        return HOST + end
    if bare.startswith("/") and bare.count("/") > 1:
        return f"…/{bare.rpartition('/')[2]}{end}"
    return word


def _is_host(word: str) -> bool:
    if _ADDRESS.fullmatch(word) or _PORT.fullmatch(word):
        return True
    if _ADDRESS_6.fullmatch(word):
        return "::" in word or word.count(":") == 7  # noqa: PLR2004 - of eight groups
    name = _NAME.fullmatch(word)
    return name is not None and not _FILE.fullmatch(name[1])
