import Base
import Glibc
import OpenBLAS
import Rankings
import Search
import SystemPackage
import TestKit
import Testing
import Vectors

private func search(
    _ queries: FilePath, _ corpus: [FilePath], _ options: SearchOptions
) throws -> (lists: [RankedList], summary: SearchSummary) {
    let blas = try OpenBLAS()
    let search = try ExactSearch(
        queries: VectorsReader(opening: queries), corpus: corpus.map { try VectorsReader(opening: $0) },
        options: options
    ) { blas.rowsTimesRows($0, rows: $1, $2, otherRows: $3, columns: $4, into: $5) }
    var lists: [RankedList] = []
    let summary = try search.run { lists.append($0) }
    return (lists, summary)
}

private func options(
    depth: Int = 10, threads: Int = 1, block: Int = 1024, queryBlock: Int = 640
) -> SearchOptions {
    var options = SearchOptions()
    options.depth = depth
    options.threadCount = threads
    options.corpusBlockRows = block
    options.queryBlockRows = queryBlock
    return options
}

@Suite struct SearchTests {
    /// libtorch, which is in this process too, has functions of the same names.
    @Test func namesOfOpenBLASAreItsOwn() throws {
        _ = try OpenBLAS()
        let everywhere = UnsafeMutableRawPointer(bitPattern: 0)
        #expect(dlsym(everywhere, "openblas_set_num_threads") == nil)
    }

    /// The same documents in the same order as sorting all float64 inner products, with every bit of the score up to
    /// the order of summation; whatever the block sizes, the parts and the threads.
    @Test(arguments: Rows.Shape.allCases, [1, 10, 250, 5000])
    func equalsBruteForce(shape: Rows.Shape, depth: Int) throws {
        let folder = try TemporaryFolder()
        let dims = 24
        let queries = Rows(shape == .copied ? .spread : shape, prefix: "q", count: 37, dims: dims, seed: 5)
        let corpus = Rows(shape, prefix: "d", count: 1500, dims: dims, seed: 6)
        try queries.write(to: folder("q"), side: .queries)
        try corpus.write(to: folder("d"), side: .corpus, partCount: 3)
        let expected = expectedResults(queries, corpus, depth: depth)
        let (lists, summary) = try search(folder("q"), [folder("d")], options(depth: depth))
        #expect(summary.queryCount == 37 && summary.documentCount == 1500)
        #expect(summary.resultCount == 37 * min(depth, 1500))
        for (index, list) in lists.enumerated() {
            #expect(list.query == queries.ids[index])
            #expect((0..<list.count).map { list.documents[$0] } == expected[index].map(\.id))
            #expect(list.scores == expected[index].map(\.score))
        }
        for other in [
            options(depth: depth, threads: 2), options(depth: depth, threads: 5, block: 64, queryBlock: 3),
            options(depth: depth, threads: 3, block: 7, queryBlock: 1), options(depth: depth, block: 5000),
        ] {
            #expect(try search(folder("q"), [folder("d")], other).lists == lists)
        }
    }

    /// One query on several threads: the corpus is divided, and the results joined.
    @Test func fewQueriesOnManyThreads() throws {
        let folder = try TemporaryFolder()
        let queries = Rows(.spread, prefix: "q", count: 2, dims: 17, seed: 1)
        let corpus = Rows(.copied, prefix: "d", count: 997, dims: 17, seed: 2)
        try queries.write(to: folder("q"), side: .queries)
        try corpus.write(to: folder("d"), side: .corpus)
        let (lists, _) = try search(folder("q"), [folder("d")], options(depth: 50))
        #expect(try search(folder("q"), [folder("d")], options(depth: 50, threads: 7)).lists == lists)
    }

    /// All scores equal: ids decide, and the memory for candidates is never outgrown.
    @Test func nothingButTies() throws {
        let folder = try TemporaryFolder()
        var corpus = Rows(.spread, prefix: "d", count: 3000, dims: 4, seed: 1)
        for index in corpus.vectors.indices { corpus.vectors[index] = [0.5, -0.25, 0, 1] }
        let queries = Rows(.spread, prefix: "q", count: 5, dims: 4, seed: 2)
        try queries.write(to: folder("q"), side: .queries)
        try corpus.write(to: folder("d"), side: .corpus, partCount: 2)
        let (lists, _) = try search(folder("q"), [folder("d")], options(depth: 20, threads: 2, block: 128))
        let expected = corpus.ids.sorted { $1.lexicographicallyPrecedes($0) }.prefix(20)
        for list in lists { #expect((0..<list.count).map { list.documents[$0] } == Array(expected)) }
    }

    @Test(arguments: [VectorType.f32, .f16])
    func leadingDimensionsAreNormalisedAgain(type: VectorType) throws {
        let folder = try TemporaryFolder()
        let queries = Rows(.spread, prefix: "q", count: 9, dims: 20, seed: 3)
        let corpus = Rows(.spread, prefix: "d", count: 300, dims: 32, seed: 4)
        for isNormalised in [false, true] {
            let suffix = "-\(isNormalised)"
            try queries.write(to: folder("q" + suffix), side: .queries, type: type, isNormalised: isNormalised)
            try corpus.write(to: folder("d" + suffix), side: .corpus, type: type, isNormalised: isNormalised)
            func cut(_ rows: Rows) -> Rows {
                var rows = rows
                for index in rows.vectors.indices {
                    var vector = rows.vectors[index].prefix(8).map { type == .f16 ? Float(Float16($0)) : $0 }
                    let length = vector.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
                    if isNormalised { vector = vector.map { Float(Double($0) / length) } }
                    rows.vectors[index] = vector
                }
                return rows
            }
            let expected = expectedResults(cut(queries), cut(corpus), depth: 12)
            var wanted = options(depth: 12, threads: 2, block: 50)
            wanted.dims = 8
            let (lists, summary) = try search(folder("q" + suffix), [folder("d" + suffix)], wanted)
            #expect(summary.dims == 8)
            for (list, expected) in zip(lists, expected) {
                #expect((0..<list.count).map { list.documents[$0] } == expected.map(\.id))
            }
        }
    }

    @Test func leavesOutTheQueryItself() throws {
        let folder = try TemporaryFolder()
        let rows = Rows(.copied, prefix: "x", count: 120, dims: 6, seed: 8)
        try rows.write(to: folder("q"), side: .queries)
        try rows.write(to: folder("d"), side: .corpus)
        var wanted = options(depth: 30, threads: 2)
        let (all, _) = try search(folder("q"), [folder("d")], options(depth: 31))
        wanted.excludesSelf = true
        let (lists, summary) = try search(folder("q"), [folder("d")], wanted)
        var excluded = 0
        for (list, all) in zip(lists, all) {
            let everything = (0..<all.count).map { all.documents[$0] }
            if everything.prefix(31).contains(list.query) { excluded += 1 }
            #expect(
                (0..<list.count).map { list.documents[$0] } == Array(everything.filter { $0 != list.query }.prefix(30)))
            #expect(list.count == 30)
        }
        #expect(excluded > 0 && summary.excludedCount <= excluded)
    }

    /// Two datasets are one corpus for whoever allows it; a document that is in both of them is not found twice.
    @Test func severalCorpora() throws {
        let folder = try TemporaryFolder()
        let queries = Rows(.spread, prefix: "q", count: 4, dims: 6, seed: 1)
        let first = Rows(.spread, prefix: "a", count: 80, dims: 6, seed: 2)
        let second = Rows(.spread, prefix: "b", count: 50, dims: 6, seed: 3)
        try queries.write(to: folder("q"), side: .queries)
        try first.write(to: folder("1"), side: .corpus)
        try second.write(to: folder("2"), side: .corpus, partCount: 2, dataset: "other")
        try first.write(to: folder("copy"), side: .corpus, dataset: "copy")
        var both = first
        both.ids += second.ids
        both.vectors += second.vectors
        let expected = expectedResults(queries, both, depth: 130)
        var lenient = options(depth: 200, threads: 2)
        lenient.allowsMismatch = true
        let (lists, _) = try search(folder("q"), [folder("1"), folder("2")], lenient)
        for (list, expected) in zip(lists, expected) {
            #expect((0..<list.count).map { list.documents[$0] } == expected.map(\.id))
        }
        let error = #expect(throws: Failure.self) {
            try search(folder("q"), [folder("1"), folder("copy")], lenient)
        }
        #expect(error?.description.contains("more than one of the corpora") == true)
    }

    /// All shards of a corpus, in any order, are the corpus.
    @Test func shardsAreOneCorpus() throws {
        let folder = try TemporaryFolder()
        let corpus = Rows(.spread, prefix: "d", count: 100, dims: 6, seed: 2)
        try Rows(.spread, prefix: "q", count: 4, dims: 6, seed: 1).write(to: folder("q"), side: .queries)
        try corpus.write(to: folder("whole"), side: .corpus)
        for index in 0..<3 {
            try corpus.write(
                to: folder("\(index)"), side: .corpus, partCount: 2, shard: .init(index: index, count: 3))
        }
        let (whole, _) = try search(folder("q"), [folder("whole")], options(depth: 20))
        let (lists, summary) = try search(
            folder("q"), [2, 0, 1].map { folder("\($0)") }, options(depth: 20, threads: 2))
        #expect(lists == whole)
        #expect(summary.missingDocumentCount == 0 && summary.missingQueryCount == 0)
    }

    /// Shards that are missing are named and refused; who allows it is told how much is missing. Folders of older
    /// versions tell less.
    @Test(arguments: [
        ([0, 2], false, "; missing: shard 1/3 (records 33 to 65 of 100)", 33),
        ([1], false, "missing: shard 0/3 (records 0 to 32 of 100); shard 2/3 (records 66 to 99 of 100)", 67),
        ([2], false, "missing: shards 0/3, 1/3 (records 0 to 65 of 100)", 66),
        ([0, 2], true, "missing: records 33 to 65", 33), ([0, 1], true, "missing: shard 2/3", 0),
    ])
    func missingShards(shards: [Int], isOld: Bool, message: String, count: Int) throws {
        let folder = try TemporaryFolder()
        let corpus = Rows(.spread, prefix: "d", count: 100, dims: 6, seed: 2)
        try Rows(.spread, prefix: "q", count: 4, dims: 6, seed: 1).write(to: folder("q"), side: .queries)
        for index in shards {
            try corpus.write(
                to: folder("\(index)"), side: .corpus, shard: .init(index: index, count: 3), isOld: isOld)
        }
        let folders = shards.map { folder("\($0)") }
        let error = #expect(throws: Failure.self) { try search(folder("q"), folders, options()) }
        #expect(error?.exitStatus == .badData)
        #expect(error?.description.contains(message) == true, "\(String(describing: error))")
        #expect(error?.description.contains("--allow-missing") == true)
        var lenient = options()
        lenient.allowsMissing = true
        let (lists, summary) = try search(folder("q"), folders, lenient)
        #expect(lists.count == 4 && summary.missingDocumentCount == count)
    }

    /// Records that were left out are not missing, even where a part or a shard has none but those; they are counted.
    @Test(arguments: [1, 3]) func leftOutRecordsAreNotMissing(shardCount: Int) throws {
        let folder = try TemporaryFolder()
        let corpus = Rows(.spread, prefix: "d", count: 12, dims: 6, seed: 2)
        try Rows(.spread, prefix: "q", count: 4, dims: 6, seed: 1).write(to: folder("q"), side: .queries, leftOut: [3])
        for index in 0..<shardCount {
            try corpus.write(
                to: folder("\(index)"), side: .corpus, partCount: 6 / shardCount,
                shard: .init(index: index, count: shardCount), leftOut: [0, 4, 5, 6, 7, 10, 11])
        }
        let folders = (0..<shardCount).map { folder("\($0)") }
        let (lists, summary) = try search(folder("q"), folders, options(depth: 12))
        #expect(lists.count == 3 && lists[0].count == 5)
        #expect(summary.missingDocumentCount == 0 && summary.missingQueryCount == 0)
        #expect(summary.leftOutDocumentCount == 7 && summary.leftOutQueryCount == 1)
        // Both hold the same records, though neither has a vector of them.
        let twice = #expect(throws: Failure.self) {
            try search(folder("q"), folders + [folders[shardCount / 2]], options())
        }
        #expect(twice?.description.contains("is given twice") == true, "\(String(describing: twice))")
    }

    @Test func missingQueries() throws {
        let folder = try TemporaryFolder()
        let queries = Rows(.spread, prefix: "q", count: 10, dims: 6, seed: 1)
        try queries.write(to: folder("q"), side: .queries, shard: .init(index: 1, count: 2))
        try Rows(.spread, prefix: "d", count: 20, dims: 6, seed: 2).write(to: folder("d"), side: .corpus)
        let error = #expect(throws: Failure.self) { try search(folder("q"), [folder("d")], options()) }
        #expect(error?.description.contains("the queries of test are not complete; missing: shard 0/2") == true)
        var lenient = options()
        lenient.allowsMissing = true
        #expect(try search(folder("q"), [folder("d")], lenient).summary.missingQueryCount == 5)
    }

    /// Shards that do not belong together: the folders and the field are named.
    @Test(arguments: [
        ("dataset", "dataset (test, sha256:"), ("card", "model_card (sha256:"), ("type", "dtype (f32 and f16)"),
        ("prompt", "encoding.prompt ( and passage: )"), ("dims", "dims (6 and 5)"), ("total", "records (100 and 90)"),
        ("normalised", "normalised (false and true)"),
    ])
    func mixedShards(field: String, message: String) throws {
        let folder = try TemporaryFolder()
        let corpus = Rows(.spread, prefix: "d", count: 100, dims: 6, seed: 2)
        var other = corpus
        if field == "dims" { other.vectors = other.vectors.map { Array($0.dropLast()) } }
        if field == "total" { other = Rows(.spread, prefix: "d", count: 90, dims: 6, seed: 2) }
        try Rows(.spread, prefix: "q", count: 4, dims: 6, seed: 1).write(to: folder("q"), side: .queries)
        try corpus.write(to: folder("0"), side: .corpus, shard: .init(index: 0, count: 2))
        try other.write(
            to: folder("1"), side: .corpus, type: field == "type" ? .f16 : .f32, isNormalised: field == "normalised",
            card: field == "card" ? "another" : "model", dataset: field == "dataset" ? "test@v2" : "test",
            shard: .init(index: 1, count: 2), prompt: field == "prompt" ? "passage: " : "")
        let error = #expect(throws: Failure.self) {
            try search(folder("q"), [folder("0"), folder("1")], options())
        }
        #expect(error?.exitStatus == .badData)
        for part in [folder("0").string, folder("1").string, "differ in \(message)"] {
            #expect(error?.description.contains(part) == true, "\(String(describing: error))")
        }
    }

    /// The same records twice: a shard that is given twice, one that overlaps another division.
    @Test func repeatedShards() throws {
        let folder = try TemporaryFolder()
        let corpus = Rows(.spread, prefix: "d", count: 100, dims: 6, seed: 2)
        try Rows(.spread, prefix: "q", count: 4, dims: 6, seed: 1).write(to: folder("q"), side: .queries)
        for (index, count) in [(0, 2), (1, 2), (0, 3)] {
            try corpus.write(
                to: folder("\(index)of\(count)"), side: .corpus, shard: .init(index: index, count: count))
        }
        for allows in [false, true] {
            var options = options()
            options.allowsMismatch = allows
            options.allowsMissing = allows
            for (folders, message) in [
                (["0of2", "1of2", "0of2"], "is given twice"),
                (["0of2", "0of3", "1of2"], "both hold the records 0 to 32"),
            ] {
                let error = #expect(throws: Failure.self) {
                    try search(folder("q"), folders.map { folder($0) }, options)
                }
                #expect(error?.description.contains(message) == true, "\(String(describing: error))")
            }
        }
    }

    @Test func emptySides() throws {
        let folder = try TemporaryFolder()
        let rows = Rows(.spread, prefix: "x", count: 3, dims: 3, seed: 1)
        let none = Rows(.spread, prefix: "x", count: 0, dims: 3, seed: 1)
        try rows.write(to: folder("q"), side: .queries)
        try none.write(to: folder("q0"), side: .queries)
        try rows.write(to: folder("d"), side: .corpus)
        try none.write(to: folder("d0"), side: .corpus)
        let (lists, _) = try search(folder("q"), [folder("d0")], options(threads: 2))
        #expect(lists.map(\.count) == [0, 0, 0])
        #expect(try search(folder("q0"), [folder("d")], options(threads: 2)).lists.isEmpty)
    }

    /// A vector that is not finite, written behind our back, is an error that names it; never a silent result.
    @Test(arguments: [Float.nan, .infinity, -.infinity, 3e38], ["q", "d"])
    func vectorsThatAreNoVectors(value: Float, side: String) throws {
        let folder = try TemporaryFolder()
        let queries = Rows(.spread, prefix: "q", count: 20, dims: 6, seed: 1)
        let corpus = Rows(.spread, prefix: "d", count: 100, dims: 6, seed: 2)
        try queries.write(to: folder("q"), side: .queries)
        try corpus.write(to: folder("d"), side: .corpus)
        let path = folder(side).appending("part-00000.npy")
        var bytes = try Files.readAll(path)
        let at = bytes.count - 4 * 6 * 7 + 8
        bytes.replaceSubrange(at..<at + 4, with: withUnsafeBytes(of: value.bitPattern.littleEndian) { Array($0) })
        try Files.replace(path, with: bytes)
        let error = #expect(throws: InputError.self) {
            try search(folder("q"), [folder("d")], options(threads: 2, block: 16))
        }
        #expect(error?.description.contains(side == "q" ? "\"q13\"" : "\"d93\"") == true)
    }

    @Test func sidesThatDoNotFit() throws {
        let folder = try TemporaryFolder()
        let rows = Rows(.spread, prefix: "x", count: 3, dims: 3, seed: 1)
        let wide = Rows(.spread, prefix: "x", count: 3, dims: 4, seed: 1)
        try rows.write(to: folder("q"), side: .queries)
        try rows.write(to: folder("d"), side: .corpus)
        try rows.write(to: folder("other"), side: .corpus, card: "another model")
        try rows.write(to: folder("normalised"), side: .corpus, isNormalised: true)
        try wide.write(to: folder("wide"), side: .corpus)
        var lenient = options()
        lenient.allowsMismatch = true
        for (queries, corpus, message) in [
            ("q", "other", "was made by the model"), ("q", "normalised", "only one holds normalised"),
            ("q", "q", "not of a corpus"), ("d", "d", "not of queries"),
        ] {
            let error = #expect(throws: Failure.self) { try search(folder(queries), [folder(corpus)], options()) }
            #expect(error?.description.contains(message) == true)
            #expect(try search(folder(queries), [folder(corpus)], lenient).lists.count == 3)
        }
        let error = #expect(throws: Failure.self) { try search(folder("q"), [folder("wide")], lenient) }
        #expect(error?.description.contains("dimensions") == true)
        lenient.dims = 3
        #expect(try search(folder("q"), [folder("wide")], lenient).lists.count == 3)
        lenient.dims = 4
        #expect(throws: Failure.self) { try search(folder("q"), [folder("wide")], lenient) }
    }
}
