// Removed when the room is filled.
