import Base
import Rankings
import Search
import SystemPackage
import TestKit
import Testing
import Vectors

private func search(
    _ queries: FilePath, _ corpus: [FilePath], _ options: SearchOptions
) throws -> (lists: [RankedList], summary: SearchSummary) {
    let search = try ExactSearch(
        queries: VectorsReader(opening: queries), corpus: corpus.map { try VectorsReader(opening: $0) },
        options: options)
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

    /// Several folders are one corpus; a document that is in two of them is not found twice.
    @Test func severalCorpora() throws {
        let folder = try TemporaryFolder()
        let queries = Rows(.spread, prefix: "q", count: 4, dims: 6, seed: 1)
        let first = Rows(.spread, prefix: "a", count: 80, dims: 6, seed: 2)
        let second = Rows(.spread, prefix: "b", count: 50, dims: 6, seed: 3)
        try queries.write(to: folder("q"), side: .queries)
        try first.write(to: folder("1"), side: .corpus)
        try second.write(to: folder("2"), side: .corpus, partCount: 2)
        var both = first
        both.ids += second.ids
        both.vectors += second.vectors
        let expected = expectedResults(queries, both, depth: 130)
        let (lists, _) = try search(folder("q"), [folder("1"), folder("2")], options(depth: 200, threads: 2))
        for (list, expected) in zip(lists, expected) {
            #expect((0..<list.count).map { list.documents[$0] } == expected.map(\.id))
        }
        let error = #expect(throws: Failure.self) {
            try search(folder("q"), [folder("1"), folder("1")], options())
        }
        #expect(error?.description.contains("more than one of the corpora") == true)
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
