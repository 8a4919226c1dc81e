"""Builds: what instructions are understood, which index is used, what is built and kept."""

import asyncio
import base64
import hashlib
import zipfile
from pathlib import Path

import pytest

from modelyard.engines.builds import BuildFailed, BuildRequest
from modelyard.engines.builds.index import index_environment, masked
from modelyard.engines.builds.instructions import read_instructions
from modelyard.engines.builds.local import LocalBuilder


@pytest.mark.parametrize(
    ("text", "requirements"),
    [
        ("", []),
        ("RUN pip install numpy pandas", ["numpy", "pandas"]),
        ("# comment\n\nrun pip3 install --no-cache-dir -U 'a>=1,<2' \"b[x]==3\"", ["a>=1,<2", "b[x]==3"]),
        ("RUN python -m pip install a \\\n    # not this\n    b", ["a", "b"]),
        ("RUN uv pip install --system a && pip install b", ["a", "b"]),
        ('RUN ["pip", "install", "a"]', ["a"]),
        ("RUN pip install 'name @ https://example.org/name.whl'", ["name @ https://example.org/name.whl"]),
        ("USER root\nRUN pip install a\nUSER ubuntu", ["a"]),
    ],
)
def test_usual_forms_are_understood(text: str, requirements: list[str]) -> None:
    assert read_instructions(text).requirements == requirements


def test_variables_in_both_forms() -> None:
    plan = read_instructions("ENV A=1 B=\"two words\" C='x'\nENV D four words")
    assert plan.variables == {"A": "1", "B": "two words", "C": "x", "D": "four words"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("RUN pip install a\nRUN apt-get install -y curl", "Line 2: .*apt-get.*administrator"),
        ("COPY . /app", "Line 1: .*COPY is not understood"),
        ("FROM ubuntu", "FROM is not understood"),
        ("RUN pip install -r requirements.txt", "requirement files"),
        ("RUN pip install -e .", "editable"),
        ("RUN pip install ./local", "not a package requirement"),
        ("RUN pip install 'x @ file:///etc/passwd'", "not a package requirement"),
        ("RUN pip install a; rm -rf /", "pipes, redirections"),
        ("RUN pip install $(cat /etc/passwd)", "pipes, redirections"),
        ("RUN pip install a | tee log", "pipes, redirections"),
        ("RUN pip install --target /etc a", "the option --target"),
        ("RUN pip install --find-links /etc a", "not as a path"),
        ("RUN pip install", "no package"),
        ("RUN pip install 'a", "quotes"),
        ("ENV", "NAME=value"),
    ],
)
def test_what_cannot_be_followed_is_named_with_its_line(text: str, reason: str) -> None:
    with pytest.raises(BuildFailed, match=reason):
        read_instructions(text)


def test_pip_configuration_in_uvs_words(tmp_path: Path) -> None:
    config = tmp_path / "pip" / "pip.conf"
    config.parent.mkdir()
    config.write_text("[global]\nindex-url = https://u:p@host/simple\nextra-index-url = https://a https://b\n")
    environ = {"XDG_CONFIG_HOME": str(tmp_path), "HOME": str(tmp_path), "PIP_EXTRA_INDEX_URL": "https://c"}
    found = index_environment(environ)
    assert found["UV_DEFAULT_INDEX"] == "https://u:p@host/simple"
    assert found["UV_INDEX"] == "https://c"
    assert found["UV_INDEX_STRATEGY"] == "unsafe-best-match"
    assert index_environment(environ | {"UV_DEFAULT_INDEX": "https://own"})["UV_DEFAULT_INDEX"] == "https://own"
    assert masked("at https://u:p@host/simple") == "at https://****@host/simple"


def wheel(
    folder: Path, name: str, version: str = "1.0", body: str = "", more: dict[str, bytes] | None = None
) -> None:
    """A tiny wheel of one module and some more files, made by hand."""
    folder.mkdir(exist_ok=True)
    info = f"{name}-{version}.dist-info"
    files = {
        **(more or {}),
        f"{name}.py": body.encode(),
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = [
        f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b'=').decode()},{len(content)}"
        for path, content in files.items()
    ]
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)
        archive.writestr(f"{info}/RECORD", "\n".join([*record, f"{info}/RECORD,,"]) + "\n")


@pytest.fixture
def builder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalBuilder:
    wheel(tmp_path / "wheels", "tinyone", body="VALUE = 41")
    wheel(tmp_path / "wheels", "tinyone", "2.0", body="VALUE = 42")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    return LocalBuilder(tmp_path / "envs", lambda argv, _mounts, _place: list(argv), tmp_path / "cache")


async def _build(builder: LocalBuilder, text: str) -> tuple[str, str, list[str]]:
    said: list[str] = []
    built = await builder.build(BuildRequest(image="python", instructions=text), said.append)
    return built.key, built.lock, said


async def test_the_same_content_is_built_once(builder: LocalBuilder) -> None:
    key, lock, _ = await _build(builder, "RUN pip install 'tinyone<2'")
    assert "tinyone==1.0" in lock
    assert "--hash=sha256:" in lock
    place = builder.place(key)
    assert place is not None
    same, _, said = await _build(builder, "# otherwise written\nRUN pip install --quiet 'tinyone<2'")
    assert same == key
    assert any("built before" in line for line in said)
    process = await asyncio.create_subprocess_exec(
        place / "bin" / "python", "-c", "import tinyone; print(tinyone.VALUE)", stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert out.strip() == b"41"


async def test_other_words_for_the_same_packages_get_the_same_environment(builder: LocalBuilder) -> None:
    key, lock, _ = await _build(builder, "RUN pip install tinyone")
    same, same_lock, said = await _build(builder, "RUN pip install tinyone==2.0")
    assert (same, same_lock) == (key, lock)
    assert not any("Making the virtual environment" in line for line in said)
    other, _, _ = await _build(builder, "RUN pip install tinyone==1.0")
    assert other != key
    anew = BuildRequest(image="python", instructions="RUN pip install 'tinyone>=2'", skip_cache=True)
    assert (await builder.build(anew, lambda _line: None)).key != key

    place = builder.place(key)
    assert place is not None
    (place / "modelyard-complete.json").unlink()
    made, _, said = await _build(builder, "RUN pip install 'tinyone>1'")
    assert made != key
    assert any("Making the virtual environment" in line for line in said)


async def test_two_builders_at_once_make_one_environment(builder: LocalBuilder) -> None:
    both = await asyncio.gather(*(_build(builder, "RUN pip install tinyone") for _ in range(2)))
    assert both[0][0] == both[1][0]
    assert sum("Making the virtual environment" in said for *_, said in both) == 1


async def test_a_half_made_environment_is_made_again(builder: LocalBuilder) -> None:
    key, _, _ = await _build(builder, "RUN pip install tinyone")
    place = builder.place(key)
    assert place is not None
    (place / "modelyard-complete.json").unlink()
    assert builder.place(key) is None
    assert (await _build(builder, "RUN pip install tinyone"))[0] == key
    assert builder.place(key) is not None


async def test_an_environment_comes_back_from_its_lock(builder: LocalBuilder, tmp_path: Path) -> None:
    key, lock, _ = await _build(builder, "RUN pip install 'tinyone<2'")
    elsewhere = LocalBuilder(tmp_path / "other", lambda argv, _mounts, _place: list(argv), tmp_path / "cache")
    place = await elsewhere.rebuild(key, lock, "python", lambda _line: None)
    assert (place / "bin" / "python").exists()
    assert elsewhere.place(key) == place


async def test_an_unknown_package_is_said(builder: LocalBuilder) -> None:
    with pytest.raises(BuildFailed, match="no-such-package"):
        await _build(builder, "RUN pip install no-such-package")


async def test_an_unknown_python_is_said(builder: LocalBuilder) -> None:
    with pytest.raises(BuildFailed, match=r"Python 3\.99 is not installed"):
        await builder.build(BuildRequest(image="python:3.99-slim", instructions=""), lambda _line: None)


async def test_an_index_that_is_out_of_reach_is_said(
    builder: LocalBuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    with pytest.raises(BuildFailed, match="No package index could be reached"):
        await _build(builder, "RUN pip install elsewhere")
