"""Azure Policy: its rule language, what is assigned where, and what it denies."""
