"""Readers on a replica, by `DATABASE_REPLICA_URL`; without it nothing of this runs."""
