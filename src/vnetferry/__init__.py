"""Move Azure ML managed online endpoints into a workspace with a managed virtual network.

Importing this package does nothing and costs nothing: every command imports what it needs.
"""

__version__ = "0.1.0"
