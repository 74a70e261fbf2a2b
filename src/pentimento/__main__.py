"""`python -m pentimento` is the command `pentimento`."""

import sys

from pentimento.cli import main

sys.exit(main())
