"""What the checks in this folder run in: a virtual environment in the user's cache, and cargo."""

import importlib.metadata
import os
import pathlib
import subprocess
import sys
import venv

PARITY = pathlib.Path(__file__).resolve().parent
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "sinew"


def enter(packages):
    """Begins the program again in a virtual environment with `packages` ("name==version"), unless it has them already.

    The environment is made if it is not there, which needs the network.
    """
    if all(installed(package) for package in packages):
        return
    folder = CACHE / ("parity-" + "-".join(package.replace("==", "-") for package in packages))
    python = folder / "bin" / "python"
    done = folder / "done"
    if pathlib.Path(sys.prefix) == folder:
        sys.exit(f"{folder} does not hold {', '.join(packages)}: remove it and begin again")
    if not done.exists():
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
        done.touch()
    os.execv(python, [python, *sys.argv])


def installed(package):
    """Whether this interpreter has a package in this version, however it was built."""
    name, version = package.split("==")
    try:
        return importlib.metadata.version(name).split("+")[0] == version
    except importlib.metadata.PackageNotFoundError:
        return False


def cargo(arguments, **variables):
    """Runs cargo in release mode and gives its standard output."""
    command = ["cargo", arguments[0], "--release", *arguments[1:]]
    process = subprocess.run(
        command, cwd=PARITY, env=os.environ | variables, check=True, stdout=subprocess.PIPE, text=True
    )
    return process.stdout
