//! What differs between two artifacts, from the index of an image down to a byte of a file.
