"""Where the store's rows come from: one raw query on a connection of its own. Plain Python."""
