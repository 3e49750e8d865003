//! Packages of Debian, RPM and Alpine: chosen once, locked by digest, and unpacked without running anything.
