"""Microsoft.MachineLearningServices: workspaces and everything inside them."""
