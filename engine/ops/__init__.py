"""What a session runs on: profiles and their files, keys, folders, and the lock on an account."""
