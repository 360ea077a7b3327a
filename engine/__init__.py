"""What may happen in a canteen and what has happened: values, rules, decisions and the append-only store."""
