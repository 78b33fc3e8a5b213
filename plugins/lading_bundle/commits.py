"""Fix the addresses of a package: the commit of each git address. Report those that cannot be verified."""

from __future__ import annotations

import os
import re
from dataclasses import replace

from packaging.requirements import Requirement

from lading import Command, Context, child_environment, run_command

from .addresses import Address, at_commit, repository
from .pins import Pins

_TIMEOUT = 60.0  # seconds
_NETWORK = ("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSH_AUTH_SOCK", "SSL_CERT_FILE")
_REFERENCE = re.compile(r"([0-9a-f]{40})\t(\S+)")


def at_commits(pins: Pins, context: Context) -> Pins:
    """The pins with the commit of each git address. Warns of an address that has no commit and no hash."""
    return replace(pins, addresses={name: _fixed(address, context) for name, address in pins.addresses.items()})


def _fixed(address: Address, context: Context) -> Address:
    if address.has_hash:
        return address
    if not address.is_git:
        message = f"{address.line} has no hash, so the installed file cannot be verified: add #sha256=HASH"
        context.warn(message)
        return address
    place, revision = repository(address.url)
    commit, why = _commit(place, revision or "HEAD", context)
    if not commit:
        message = f"{address.line} is not fixed at a commit, so a later installation may differ: {why}"
        context.warn(message)
        return address
    context.progress("environment", f"{address.requirement.name} is at the commit {commit}")
    fixed = f"{address.line.partition(' @ ')[0]} @ {at_commit(address.url, commit)}"
    return replace(address, requirement=Requirement(fixed))


def _commit(place: str, revision: str, context: Context) -> tuple[str, str]:
    """The commit of a branch or a tag, as pip chooses it, or the reason why it is not known."""
    argv = ("git", "ls-remote", "--", place, revision, f"{revision}^{{}}")
    networks = [name for name in os.environ if name.upper() in _NETWORK]
    env = child_environment(networks, GIT_TERMINAL_PROMPT="0", GIT_ALLOW_PROTOCOL="file:git:http:https:ssh")
    try:
        done = run_command(Command(argv, context.work, env), timeout=_TIMEOUT, cancelled=lambda: context.cancelled)
    except FileNotFoundError:
        return "", "git is not installed here"
    found = {match[2]: match[1] for line in done.tail if (match := _REFERENCE.fullmatch(line))}
    for name in (revision, f"refs/heads/{revision}", f"refs/tags/{revision}^{{}}", f"refs/tags/{revision}"):
        if done.code == 0 and name in found:
            return found[name], ""
    if done.code == 0:
        return "", f"git ls-remote does not find {revision}"
    return "", "git ls-remote cannot read the repository"
