"""``terrakube-bridge`` whose leases last two seconds: ``python -m tests.e2e.impatient serve ...``.

A replica that is frozen need not be frozen for half a minute then.
"""

import sys
from typing import Any, Final, cast

from bridge.cli import run
from bridge.store.database import Database

LEASE: Final = 2.0

if __name__ == "__main__":
    defaults = cast("Any", Database.open).__func__.__kwdefaults__
    assert defaults["lease"] > LEASE
    defaults["lease"] = LEASE
    sys.exit(run(sys.argv[1:]))
