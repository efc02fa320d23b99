"""Re-identification: who is this? With and without generated training pictures."""
