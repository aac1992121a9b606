"""Speed, memory and import time of mailproto, side by side with the libraries people use today.

Run ``python -m benchmarks`` from the root of the repository (``--quick`` for a smoke run of some
seconds). Nothing here is part of the library, and nothing here opens a connection: every side,
ours and theirs, is fed the same bytes from memory.

* `workloads`: the bytes. Made from a fixed seed, so every run and every side sees the same ones.
* `ours`, `peers`, `floor`: the sides. Each does the same job on the same bytes.
* `..._pop3`: the same for POP3; what has no such ending is SMTP's, or all protocols'.
* `timing`: runs the sides of one row in turn, several rounds, in CPU time.
* `row`, `rows`: which sides meet on which workload, and what is to be reached.
* `memory`, `imports`: growth over a 1 GiB body, or a listing of a million messages; what an import
  costs. Each in a fresh process.
* `report`: the table that is printed and written to ``RESULTS.md``.
"""

__all__: list[str] = []
