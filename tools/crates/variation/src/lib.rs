//! The same build under other conditions, and the first action that did not do the same.
