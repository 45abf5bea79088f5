"""Long proofs: each shows figures against bounds, on real parts."""
