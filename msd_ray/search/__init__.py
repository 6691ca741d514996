"""Search: spaces, the studies that propose trials, early stopping, the teacher store, Tune and Train."""
