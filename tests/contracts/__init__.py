"""What everything that is registered must do, whoever wrote it."""

import pytest

pytest.register_assert_rewrite("contracts.models")
