"""ARM templates: parameters, variables, expressions, copies, conditions and order, without any input or
output.

`expand` turns a template into the resources that it asks for; the caller makes them, and tells the
evaluation what `reference()` finds.
"""

from vnetferry.sandbox.arm.template.expand import Planned, expand, templates_hash
from vnetferry.sandbox.arm.template.scope import Scope

__all__ = ["Planned", "Scope", "expand", "templates_hash"]
