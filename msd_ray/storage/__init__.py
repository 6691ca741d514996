"""Artifacts addressed by a hash of their content, in a directory or an object store.

layout.py               Storage: paths of artifacts, content keys, exclusive locks
artifacts.py            stored directories and trainings: verify, repair, download, upload
transfer.py             downloads and uploads of directories and trainings, with digests
object_store.py         ObjectStore: whole objects below s3://BUCKET/PREFIX or gs://BUCKET/PREFIX
lease.py                exclusive lock of a study in an object store
uses.py                 which studies use which artifacts
inventory.py            all artifacts of a storage with size and age
garbage_collection.py   which artifacts can be removed, and their removal
__main__.py             the command `python -m msd_ray.storage`
"""
