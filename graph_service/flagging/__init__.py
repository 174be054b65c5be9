"""Which labels look wrong, and which neighbours say so."""
