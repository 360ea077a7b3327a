"""Events -> read models: each owns its tables, its apply and its questions; all are disposable."""
