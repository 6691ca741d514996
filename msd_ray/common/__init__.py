"""Small modules that all other packages use.

errors      errors that are shown to the user, warnings, and running a command
files       atomic writes of files and directories
interrupts  Ctrl-C and SIGTERM
limits      bounds on untrusted input: file sizes, Parquet columns, names
manifest    files with hashes, verified when they are read
sqlite      URLs of SQLite files, and what holds a locked one
text        printable text: no control characters, no passwords
"""
