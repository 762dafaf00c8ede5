"""Where commands print tables: what stands in Azure is shown letter by letter.

People name things `[prod] slow` or `:ship:`, which rich would take for its own markup and leave out, or fail at.
"""

from __future__ import annotations

from rich.console import Console


def plain_console() -> Console:
    """A console that takes no text for markup."""
    return Console(markup=False, emoji=False)
