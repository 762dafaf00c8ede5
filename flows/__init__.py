"""One flow per file: order, waiting, approval. Flows speak neither HTTP nor Azure; tasks do."""
