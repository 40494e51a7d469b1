"""A session's record: written as it happens, durable before anything leaves, read back by anyone, exported for others."""
