"""Node.js for clients written in JavaScript: the one inside Playwright's wheel, the same everywhere."""

import asyncio
import subprocess
from pathlib import Path

import playwright

NODE = Path(playwright.__file__).parent / "driver" / "node"
FOLDER = Path(__file__).parents[1] / "npm"


async def run_script(script: str, *arguments: str, within: float = 30.0) -> str:
    """Run an ES module that may import what tests/npm/package.json names; answer what it prints."""
    command = [str(NODE), "--input-type=module", "--eval", script, "--", *arguments]
    process = await asyncio.create_subprocess_exec(
        *command, cwd=FOLDER, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), within)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    assert process.returncode == 0, err.decode()
    return out.decode()
