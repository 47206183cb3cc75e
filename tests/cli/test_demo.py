"""`grantway demo`, as a process: three servers up, three servers down."""

import json
import signal

import pytest

from tests.cli.processes import free_ports, running, status


def addresses():
    names = ("GRANTWAY_DEMO_PORT", "GRANTWAY_DEMO_APP_PORT", "GRANTWAY_DEMO_API_PORT")
    return dict(zip(names, map(str, free_ports(3)), strict=True))


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_everything_answers_when_the_line_for_scripts_is_printed_and_stops_with_one_signal(tmp_path, how):
    with running(tmp_path, "demo", "--json", **addresses()) as demo:
        demo.wait_for(lambda: demo.said["stdout"].endswith("\n"))
        line = json.loads(demo.said["stdout"])
        assert status(line["issuer"] + "/.well-known/oauth-authorization-server") == 200
        assert status(line["app"]) == 200
        assert status(line["api"] + "/photos") == 401
        assert [one["username"] for one in line["people"]] == ["ada", "grace"]
        assert demo.stop(how) == 0
        assert demo.said["stderr"] == ""
        assert [status(line[name]) for name in ("issuer", "app", "api")] == [None, None, None]
    assert list(tmp_path.iterdir()) == []


def test_people_are_told_what_to_click(tmp_path):
    chosen = addresses()
    with running(tmp_path, "demo", **chosen) as demo:
        demo.wait_for(lambda: "Ctrl-C" in demo.said["stdout"])
        for name in chosen.values():
            assert name in demo.said["stdout"]
        assert "ada / " in demo.said["stdout"]
        demo.stop()


def test_data_that_is_kept_is_found_again_by_the_demo_and_by_other_commands(tmp_path):
    chosen = addresses()
    for _ in range(2):
        with running(tmp_path, "demo", "--json", "--data", "kept", **chosen) as demo:
            demo.wait_for(lambda demo=demo: demo.said["stdout"].endswith("\n"))
            config = json.loads(demo.said["stdout"])["config"]
            with running(tmp_path, "--config", config, "--json", "app", "list") as command:
                assert command.end() == 0, command.said
                assert [one["client_id"] for one in json.loads(command.said["stdout"])] == ["photo_printer"]
            assert demo.stop() == 0


def test_a_port_that_is_taken_is_told(tmp_path):
    chosen = addresses()
    chosen["GRANTWAY_DEMO_API_PORT"] = chosen["GRANTWAY_DEMO_APP_PORT"]
    with running(tmp_path, "demo", **chosen) as demo:
        assert demo.end() == 5
        assert "cannot listen" in demo.said["stderr"]
        assert demo.said["stderr"].splitlines()[-1].startswith("hint: ")
