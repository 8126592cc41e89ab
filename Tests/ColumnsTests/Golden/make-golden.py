"""Makes the golden files of ColumnsTests; see PROVENANCE.md.

    python3 make-golden.py PARQUET_TESTING_FOLDER

writes `files.tar.zst` (Parquet files by four writers, and those of apache/parquet-testing) and `rows.json.zst`: for each
file what pyarrow reads in it, as JSON in the form of `RecordBatch.appendJSON`.
"""

import datetime
import decimal
import json
import math
import os
import random
import subprocess
import sys
import tempfile

import duckdb
import fastparquet
import numpy
import pandas
import polars
import pyarrow
import pyarrow.parquet

KEPT = 40  # Of longer files, so many first and so many last rows are kept.


def say(value, kind):
    """A Python value of a column of pyarrow as JSON says it."""
    types = pyarrow.types
    if types.is_dictionary(kind):
        return say(value, kind.value_type)
    if isinstance(kind, pyarrow.BaseExtensionType):
        return say(value, kind.storage_type)
    if value is None:
        return None
    if types.is_struct(kind):
        return {field.name: say(value.get(field.name), field.type) for field in kind}
    if types.is_map(kind):
        return [{"key": say(key, kind.key_type), "value": say(item, kind.item_type)} for key, item in value]
    if hasattr(kind, "value_type") and isinstance(value, list):
        return [say(item, kind.value_type) for item in value]
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, float):
        if math.isnan(value):
            return None
        if math.isinf(value):
            raise OverflowError("infinity")
        if types.is_float32(kind):
            return float(str(numpy.float32(value)))
        if types.is_float16(kind):
            return float(str(numpy.float16(value)))
        return value
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    return value


def column(array):
    """The values of a column; moments from their integers, since Python's have no nanoseconds and few years."""
    kind = array.type
    types = pyarrow.types
    if types.is_timestamp(kind) or types.is_time(kind) or types.is_date(kind) or types.is_duration(kind):
        width = pyarrow.int32() if types.is_time32(kind) or types.is_date32(kind) else pyarrow.int64()
        return [None if value is None else moment(value, kind) for value in array.cast(width).to_pylist()]
    return [say(value, kind) for value in array.to_pylist()]


DIGITS = {"s": 0, "ms": 3, "us": 6, "ns": 9}


def clock(ticks, unit):
    seconds, rest = divmod(ticks, 10 ** DIGITS[unit])
    text = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return text + (f".{rest:0{DIGITS[unit]}}" if DIGITS[unit] else "")


def date(days):
    return str(numpy.datetime64(days, "D"))


def moment(value, kind):
    types = pyarrow.types
    if types.is_date32(kind):
        return date(value)
    if types.is_date64(kind):
        return date(value // 86_400_000)
    if types.is_duration(kind):
        return value
    if types.is_time(kind):
        return clock(value, kind.unit)
    days, ticks = divmod(value, 86_400 * 10 ** DIGITS[kind.unit])
    return date(days) + "T" + clock(ticks, kind.unit) + ("Z" if kind.tz else "")


def read(path):
    try:
        table = pyarrow.parquet.ParquetFile(path, page_checksum_verification=False).read()
        table.validate(full=True)
    except Exception as error:
        return {"error": type(error).__name__}
    columns, left_out = {}, []
    for name in table.column_names:
        if table.column_names.count(name) > 1:
            return {"error": "repeated names"}
        try:
            columns[name] = column(table[name])
        except OverflowError:
            left_out.append(name)
    rows = [dict(zip(columns, values)) for values in zip(*columns.values())]
    if len(rows) > 2 * KEPT:
        rows = rows[:KEPT] + rows[-KEPT:]
    return {"rowCount": table.num_rows, "columns": list(columns), "leftOut": left_out, "rows": rows}


def published(seed, count):
    """Rows as the published sets of images have them: an image, an id, questions; with everything that may be missing."""
    generator = random.Random(seed)
    words = ["chart", "Größe", "表", "naïve", "🎵", "a\tb", "line\nbreak", 'say "so"', "", "\x01"]
    rows = []
    for i in range(count):
        blob = generator.randbytes(generator.randrange(0, 800))
        questions = [
            {"question": generator.choice(words) + str(n), "answer": generator.choice([None, *words])}
            for n in range(generator.randrange(4))
        ]
        rows.append({
            "image": None if generator.random() < 0.1 else {"bytes": blob, "path": f"{i}.png"},
            "image_id": f"id-{i}", "page": generator.choice([None, i]), "score": generator.random() - 0.5,
            "questions": None if generator.random() < 0.1 else questions,
            "kind": generator.choice(["charts", "tables", "diagrams"]),
            "flag": generator.choice([None, True, False]),
        })  # fmt: skip
    return rows


def make(folder):
    rows = published(1, 300)
    image = pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])
    questions = pyarrow.list_(pyarrow.struct([("question", pyarrow.string()), ("answer", pyarrow.string())]))
    schema = pyarrow.schema([
        ("image", image), ("image_id", pyarrow.string()), ("page", pyarrow.int32()), ("score", pyarrow.float32()),
        ("questions", questions), ("kind", pyarrow.dictionary(pyarrow.int8(), pyarrow.string())), ("flag", pyarrow.bool_()),
    ])  # fmt: skip
    table = pyarrow.Table.from_pylist(rows, schema)
    for codec in ["none", "snappy", "gzip", "brotli", "zstd", "lz4"]:
        pyarrow.parquet.write_table(
            table, f"{folder}/pyarrow-{codec}.parquet", compression=codec, row_group_size=70, data_page_size=2000,
            data_page_version="2.0" if codec == "zstd" else "1.0",
        )  # fmt: skip
    pyarrow.parquet.write_table(table.slice(0, 0), f"{folder}/pyarrow-no-rows.parquet")
    wide = pyarrow.table({
        "large_text": pyarrow.array(["a", None, "ü" * 40], pyarrow.large_string()),
        "view": pyarrow.array(["short", None, "longer than twelve bytes"], pyarrow.string_view()),
        "binary_view": pyarrow.array([b"\0", None, b"\xff" * 40], pyarrow.binary_view()),
        "large_list": pyarrow.array([[1, None], None, []], pyarrow.large_list(pyarrow.int16())),
        "fixed_list": pyarrow.array([[1.5, 2.5], None, [0.1, None]], pyarrow.list_(pyarrow.float32(), 2)),
        "fixed_bytes": pyarrow.array([b"1234", None, b"\0\0\0\1"], pyarrow.binary(4)),
        "map": pyarrow.array([[("a", 1)], None, [("b", None), ("b", 2)]], pyarrow.map_(pyarrow.string(), pyarrow.int64())),
        "decimal": pyarrow.array([decimal.Decimal("-0.05"), None, decimal.Decimal("123456789012345678.90")], pyarrow.decimal128(30, 2)),
        "decimal256": pyarrow.array([decimal.Decimal(-1), None, decimal.Decimal("9" * 60)], pyarrow.decimal256(60, 0)),
        "unsigned": pyarrow.array([2**63 - 1, None, 0], pyarrow.uint64()),
        "byte": pyarrow.array([-128, None, 127], pyarrow.int8()),
        "half": pyarrow.array(numpy.array([0.1, numpy.nan, -2], "f2")),
        "double": pyarrow.array([1e300, None, -0.0]),
        "endless": pyarrow.array([1.0, None, math.inf]),
        "date": pyarrow.array([datetime.date(1969, 12, 31), None, datetime.date(2024, 2, 29)]),
        "date64": pyarrow.array([datetime.date(1600, 3, 1), None, datetime.date(9999, 12, 31)], pyarrow.date64()),
        "time": pyarrow.array([datetime.time(23, 59, 59), None, datetime.time(0)], pyarrow.time32("ms")),
        "moment": pyarrow.array([-1, None, 1_700_000_000_123_456_789], pyarrow.timestamp("ns", "UTC")),
        "wall": pyarrow.array([-1, None, 253_402_300_799], pyarrow.timestamp("ms")),
        "duration": pyarrow.array([-5, None, 7], pyarrow.duration("us")),
        "nothing": pyarrow.nulls(3),
        "nested": pyarrow.array([[[{"a": [1]}], []], None, [None, [{"a": None}, None]]]),
    })  # fmt: skip
    pyarrow.parquet.write_table(wide, f"{folder}/pyarrow-types.parquet")
    old = wide.slice(1).drop_columns(["moment"])
    pyarrow.parquet.write_table(old, f"{folder}/pyarrow-types-sliced.parquet", version="1.0")
    pyarrow.parquet.write_table(wide, f"{folder}/pyarrow-types-unknown-to-arrow.parquet", store_schema=False)
    duckdb.sql("SET threads = 1")
    duckdb.register("images", table)
    duckdb.sql(f"COPY (SELECT * FROM images) TO '{folder}/duckdb.parquet' (FORMAT parquet, CODEC zstd, ROW_GROUP_SIZE 100)")
    polars.from_arrow(table).write_parquet(f"{folder}/polars.parquet", row_group_size=100)
    flat = pandas.DataFrame([
        {"image": r["image"]["bytes"] if r["image"] else None, "image_id": r["image_id"], "page": r["page"],
         "score": r["score"], "kind": r["kind"]} for r in rows
    ])  # fmt: skip
    fastparquet.write(f"{folder}/fastparquet.parquet", flat, compression="GZIP", row_group_offsets=100, object_encoding={
        "image": "bytes", "image_id": "utf8", "kind": "utf8"})  # fmt: skip


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    with tempfile.TemporaryDirectory() as folder:
        make(folder)
        for kind in ["data", "data/geospatial", "bad_data"]:
            source = os.path.join(sys.argv[1], kind)
            for name in os.listdir(source):
                if name.endswith(".parquet") and "_larger" not in name:
                    copy = "apache-" + kind.replace("/", "-") + "-" + name
                    subprocess.run(["cp", os.path.join(source, name), os.path.join(folder, copy)], check=True)
        names = sorted(os.listdir(folder))
        rows = {name: read(os.path.join(folder, name)) for name in names}
        subprocess.run(
            ["tar", "--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner", "-C", folder,
             "-I", "zstd -19 --ultra -22", "-cf", f"{here}/files.tar.zst", *names], check=True)  # fmt: skip
        text = json.dumps(rows, ensure_ascii=False, allow_nan=False).encode()
        subprocess.run(["zstd", "-19", "-qf", "-o", f"{here}/rows.json.zst"], input=text, check=True)
        for name, row in rows.items():
            print(name, row.get("error") or row["rowCount"], *(row.get("leftOut") or []))


main()
