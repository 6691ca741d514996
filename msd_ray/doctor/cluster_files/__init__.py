"""Looks at the files of `cluster/` before a cloud does: launcher YAMLs, Kubernetes manifests, compose files.

What Ray's own schema, Kubernetes and a provider would refuse late or not at all is found here: a key that nobody
reads, a node with a public address, a password in a file, an image of another Ray, resources that no trial asks for.
`check.py` is the way in, `python -m msd_ray.doctor --cluster-files` the command.
"""
