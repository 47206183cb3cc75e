"""The configuration that run-it.md prints is good: nginx serves with it, systemd reads it."""

import configparser
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import pytest

from grantway.settings import ServerSettings
from tests.certificates import Authority
from tests.node import Visitor, free_port, leaving_url, seeded_node, sqlite_url
from tests.services.nginx import AROUND
from tests.serving import PATIENCE

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "run-it.md"
CERTIFIED = """
    ssl_certificate {certificate};
    ssl_certificate_key {key};
{printed}
"""


def block(kind: str) -> str:
    found = re.search(rf"^```{kind}\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[1]


@pytest.fixture
def nginx(tmp_path):
    """nginx with the printed lines, but for the ports; Debian's may be older than `http2 on`."""
    tmp_path.chmod(0o755)
    program = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
    assert program, "nginx not found: run scripts/test_services.py"
    certificate, key = Authority().issue("CN=id.example", dns=["id.example"]).write(tmp_path, "server")
    port, upstream = free_port(), free_port()
    printed = block("nginx").replace("127.0.0.1:8600", f"127.0.0.1:{upstream}")
    printed = printed.replace("listen 443 ssl", f"listen 127.0.0.1:{port} ssl")
    version = subprocess.run(
        [program, "-v"], capture_output=True, text=True, check=True, timeout=PATIENCE
    ).stderr
    if tuple(map(int, re.findall(r"\d+", version)[:3])) < (1, 25, 1):
        printed = printed.replace(" ssl;\n    http2 on;", " ssl http2;")
    config = tmp_path / "nginx.conf"
    lines = CERTIFIED.format(certificate=certificate, key=key, printed=printed)
    config.write_text(AROUND.format(folder=tmp_path, excerpt=lines))
    command = [program, "-p", str(tmp_path), "-c", str(config), "-e", str(tmp_path / "error.log")]
    checked = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert checked.returncode == 0, checked.stderr
    with subprocess.Popen(command) as process:
        time.sleep(0.3)
        yield port, upstream
        process.terminate()
        process.wait(timeout=PATIENCE)


async def test_a_whole_flow_runs_through_the_printed_nginx(nginx, tmp_path):
    """FN17: also with the longest state there is, whose sealed answer no default of nginx lets through."""
    port, upstream = nginx
    server = ServerSettings(trusted_proxies=("127.0.0.1",), hosts=("id.example",))
    async with seeded_node(sqlite_url(tmp_path), port=upstream, server=server) as node:
        visitor = Visitor(node)
        visitor.http = httpx2.AsyncClient(
            base_url=f"https://127.0.0.1:{port}",
            verify=False,
            trust_env=False,
            headers={"host": "id.example"},
        )
        node.opened.append(visitor.http)
        node.issuer = f"https://127.0.0.1:{port}"
        reply = await visitor.http.get("/.well-known/oauth-authorization-server")
        assert (200, f"http://127.0.0.1:{upstream}") == (reply.status_code, reply.json()["issuer"])
        state = "é" * 1024
        page = await visitor.get(visitor.link(state=state))
        assert 'id="login-submit"' in page.text, page.text[:300]
        page = await visitor.submit(await visitor.sign_in(page), answer="allow")
        assert leaving_url(page) is not None, (page.status_code, page.text[:300])


def test_systemd_reads_the_printed_unit(tmp_path):
    """FN17: every line is one it knows, and the command is one of ours."""
    unit = block("ini")
    program = tmp_path / "grantway"
    program.symlink_to("/bin/true")
    (tmp_path / "grantway.service").write_text(unit.replace("/opt/grantway/bin/grantway", str(program)))
    analyze = shutil.which("systemd-analyze")
    if analyze:
        done = subprocess.run(
            [analyze, "verify", "--man=no", str(tmp_path / "grantway.service")],
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        ours = [line for line in done.stderr.splitlines() if "grantway.service" in line]
        assert [] == [
            line for line in ours if "Unknown" in line or "nvalid" in line or "Failed to parse" in line
        ]
    parsed = configparser.RawConfigParser(strict=False)
    parsed.optionxform = str
    parsed.read_string(unit)
    command = parsed["Service"]["ExecStart"].split()[1:]
    shown = subprocess.run(
        [sys.executable, "-m", "grantway", *command, "--help"],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert (0, True) == (shown.returncode, "Run the server" in shown.stdout)
