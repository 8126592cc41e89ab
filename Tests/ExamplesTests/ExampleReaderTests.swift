import Base
import Examples
import Store
import StoreFormat
import SystemPackage
import Testing
import TestKit

@Suite("Reading ahead")
struct ExampleReaderTests {
    /// Three datasets of different sizes, one of them in many small shards, one with queries that are left out.
    static func world() throws -> SmallWorld {
        let world = try SmallWorld()
        var many = SmallWorld.Quirks()
        many.queryCount = 300
        many.documentCount = 1500
        many.mostWords = 200
        many.options.recordsPerShard = 400
        try world.add("many", many)
        var gaps = SmallWorld.Quirks()
        gaps.queryCount = 60
        gaps.withoutPositives = Set((0..<60).filter { $0 % 7 < 3 })
        gaps.negativeCount = 2
        try world.add("gaps", gaps)
        return world
    }

    static let parts: [ExampleOptions.Part] = [
        .init("small", weight: 2), .init("many", weight: 5), .init("gaps", weight: 1),
    ]

    static func options(workers: Int, windowSlots: Int, lookAheadBytes: Int = 1 << 20) -> ExampleReader.Options {
        var options = ExampleReader.Options()
        options.workers = workers
        options.windowSlots = windowSlots
        options.lookAheadBytes = lookAheadBytes
        return options
    }

    static func all(_ reader: ExampleReader) throws -> [Example] {
        var examples: [Example] = []
        while let example = try reader.next() { examples.append(example) }
        return examples
    }

    @Test("the same examples as one slot after the other, for any workers, windows and bounds")
    func equality() throws {
        let world = try Self.world()
        let source = try world.source(Self.parts) {
            $0.withoutPositives = .skip
            $0.shortage = .fill
        }
        let expected = try oneByOne(source, 0..<700)
        for (workers, windowSlots, bytes) in [
            (0, 1, 1 << 20), (0, 64, 1), (1, 1, 1 << 20), (1, 256, 1 << 20), (2, 7, 1), (2, 64, 20_000),
            (3, 256, 1 << 20), (8, 16, 1 << 20),
        ] {
            let options = Self.options(workers: workers, windowSlots: windowSlots, lookAheadBytes: bytes)
            let reader = try ExampleReader(source, slots: 0..<700, options: options)
            #expect(try Self.all(reader) == expected, "\(workers) workers, windows of \(windowSlots), \(bytes) bytes")
            #expect(try reader.next() == nil)
            #expect(reader.slot == 700 && reader.waitingBytes == 0)
        }
    }

    @Test("any number of ranks with any number of workers sees each slot once, in order", arguments: [1, 2, 4, 8])
    func ranks(rankCount: Int) throws {
        let world = try Self.world()
        let source = try world.source(Self.parts) { $0.withoutPositives = .skip }
        var expected: [UInt64: Example] = [:]
        for example in try oneByOne(source, 3..<203) { expected[example.slot] = example }
        for workers in [0, 1, 3] {
            var seen = 0
            for rank in 0..<rankCount {
                let reader = try ExampleReader(
                    source, slots: 3..<203, rank: rank, rankCount: rankCount,
                    options: Self.options(workers: workers, windowSlots: 9))
                let examples = try Self.all(reader)
                #expect(examples.map(\.slot) == (3..<203).filter { $0 % UInt64(rankCount) == UInt64(rank) })
                for example in examples { #expect(example == expected[example.slot]) }
                seen += examples.count
            }
            #expect(seen == 200)
        }
    }

    @Test("a reader goes on where another stopped, at any slot")
    func resume() throws {
        let world = try Self.world()
        let source = try world.source(Self.parts) { $0.withoutPositives = .skip }
        let expected = try oneByOne(source, 0..<120)
        for stop in [0, 1, 15, 16, 17, 63, 119, 120] {
            let first = try ExampleReader(source, slots: 0..<120, options: Self.options(workers: 2, windowSlots: 20))
            var examples: [Example] = []
            for _ in 0..<stop { examples.append(try #require(try first.next())) }
            #expect(first.slot == UInt64(stop))
            let second = try ExampleReader(
                source, slots: first.slot..<120, options: Self.options(workers: 3, windowSlots: 33))
            #expect(try examples + Self.all(second) == expected)
        }
    }

    @Test("a reader that is given up in the middle ends its threads")
    func abandoned() throws {
        let world = try Self.world()
        let source = try world.source(Self.parts) { $0.withoutPositives = .skip }
        for _ in 0..<20 {
            let reader = try ExampleReader(
                source, slots: 0..<100_000, options: Self.options(workers: 4, windowSlots: 50))
            _ = try reader.next()
        }
    }

    @Test("what waits for a slow caller stays within the bound, plus the windows under way")
    func backPressure() throws {
        let world = try Self.world()
        let source = try world.source([.init("many")])
        let largest = try oneByOne(source, 0..<300).map(\.byteCount).max() ?? 0
        for bound in [1, 50_000, 200_000] {
            let reader = try ExampleReader(
                source, slots: 0..<3000,
                options: Self.options(workers: 2, windowSlots: 16, lookAheadBytes: bound))
            var most = 0
            while try reader.next() != nil { most = max(most, reader.waitingBytes) }
            // What the mean of the last window did not foresee: at most a window of 16 for each worker.
            #expect(most <= bound + 2 * 16 * largest)
        }
    }

    @Test("records are the stored lines, and content is what a model reads of them", arguments: [false, true])
    func records(readsMedia: Bool) throws {
        let world = try Self.world()
        let source = try world.source(Self.parts) {
            $0.withoutPositives = .skip
            $0.readsMedia = readsMedia
        }
        let examples = try Self.all(
            ExampleReader(source, slots: 0..<100, options: Self.options(workers: 2, windowSlots: 10)))
        #expect(examples.count == 100)
        for example in examples {
            let dataset = source.parts[example.entry.part].dataset
            #expect(try example.queryRecord == dataset.queryRecord(example.query))
            for passage in example.passages {
                #expect(try passage.record == dataset.documentRecord(passage.document))
            }
            #expect(example.knownPositives.contains(example.passages[0].content))
        }
    }

    @Test("a damaged frame is an error that names dataset, document and blob, never other bytes", arguments: [0, 3])
    func damage(workers: Int) throws {
        let world = try Self.world()
        let source = try world.source([.init("many")])
        let expected = try oneByOne(source, 0..<300)
        let shard = try #require(source.parts[0].dataset.manifest.documents.shards.dropFirst().first).blob
        let path = world.path(of: shard)
        var bytes = try Files.readAll(path)
        // Behind header and dictionary, before the index: among the frames.
        let place = bytes.count / 2
        bytes[place] ^= 0x10
        try Files.remove(path)
        var output = try OutputFile(creating: path)
        try output.write(bytes)
        try output.close()
        let damaged = try world.source([.init("many")])
        let reader = try ExampleReader(
            damaged, slots: 0..<300, options: Self.options(workers: workers, windowSlots: 32))
        var examples: [Example] = []
        let error = #expect(throws: DamagedBlob.self) {
            while let example = try reader.next() { examples.append(example) }
        }
        #expect(examples == Array(expected.prefix(examples.count)))
        #expect(error?.path == path)
        #expect(error?.context?.contains("of many") == true && error?.context?.hasPrefix("document ") == true)
    }
}
