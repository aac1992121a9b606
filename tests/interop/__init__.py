"""Real peers: servers our client delivers to, and clients our server receives from.

Nothing here is mocked. The daemons are Debian packages, started by the fixtures in
`conftest.py` on free loopback ports from configurations written into a temporary folder, and
stopped by their process ids. `test_lab.py` proves the lab itself, without mailproto; only then
is a failure in `test_our_client.py` or `test_our_server.py` a statement about mailproto.
"""

__all__: list[str] = []
