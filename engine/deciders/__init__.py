"""Pure decisions, one file per stream: what a command comes to in a state, and how an event changes the state."""
