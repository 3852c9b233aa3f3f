"""What operators do to accounts. Every action is in the audit, in the transaction that did it."""
