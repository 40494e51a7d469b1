"""What a second process does for a session that cannot help itself: kill it at the venue, and watch whether that is needed."""
