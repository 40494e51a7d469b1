"""What each command does; ``cockpit.cli`` declares their options."""
