"""CSV files as programs write them oddly."""

from __future__ import annotations

from random import Random

import polars as pl
from fuzz_frames import ODD_NAMES, TEXTS, damaged, frame


def csv_damaged(random: Random) -> tuple[str, bytes]:
    return random.choice(("csv", "csv", "tsv")), damaged(csv_of(frame(random)), random)


def csv_of(panel: pl.DataFrame, separator: str = ",") -> bytes:
    return panel.write_csv(separator=separator).encode("utf-8", "replace")


def csv_written(random: Random) -> tuple[str, bytes]:
    """Encodings, line ends, delimiters, ragged rows, headers and quotes."""
    text = csv_of(frame(random)).decode()
    header, *lines = text.split("\n")
    match random.randrange(12):
        case 0:
            encoding = random.choice(
                ("utf-16", "utf-16-le", "utf-16-be", "gb18030", "utf-8-sig", "latin-1", "utf-32", "utf-7")
            )
            return "csv", (text.replace("a", "上海é")).encode(encoding, "replace")
        case 1:
            return "csv", text.replace("\n", random.choice(("\r\n", "\r", "\n\n", "\u2028", "\x0b", "\n\r"))).encode()
        case 2:
            return "csv", text.replace(",", random.choice((";", "\t", "|", " ", ",,", "，"))).encode()
        case 3:
            for _ in range(random.randrange(1, 5)):
                at = random.randrange(len(lines))
                lines[at] = random.choice(
                    (lines[at] + ",1", lines[at].rpartition(",")[0], "", '"' + lines[at], lines[at] + '"', ",")
                )
        case 4:
            names = header.split(",")
            names[random.randrange(len(names))] = random.choice(ODD_NAMES)
            header = ",".join(names)
        case 5:
            header = random.choice(
                (
                    header + "," + header,
                    "",
                    header.upper(),
                    header + ",",
                    "id",
                    '"' + header,
                    header.replace(",", "\x00,"),
                )
            )
        case 6:
            lines = lines * random.choice((2, 40))
        case 7:
            lines = lines[: random.choice((0, 1, 2))]
        case 8:
            at = random.randrange(len(lines))
            lines[at] = lines[at].replace(",", "," + random.choice(TEXTS), 1)
        case 9:
            lines = [f"{line}," + ",".join(["1"] * 3000) for line in lines]
            header += "," + ",".join(f"q{k}" for k in range(3000))
        case 10:
            lines = [line.replace(",", ', "', 1).replace(",", '",', 2) for line in lines]
        case _:
            return "csv", random.choice(
                (
                    b"",
                    b"\n",
                    b"\x00" * 4096,
                    b"id",
                    b"\xff\xfe",
                    b"\xef\xbb\xbf",
                    b"," * 50_000,
                    b'"' * 9999,
                    b"\n" * 9999,
                )
            )
    return "csv", "\n".join([header, *lines]).encode("utf-8", "replace")
