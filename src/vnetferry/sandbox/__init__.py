"""Azure's REST API on this machine's loopback, faithful enough that Azure's own SDK cannot tell.

The package imports nothing else of vnetferry, so that a mistake in how vnetferry speaks cannot be mirrored in how the
sandbox listens. It says no wherever Azure says no.
"""
