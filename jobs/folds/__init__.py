"""Cross-validation: one training and test per fold, or per pair of corpora."""
