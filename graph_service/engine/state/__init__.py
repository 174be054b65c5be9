"""What a dataset's log adds up to: samples, labels, leases, nodes; and the log's events against it."""
