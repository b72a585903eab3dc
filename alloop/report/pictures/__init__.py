"""Pictures of structures and of the strangest labelled frames: data, scenes and section of the report."""
