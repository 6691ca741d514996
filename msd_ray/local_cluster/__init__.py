"""The whole stack on one machine: PostgreSQL, an MLflow server and a Ray head, for the jobs of one user.

    python -m msd_ray.local_cluster start     (make cluster)
    python -m msd_ray.local_cluster status
    python -m msd_ray.local_cluster stop      (make cluster-stop)

Everything listens on 127.0.0.1 and asks for a token or a password. Each of the three is the software itself, started
as a process: nothing here imports Ray or MLflow. What runs is recorded by process id and start time, and that alone
is ended. Linux only.
"""
