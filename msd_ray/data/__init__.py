"""From files to sentences, token ids and batches."""
