"""Hosts that are machines: real systemd, sudo, sshd, nginx and gunicorn, each in a container of its own (root, Debian).

A *box* (`box.py`) is a network, mount and process namespace in which all of it happens: whatever ends it, nothing remains, and
nothing in it reaches the outside. A machine boots from an overlay: below lie the layers of the *golden image* (`golden.py`:
Debian and the site's virtual environment are cached, our snippets are laid over them), on top what it has written. An "AMI" is
a copy of that topmost layer, a folder with all in which it differs from the golden image.

`MachineHosts` in `hosts.py` is what the stand-in cloud uses: `python -m rehearsal.server --hosts machines ...`, in a box.
"""
