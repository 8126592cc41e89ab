// Removed when the tool is written.
