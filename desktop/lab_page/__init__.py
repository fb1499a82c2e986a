"""The Lab page: precisions side by side, the best number of threads, and what a service needs."""
