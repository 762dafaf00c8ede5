"""Values that every layer shares: frozen, JSON-able, without behaviour that touches the world."""
