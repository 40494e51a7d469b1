"""The panes of the trade screen: each is a pure function from a view to lines of text, in a widget that repaints what changed."""
