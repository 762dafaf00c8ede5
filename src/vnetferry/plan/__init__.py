"""From an inventory and a configuration to a plan. Pure but for `files`, which reads and writes the plan
file.
"""
