"""The pages of the accounts room, thin: every rule is in services, proofs, sessions and policy."""
