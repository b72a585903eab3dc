"""Files that other rooms use: locks, leases, durable writes, plain files, canonical JSON."""
