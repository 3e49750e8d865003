//! Keys, signatures and the envelopes that carry them: DSSE and Sigstore bundles.
