"""The truth: what happened to each dataset, in order and durable.

base         what the engine sees: writes, entries, receipts, the store and its logs
codec        events <-> bytes
redis_store  the store on any Redis >= 7 or Valkey; redis_log one dataset's log in it
settings     whether that server can lose what it acknowledged
embedded     a Valkey server of our own, for those who have none
"""
