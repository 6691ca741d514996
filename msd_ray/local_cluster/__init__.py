"""Starts PostgreSQL, an MLflow server and a Ray head on one machine, for the jobs of one user.

    python -m msd_ray.local_cluster start     (make cluster)
    python -m msd_ray.local_cluster status
    python -m msd_ray.local_cluster stop      (make cluster-stop)

All servers listen on 127.0.0.1 and require a token or a password. They are started as processes: this package imports
neither Ray nor MLflow. Processes are recorded by process id and start time, and only those are terminated. Linux only.
"""
