"""Vision models as proposer and as judge."""
