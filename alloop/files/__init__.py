"""Locks, leases, durable writes, plain files, canonical JSON: what everything else stands on."""
