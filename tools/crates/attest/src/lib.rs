//! Statements about artifacts (in-toto, SLSA), and the policies that decide which of them hold.
