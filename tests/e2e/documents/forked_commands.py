"""Run `recsvc` in forks of one process that has imported it, which saves a second each.

The shell finds a script of this name first on its PATH. The script hands its arguments, folder,
environment and open files to the process, which forks, runs the command and returns the exit code.
"""

import json
import os
import socket
import subprocess
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

MODULE = "tests.e2e.documents.forked_commands"
MOST_BYTES = 1 << 16
CLIENT = """
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect("\\0{name}")
    asked = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
    socket.send_fds(server, [asked], [0, 1, 2])
    sys.exit(int(server.recv(16) or b"1"))
"""


def start(folder: Path, environment: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    """Start the process; write the script `recsvc` into the folder."""
    name = f"recsvc-commands-{uuid4()}"  # an abstract address: paths of sockets are short
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(f"\0{name}")
    listener.listen()
    write_script(folder, "recsvc", CLIENT.format(name=name))
    with listener:
        return subprocess.Popen(
            [sys.executable, "-m", MODULE, str(listener.fileno())],
            pass_fds=[listener.fileno()],
            env=environment,
        )


def write_script(folder: Path, name: str, source: str) -> None:
    """Write a command of this name that runs Python source, without site packages."""
    program, script = folder / f"{name}.py", folder / name
    program.write_text(source)
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -SEs "{program}" "$@"\n')
    script.chmod(0o755)


def _serve(listener: socket.socket) -> None:
    from recsvc.cli.command_modules import CommandModules
    from recsvc.cli.main import app

    list(CommandModules().values())  # imports each command
    parent = os.getppid()
    listener.settimeout(1.0)
    while os.getppid() == parent:  # a killed test leaves no process behind
        try:
            connection, _ = listener.accept()
        except TimeoutError:
            continue
        if os.fork():
            connection.close()
            continue
        listener.close()
        os._exit(_run(app, connection))


def _run(app: object, connection: socket.socket) -> int:
    asked, files, _, _ = socket.recv_fds(connection, MOST_BYTES, 3)
    words, folder, environment = json.loads(asked)
    for target, source in enumerate(files):
        os.dup2(source, target)
        os.close(source)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["recsvc", *words]
    code = _exit_code(app)
    connection.send(str(code).encode())
    return code


def _exit_code(app: object) -> int:
    try:
        app()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
