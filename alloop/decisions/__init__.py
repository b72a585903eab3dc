"""State -> the next tasks and the next events, and all questions they ask. Pure."""
