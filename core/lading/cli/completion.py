"""Shell completion."""

from __future__ import annotations

import click
from click.shell_completion import BashComplete, get_completion_class

from .failure import verbose


class Bash(BashComplete):
    """Completion for bash. Bash takes `NAME:VERSION` as three words, so the words come from the line itself."""

    source_template = """\
%(complete_func)s() {
    local IFS=$' \\t\\n' line=${COMP_LINE:0:$COMP_POINT} words completion type value
    read -ra words <<< "$line"
    local count=${#words[@]} current=${line##*[[:space:]]}
    [[ -n $current ]] && count=$((count - 1))
    local begin=${current%%"${current##*:}"}
    [[ $COMP_WORDBREAKS == *:* ]] || begin=
    COMPREPLY=()
    while IFS=',' read -r type value; do
        case $type in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            plain) COMPREPLY+=("${value#"$begin"}") ;;
        esac
    done < <(COMP_WORDS=$line COMP_CWORD=$count %(complete_var)s=bash_complete "$1")
}
complete -o nosort -F %(complete_func)s %(prog_name)s
"""


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@verbose
def completion(shell: str) -> None:
    """Print the completion script of a shell.

    \b
    Example:
      lading completion bash >> ~/.bashrc
    """
    from .commands import lading

    kind = Bash if shell == "bash" else get_completion_class(shell)
    assert kind is not None, "click completes these three shells"
    click.echo(kind(lading, {}, "lading", "_LADING_COMPLETE").source())
