"""Reading `dockerfileInstructions` for what a virtual environment can hold."""

import json
import re
import shlex
from collections.abc import Iterator

import msgspec

from modelyard.engines.builds import BuildFailed

_QUIET = frozenset({
    "--no-cache-dir", "--no-cache", "-q", "-qq", "--quiet", "--user", "--system", "--upgrade", "-U",
    "--disable-pip-version-check", "--break-system-packages", "--no-input", "-y", "-v", "--verbose",
    "--no-warn-script-location", "--ignore-installed", "-I", "--force-reinstall", "--prefer-binary",
    "--no-progress", "--no-python-version-warning", "--compile-bytecode",
})  # fmt: skip
_QUIET_WITH_VALUE = frozenset({
    "--progress-bar", "--root-user-action", "--timeout", "--default-timeout", "--retries", "--upgrade-strategy",
})  # fmt: skip
_KEPT = {"--pre": "--prerelease=allow"}
_KEPT_WITH_VALUE = {
    "-i": "--default-index",
    "--index-url": "--default-index",
    "--default-index": "--default-index",
    "--extra-index-url": "--index",
    "--index": "--index",
    "-f": "--find-links",
    "--find-links": "--find-links",
    "--trusted-host": "--allow-insecure-host",
}
_INSTALLERS = (
    ("pip", "install"),
    ("pip3", "install"),
    ("uv", "pip", "install"),
    ("python", "-m", "pip", "install"),
    ("python3", "-m", "pip", "install"),
)
_REQUIREMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\s*(\[[A-Za-z0-9._,\s-]+\])?\s*([<>=!~;@(].*)?", re.DOTALL)
_URL = re.compile(r"https?://\S+")
_SHELL = re.compile(r"[|;`<>]|\$\(|(?<!&)&(?!&)")
_ENV_PAIR = re.compile(r"""([A-Za-z_][A-Za-z0-9_]*)=("(?:[^"\\]|\\.)*"|'[^']*'|[^\s"']*)\s*""")


class Plan(msgspec.Struct):
    """What the instructions ask for: requirements, installer options, environment variables, notes."""

    requirements: list[str] = msgspec.field(default_factory=list)
    options: list[str] = msgspec.field(default_factory=list)
    variables: dict[str, str] = msgspec.field(default_factory=dict)
    notes: list[str] = msgspec.field(default_factory=list)


def read_instructions(text: str) -> Plan:
    """The plan of a revision; raises BuildFailed that names the line which cannot be followed, and why."""
    plan = Plan()
    for number, line in _logical_lines(text):
        word, _, rest = line.partition(" ")
        try:
            match word.upper():
                case "RUN":
                    _run(plan, rest.strip())
                case "ENV":
                    plan.variables.update(_variables(rest.strip()))
                case "USER" | "LABEL" | "SHELL":
                    plan.notes.append(f"line {number}: {word} has no meaning here and is passed over")
                case _:
                    raise BuildFailed(
                        f"{word} is not understood. This server builds virtual environments, not images: it reads"
                        " RUN pip install, RUN uv pip install and ENV."
                    )
        except BuildFailed as reason:
            raise BuildFailed(f"Line {number}: `{line[:200]}`: {reason}") from None
    return plan


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """The instructions with the number of their first line; comments and continuations resolved."""
    parts: list[str] = []
    first = 0
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        first = first if parts else number
        if line.endswith("\\"):
            parts.append(line[:-1].strip())
            continue
        yield first, " ".join([*parts, line])
        parts = []
    if parts:
        yield first, " ".join(parts)


def _run(plan: Plan, command: str) -> None:
    if command.startswith("["):
        try:
            words = json.loads(command)
        except ValueError:
            raise BuildFailed("the JSON form of RUN is not valid JSON.") from None
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            raise BuildFailed("the JSON form of RUN is a list of texts.")
        _install(plan, words)
        return
    unquoted = re.sub(r"\"[^\"]*\"|'[^']*'", "", command)
    if _SHELL.search(unquoted):
        raise BuildFailed("pipes, redirections and substitutions are not followed; write plain pip commands.")
    try:
        words = shlex.split(command, comments=False)
    except ValueError as error:
        raise BuildFailed(f"the quotes do not match ({error}).") from None
    for part in _split(words, "&&"):
        _install(plan, part)


def _split(words: list[str], mark: str) -> Iterator[list[str]]:
    part: list[str] = []
    for word in [*words, mark]:
        if word == mark:
            yield part
            part = []
        else:
            part.append(word)


def _install(plan: Plan, words: list[str]) -> None:
    rest = next((words[len(form) :] for form in _INSTALLERS if tuple(words[: len(form)]) == form), None)
    if rest is None:
        raise BuildFailed(
            "only `pip install` and `uv pip install` can be run; system packages and other programs need to be"
            " installed on this machine by its administrator."
        )
    before = len(plan.requirements)
    arguments = iter(rest)
    for argument in arguments:
        name, equals, value = argument.partition("=") if argument.startswith("--") else (argument, "", "")
        if name in _QUIET:
            continue
        if name in _KEPT:
            plan.options.append(_KEPT[name])
        elif name in _QUIET_WITH_VALUE or name in _KEPT_WITH_VALUE:
            given = value if equals else next(arguments, "")
            if name in _KEPT_WITH_VALUE:
                plan.options += [_KEPT_WITH_VALUE[name], _remote(given)]
        elif argument.startswith("-"):
            raise BuildFailed(_why_not(argument))
        else:
            plan.requirements.append(_requirement(argument))
    if len(plan.requirements) == before:
        raise BuildFailed("there is no package to install.")


def _requirement(text: str) -> str:
    if _URL.fullmatch(text):
        return text
    if not _REQUIREMENT.fullmatch(text) or "file:" in text.lower() or text.startswith((".", "/")):
        raise BuildFailed(f"`{text}` is not a package requirement; files of projects are not there in builds.")
    return text


def _remote(text: str) -> str:
    if not text or text.startswith(("-", "/", ".", "~")) or "file:" in text.lower():
        raise BuildFailed("an index or host must be named as one of the network, not as a path.")
    return text


def _why_not(option: str) -> str:
    if option in {"-r", "--requirement", "-c", "--constraint"} or option.startswith(("--requirement=", "-r")):
        return "requirement files are not there in builds; name the packages themselves."
    if option in {"-e", "--editable"}:
        return "editable installs need the files of a project, which are not there in builds."
    return f"the option {option} is not understood."


def _variables(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    position = 0
    while position < len(text):
        match = _ENV_PAIR.match(text, position)
        if match is None:
            break
        value = match[2]
        quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
        found[match[1]] = value[1:-1].replace('\\"', '"') if quoted else value
        position = match.end()
    if position < len(text) or not found:
        name, _, value = text.partition(" ")
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) or not value:
            raise BuildFailed("ENV takes NAME=value pairs.")
        return {name: value.strip()}
    return found
