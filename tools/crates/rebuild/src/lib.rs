//! A published image made once more from what its provenance says, and compared.
