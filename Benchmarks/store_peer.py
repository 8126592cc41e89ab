"""The peers of the store: the same passages or media items, written and read as each library advises.

    python Benchmarks/store_peer.py write PEER INPUT.jsonl DIR     (prints seconds)
    python Benchmarks/store_peer.py read PEER DIR                  (prints one JSON line, as `tvt-bench store-read` does)
    python Benchmarks/store_peer.py media-write PEER FOLDER DIR    (the files of a folder as items; prints seconds)
    python Benchmarks/store_peer.py media-read PEER DIR            (prints one JSON line, as `tvt-bench media-read` does)

PEER: datasets, lance, lmdb, streaming, streaming-zstd, litdata, litdata-zstd, webdataset. Rates are per second of one process and
of wall time. What a peer cannot do is null: webdataset reads in order only (its shuffled pass goes through a buffer of
10,000), and only lmdb finds a document by its id.
"""

import json
import os
import random
import resource
import shutil
import statistics
import sys
import time
import unittest.mock

READS, RUNS = int(os.environ.get("READS", 10_000)), 3


def records(path):
    with open(path, "rb") as file:
        for line in file:
            yield line.rstrip(b"\n")


class Datasets:
    def write(self, path, folder):
        import datasets

        columns = {"docid": [], "title": [], "document_text": []}
        for line in records(path):
            record = json.loads(line)
            for name in columns:
                columns[name].append(record[name])
        datasets.Dataset.from_dict(columns).save_to_disk(folder)

    def open(self, folder):
        import datasets

        datasets.disable_progress_bars()
        self.data = datasets.load_from_disk(folder)
        return len(self.data)

    def get(self, i):
        return self.data[i]

    def batch(self, ordinals):
        return self.data[ordinals]

    def scan(self):
        for batch in self.data.iter(batch_size=1000):
            yield from batch["document_text"]


class Lance:
    def write(self, path, folder):
        import lance
        import pyarrow

        rows = [json.loads(line) for line in records(path)]
        meta = {b"lance-encoding:compression": b"zstd"}
        schema = pyarrow.schema([
            pyarrow.field("docid", pyarrow.string()), pyarrow.field("title", pyarrow.string()),
            pyarrow.field("document_text", pyarrow.string(), metadata=meta),
        ])  # fmt: skip
        lance.write_dataset(pyarrow.Table.from_pylist(rows, schema), folder, data_storage_version="2.1")

    def open(self, folder):
        import lance

        self.data = lance.dataset(folder)
        return self.data.count_rows()

    def get(self, i):
        return self.data.take([i]).to_pylist()

    def batch(self, ordinals):
        return self.data.take(ordinals).to_pylist()

    def scan(self):
        for batch in self.data.to_batches():
            yield from batch.column("document_text").to_pylist()


class LMDB:
    """Ordinal → line, and docid → ordinal."""

    def write(self, path, folder):
        import lmdb

        environment = lmdb.open(folder, map_size=1 << 36, max_dbs=2)
        lines, ids = environment.open_db(b"lines", integerkey=False), environment.open_db(b"ids")
        with environment.begin(write=True) as transaction:
            for i, line in enumerate(records(path)):
                key = i.to_bytes(4, "big")
                transaction.put(key, line, db=lines, append=True)
                docid = json.loads(line)["docid"].encode()
                transaction.put(docid[-500:], key, db=ids)
        environment.sync(True)
        environment.close()

    def open(self, folder):
        import lmdb

        self.data = lmdb.open(folder, readonly=True, lock=False, max_dbs=2, readahead=False)
        self.lines, self.ids = self.data.open_db(b"lines"), self.data.open_db(b"ids")
        self.transaction = self.data.begin()
        return self.transaction.stat(self.lines)["entries"]

    def get(self, i):
        return json.loads(self.transaction.get(i.to_bytes(4, "big"), db=self.lines))

    def batch(self, ordinals):
        return [self.get(i) for i in ordinals]

    def scan(self):
        for _, line in self.transaction.cursor(db=self.lines):
            yield json.loads(line)["document_text"]

    def by_id(self, docid):
        return json.loads(
            self.transaction.get(self.transaction.get(docid.encode()[-500:], db=self.ids), db=self.lines)
        )


class Streaming:
    compression = None

    def __init__(self):
        # streaming imports its image datasets, and torchvision with them, which is not needed here and does not fit
        # every torch.
        sys.modules["streaming.vision"] = unittest.mock.MagicMock()

    def write(self, path, folder):
        from streaming import MDSWriter

        columns = {"docid": "str", "title": "str", "document_text": "str"}
        with MDSWriter(out=folder, columns=columns, compression=self.compression, size_limit=1 << 26) as writer:
            for line in records(path):
                writer.write(json.loads(line))

    def open(self, folder):
        from streaming import LocalDataset, StreamingDataset

        # A compressed dataset is unpacked, shard by shard, when it is first read: LocalDataset reads only unpacked ones.
        if self.compression:
            import streaming.base.util

            streaming.base.util.clean_stale_shared_memory()
            self.data = StreamingDataset(local=folder, shuffle=False, batch_size=1)
        else:
            self.data = LocalDataset(folder)
        return len(self.data)

    def get(self, i):
        return self.data[i]

    def batch(self, ordinals):
        return [self.data[i] for i in ordinals]

    def scan(self):
        for i in range(len(self.data)):
            yield self.data[i]["document_text"]


class StreamingZstd(Streaming):
    compression = "zstd:3"


class LitData:
    compression = None

    def write(self, path, folder):
        from litdata.streaming.writer import BinaryWriter

        writer = BinaryWriter(folder, chunk_bytes="64MB", compression=self.compression)
        for i, line in enumerate(records(path)):
            writer[i] = json.loads(line)
        writer.done()
        writer.merge()

    def open(self, folder):
        from litdata import StreamingDataset

        self.data = StreamingDataset(folder, shuffle=False)
        return len(self.data)

    def get(self, i):
        return self.data[i]

    def batch(self, ordinals):
        return [self.data[i] for i in ordinals]

    def scan(self):
        for record in self.data:
            yield record["document_text"]


class LitDataZstd(LitData):
    compression = "zstd"


class WebDataset:
    def write(self, path, folder):
        import webdataset

        os.makedirs(folder)
        with webdataset.ShardWriter(folder + "/%05d.tar.gz", maxcount=50_000, verbose=0) as writer:
            for i, line in enumerate(records(path)):
                writer.write({"__key__": f"{i:09}", "json": line})

    def open(self, folder):
        import webdataset

        self.urls = sorted(os.path.join(folder, name) for name in os.listdir(folder))
        self.library = webdataset
        next(iter(self.scan()))
        return None

    def pipeline(self, shuffled=0):
        data = self.library.WebDataset(self.urls, shardshuffle=False, empty_check=False)
        return (data.shuffle(shuffled) if shuffled else data).decode()

    def scan(self):
        for sample in self.pipeline():
            yield sample["json"]["document_text"]

    def shuffled_pass(self):
        return sum(1 for _ in self.pipeline(10_000))


def files(folder):
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), "rb") as file:
            yield name, file.read()


class DatasetsMedia:
    """An Image column that is read without decoding: bytes of Arrow, not verified."""

    def write(self, folder, target):
        import datasets

        features = datasets.Features({"docid": datasets.Value("string"), "image": datasets.Image(decode=False)})

        def rows():
            for name, data in files(folder):
                yield {"docid": name, "image": {"bytes": data, "path": None}}

        cache = target + ".cache"
        datasets.disable_progress_bars()
        datasets.Dataset.from_generator(rows, features=features, cache_dir=cache).save_to_disk(target)
        shutil.rmtree(cache, ignore_errors=True)

    def open(self, folder):
        import datasets

        datasets.disable_progress_bars()
        self.data = datasets.load_from_disk(folder)
        return len(self.data)

    def get(self, i):
        return self.data[i]["image"]["bytes"]


class LMDBMedia:
    """Key → bytes; a transaction's views of pages are copied into Python's bytes."""

    def write(self, folder, target):
        import lmdb

        environment = lmdb.open(target, map_size=1 << 38)
        with environment.begin(write=True) as transaction:
            for i, (_, data) in enumerate(files(folder)):
                transaction.put(i.to_bytes(4, "big"), data, append=True)
        environment.sync(True)
        environment.close()

    def open(self, folder):
        import lmdb

        self.data = lmdb.open(folder, readonly=True, lock=False, readahead=False)
        self.transaction = self.data.begin()
        return self.transaction.stat()["entries"]

    def get(self, i):
        return self.transaction.get(i.to_bytes(4, "big"))


class StreamingMedia(Streaming):
    def write(self, folder, target):
        from streaming import MDSWriter

        with MDSWriter(out=target, columns={"docid": "str", "image": "bytes"}, size_limit=1 << 26) as writer:
            for name, data in files(folder):
                writer.write({"docid": name, "image": data})

    def get(self, i):
        return self.data[i]["image"]


class LitDataMedia(LitData):
    def write(self, folder, target):
        from litdata.streaming.writer import BinaryWriter

        writer = BinaryWriter(target, chunk_bytes="64MB")
        for i, (name, data) in enumerate(files(folder)):
            writer[i] = {"docid": name, "image": data}
        writer.done()
        writer.merge()

    def get(self, i):
        return self.data[i]["image"]


class WebDatasetMedia:
    """In order only: tar has no index."""

    def write(self, folder, target):
        import webdataset

        os.makedirs(target)
        with webdataset.ShardWriter(target + "/%05d.tar", maxcount=10_000, maxsize=1 << 30, verbose=0) as writer:
            for name, data in files(folder):
                stem, extension = name.rsplit(".", 1)
                writer.write({"__key__": stem, extension: data})

    def open(self, folder):
        import webdataset

        self.urls = sorted(os.path.join(folder, name) for name in os.listdir(folder))
        self.library = webdataset

    def scan(self):
        for sample in self.library.WebDataset(self.urls, shardshuffle=False, empty_check=False):
            yield next(value for key, value in sample.items() if not key.startswith("__"))


def media_read(peer, folder):
    stored = size_of(folder)
    start = time.perf_counter()
    count = peer.open(folder)
    result = {"storedBytes": stored}
    if hasattr(peer, "get"):
        peer.get(0)
        result["openMilliseconds"] = (time.perf_counter() - start) * 1e3
        generator = random.Random(1)
        ordinals = [generator.randrange(count) for _ in range(READS)]
        total = 0
        latencies = []
        for i in ordinals:
            before = time.perf_counter()
            total += len(peer.get(i))
            latencies.append(time.perf_counter() - before)
        latencies.sort()

        def each():
            for i in ordinals:
                peer.get(i)

        rate = READS / statistics.median(seconds(each) for _ in range(RUNS))
        result["p50Microseconds"] = latencies[READS // 2] * 1e6
        result["p99Microseconds"] = latencies[READS * 99 // 100] * 1e6
        result["itemsPerSecond"] = rate
        result["gigabytesPerSecond"] = rate * total / READS / 1e9
    else:
        first = next(iter(peer.scan()))
        result["openMilliseconds"] = (time.perf_counter() - start) * 1e3
        assert first
        start = time.perf_counter()
        sizes = [len(data) for data in peer.scan()]
        elapsed = time.perf_counter() - start
        count = len(sizes)
        result["inOrder"] = count / elapsed
        result["inOrderGigabytesPerSecond"] = sum(sizes) / elapsed / 1e9
    result["items"] = count
    result["peakMiB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(result))


MEDIA_PEERS = {
    "datasets": DatasetsMedia, "lmdb": LMDBMedia, "streaming": StreamingMedia, "litdata": LitDataMedia,
    "webdataset": WebDatasetMedia,
}  # fmt: skip
PEERS = {
    "datasets": Datasets, "lance": Lance, "lmdb": LMDB, "streaming": Streaming, "streaming-zstd": StreamingZstd,
    "litdata": LitData, "litdata-zstd": LitDataZstd, "webdataset": WebDataset,
}  # fmt: skip


def seconds(body):
    start = time.perf_counter()
    body()
    return time.perf_counter() - start


def size_of(folder):
    return sum(os.path.getsize(os.path.join(parent, name)) for parent, _, names in os.walk(folder) for name in names)


def read(peer, folder):
    stored = size_of(folder)
    start = time.perf_counter()
    count = peer.open(folder)
    random_access = hasattr(peer, "get")
    if random_access:
        peer.get(0)
    result = {"openMilliseconds": (time.perf_counter() - start) * 1e3, "storedBytes": stored}
    if random_access:
        generator = random.Random(1)
        ordinals = [generator.randrange(count) for _ in range(READS)]
        first = ordinals[:2000]
        result["firstReadMicroseconds"] = seconds(lambda: [peer.get(i) for i in first] and None) / len(first) * 1e6
        latencies = sorted(seconds(lambda: peer.get(i)) for i in ordinals)
        result["p50Microseconds"] = latencies[READS // 2] * 1e6
        result["p99Microseconds"] = latencies[READS * 99 // 100] * 1e6

        def each():
            for i in ordinals:
                peer.get(i)

        def batches():
            for at in range(0, READS, 256):
                peer.batch(ordinals[at : at + 256])

        order = list(range(count))
        random.Random(3).shuffle(order)
        # Some peers take minutes for a whole pass; its first tenth has the same rate.
        order = order[: max(READS, count // 10)]

        def shuffled():
            for at in range(0, len(order), 256):
                peer.batch(order[at : at + 256])

        result["byOrdinal"] = READS / statistics.median(seconds(each) for _ in range(RUNS))
        result["inBatchesOf256"] = READS / statistics.median(seconds(batches) for _ in range(RUNS))
        result["shuffled"] = len(order) / seconds(shuffled)
        if hasattr(peer, "by_id"):
            ids = [peer.get(i)["docid"] for i in ordinals]

            def by_id():
                for docid in ids:
                    peer.by_id(docid)

            result["byID"] = READS / statistics.median(seconds(by_id) for _ in range(RUNS))
    else:
        start = time.perf_counter()
        count = peer.shuffled_pass()
        result["shuffled"] = count / (time.perf_counter() - start)
    scanned = 0
    start = time.perf_counter()
    for text in peer.scan():
        scanned += len(text)
    result["scanMegabytesPerSecond"] = scanned / 1e6 / (time.perf_counter() - start)
    result["documents"] = count
    result["peakMiB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(result))


def main():
    action, name = sys.argv[1:3]
    peer = (MEDIA_PEERS if action.startswith("media-") else PEERS)[name]()
    if action == "media-read":
        media_read(peer, sys.argv[3])
    elif action.endswith("write"):
        shutil.rmtree(sys.argv[4], ignore_errors=True)
        print(json.dumps({"seconds": seconds(lambda: peer.write(sys.argv[3], sys.argv[4]))}))
    else:
        read(peer, sys.argv[3])
    sys.stdout.flush()
    # Some peers leave threads and shared memory that keep the process from ending.
    os._exit(0)


if __name__ == "__main__":
    main()
