"""`grantway`, but every call of the store travels alone: what gathering is compared with.

python -m bench.plain serve …
"""

from grantway.cli.main import main
from grantway.storage.postgres import batches
from grantway.storage.sqlite import connections

batches.LANES, batches.MOST = 1000, 1
connections.MOST_TOGETHER = 1

if __name__ == "__main__":
    main()
