"""Scores of models and of results: metrics, published protocols, the evaluator, its records."""
