"""`python -m bridge` is `oddsbridge`."""

import sys

from bridge.cli import main

sys.exit(main())
