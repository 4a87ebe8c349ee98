"""``python -m sb3_entropy.cli``."""

import sys

from sb3_entropy.cli.main import main

sys.exit(main())
