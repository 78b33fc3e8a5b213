"""Archives that are not packages. Each is a good archive with changed members or changed bytes."""

from __future__ import annotations

import gzip
import io
import json
import re
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

Members = list[tuple[tarfile.TarInfo, bytes]]


def members(archive: Path) -> Members:
    with tarfile.open(archive) as opened:
        return [(info, (opened.extractfile(info) or io.BytesIO()).read()) for info in opened]


def rewrite(archive: Path, found: Members, format_: int = tarfile.USTAR_FORMAT) -> None:
    with tarfile.open(archive, "w", format=format_) as out:
        for info, data in found:
            info.size = len(data) if info.isreg() else info.size
            out.addfile(info, io.BytesIO(data) if info.isreg() else None)


def extra(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", mode: int = 0o644) -> Callable[[Members], Members]:
    def change(found: Members) -> Members:
        info = tarfile.TarInfo(name)
        info.type, info.linkname, info.mode = kind, link, mode
        return [*found, (info, b"it escaped" if kind == tarfile.REGTYPE else b"")]

    return change


def altered(name: str) -> Callable[[Members], Members]:
    return lambda found: [(info, data + b"\n" if re.fullmatch(name, info.name) else data) for info, data in found]


def without(name: str) -> Callable[[Members], Members]:
    return lambda found: [(info, data) for info, data in found if info.name != name]


def recorded(change: Callable[[dict[str, Any]], None]) -> Callable[[Members], Members]:
    def rewritten(found: Members) -> Members:
        record = json.loads(found[0][1])
        change(record)
        return [(found[0][0], json.dumps(record).encode()), *found[1:]]

    return rewritten


HOSTILE: dict[str, Callable[[Members], Members]] = {
    "parent": extra("../escaped"),
    "parent-inside": extra("package/../../escaped"),
    "absolute": extra("/tmp/lading-escaped"),
    "dot": extra("package/./x"),
    "empty-part": extra("package//x"),
    "backslash": extra("package\\..\\x"),
    "newline": extra("package/a\nb"),
    "escape": extra("package/\x1b[2J"),
    "symlink": extra("package/link", tarfile.SYMTYPE, "/etc/passwd"),
    "symlink-folder": lambda found: extra("package/up/escaped")(extra("package/up", tarfile.SYMTYPE, "../..")(found)),
    "hard-link": extra("package/hard", tarfile.LNKTYPE, "/etc/passwd"),
    "hard-link-inside": extra("package/hard", tarfile.LNKTYPE, "lading.json"),
    "fifo": extra("package/fifo", tarfile.FIFOTYPE),
    "character-device": extra("package/null", tarfile.CHRTYPE),
    "block-device": extra("package/disk", tarfile.BLKTYPE),
    "contiguous": extra("package/contiguous", tarfile.CONTTYPE),
    "sparse": extra("package/sparse", tarfile.GNUTYPE_SPARSE),
    "long-name": extra("package/long", tarfile.GNUTYPE_LONGNAME),
    "long-link": extra("package/long", tarfile.GNUTYPE_LONGLINK),
    "pax": extra("package/pax", tarfile.XHDTYPE),
    "pax-global": extra("package/pax", tarfile.XGLTYPE),
    "unknown-type": extra("package/unknown", b"Z"),
    "twice": extra("package/conda.yml"),
    "twice-in-case": extra("package/CONDA.yml"),
    "file-as-folder": extra("package/conda.yml/x"),
    "folder-as-file": extra("package"),
    "folder-over-file": extra("package/conda.yml", tarfile.DIRTYPE),
    "too-many": lambda found: [*found, *((tarfile.TarInfo(f"package/{number}"), b"") for number in range(10_001))],
    "more-than-a-package": extra("elsewhere/x"),
    "second-model": extra("model/other.joblib"),
    "altered-script": altered("package/azureml-app/score.py"),
    "altered-model": altered("model/.*"),
    "no-record": lambda found: found[1:],
    "no-model": lambda found: found[:-1],
    "no-script": without("package/azureml-app/score.py"),
    "executable-script": lambda found: [
        (info.replace(mode=0o755, deep=False) if info.name.endswith("score.py") else info, data) for info, data in found
    ],
    "record-no-json": lambda found: [(found[0][0], b"{"), *found[1:]],
    "record-of-another-format": recorded(lambda record: record.update(format=2)),
    "record-with-another-key": recorded(lambda record: record.update(shell="true")),
    "record-leads-out": recorded(lambda record: record.update(scoring_script="../../../../etc/passwd")),
    "record-of-another-model": recorded(lambda record: record["model"].update(sha256="0" * 64)),
    "record-file-leads-out": recorded(lambda record: record["model"].update(file_name="../lading.json")),
    "record-file-is-dots": recorded(lambda record: record["model"].update(file_name="..")),
    "record-name-leads-out": recorded(lambda record: record["model"].update(name="../../x")),
    "record-digest": recorded(lambda record: record.update(digest="0" * 64)),
    "record-types": recorded(lambda record: record.update(requirements=[1])),
}
BROKEN: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "no-archive": lambda data: b"no archive at all" * 100,
    "cut-off": lambda data: data[:-3000],
    "cut-off-header": lambda data: data[:700],
    "wrong-checksum": lambda data: data[:148] + b"0000000\0" + data[156:],
    "negative-size": lambda data: with_size(data, b"\xff" * 12),
    "huge-size": lambda data: with_size(data, b"\x80" + b"\xff" * 11),
    "no-size": lambda data: with_size(data, b"xxxxxxxxxxx\0"),
    "gzip-damaged": lambda data: gzip.compress(data)[:200] + b"nonsense" * 20,
    "gzip-cut-off": lambda data: gzip.compress(data)[:-2000],
    "gzip-header-alone": lambda data: b"\x1f\x8b",
    "gzip-bomb": lambda data: gzip.compress(with_size(data, b"00777777777\0") + bytes(80 << 20), 9),
}


def with_size(data: bytes, size: bytes) -> bytes:
    """The archive with another size in its first header, and a matching checksum."""
    header = bytearray(data[:512])
    header[124:136] = size
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + data[512:]
