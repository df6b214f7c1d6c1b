"""``serve`` with less patience, for the short version: ``python -m tests.chaos.serving ...``.

After a POST without an answer the bridge waits a minute and a half for a job that a slow server
may still commit. The stand-in commits before it answers, so nothing turns up late.
"""

import sys
from typing import Final

from bridge.cli import run
from bridge.engine.runs import Runs

GRACE: Final = 3.0

if __name__ == "__main__":
    defaults = Runs.__init__.__kwdefaults__
    assert defaults is not None
    defaults["grace"] = GRACE
    sys.exit(run(sys.argv[1:]))
