"""Azure Resource Manager, and the resource providers that stand beside Machine Learning."""
