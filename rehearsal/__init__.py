"""The stand-in cloud, its hosts and the rehearsal on it; knows nothing of the tasks but their commands."""
