"""Where orders go: the port that the engine sees, and one package per venue."""
