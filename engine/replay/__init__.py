"""Time travel through a recording: any state by its number or time, what led to it, and whether today's code decides the same."""
