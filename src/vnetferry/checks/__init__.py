"""Pure checks: facts in, findings out, one file per check. Whoever runs them reads the facts from Azure first."""
