import Archives
import Base
import Rankings
import SystemPackage
import TestKit
import Testing

/// A run of random ids and scores, as a list per query.
func randomLists(seed: UInt64, queryCount: Int, alphabet: [UInt8]) -> [RankedList] {
    var random = SplitMix64(seed: seed)
    func id() -> [UInt8] {
        (0...random.next(below: 12)).map { _ in alphabet[Int(random.next(below: UInt64(alphabet.count)))] }
    }
    return (0..<queryCount).map { number in
        var list = RankedList(query: id() + Array("-\(number)".utf8))
        var seen = Set<[UInt8]>()
        for _ in 0...random.next(below: 40) {
            let document = id()
            guard seen.insert(document).inserted else { continue }
            let bits = UInt32(truncatingIfNeeded: random.next())
            let score = Float(bitPattern: bits)
            document.withUnsafeBytes { list.append($0, score.isFinite ? score : Float(bits)) }
        }
        return list
    }
}

func write(_ lists: [RankedList], to path: FilePath, _ format: RunFormat, escapeIDs: Bool = false) throws {
    let writer = try RunWriter(path, format: format, tag: "test", escapeIDs: escapeIDs)
    for list in lists { try writer.write(list) }
    try writer.commit()
}

func readByQuery(_ path: FilePath, _ format: RunFormat?, escapedIDs: Bool = false) throws -> [RankedList] {
    var reader = try RunReader(path, format: format, escapedIDs: escapedIDs)
    var lists: [RankedList] = []
    var list = RankedList()
    while try reader.next(into: &list) { lists.append(list) }
    return lists
}

let plainBytes: [UInt8] = Array("abcXYZ019#\"'%,;é文".utf8)
let anyByte: [UInt8] = Array(0...255)

@Suite struct RunTests {
    /// Reading gives back every id and every bit of every score.
    @Test(arguments: [RunFormat.trec, .tevatron], ["run", "run.gz", "run.zst", "run.xz"])
    func whatIsWrittenIsRead(format: RunFormat, name: String) throws {
        let folder = try TemporaryFolder()
        for seed in 0..<8 as Range<UInt64> {
            let lists = randomLists(seed: seed, queryCount: 60, alphabet: plainBytes)
            try write(lists, to: folder(name), format)
            #expect(try readByQuery(folder(name), nil) == lists)
            let run = try Run(reading: folder(name))
            #expect(run.queryCount == lists.count)
            for (index, list) in lists.enumerated() {
                let results = run.results(of: index)
                #expect(run.queries[index] == list.query)
                #expect(Array(run.scores[results]) == list.scores)
                #expect(results.map { run.documents[$0] } == (0..<list.count).map { list.documents[$0] })
            }
        }
    }

    /// Any byte string survives a run whose ids are escaped.
    @Test(arguments: RunFormat.allCases)
    func escapedIDsMayHoldAnyByte(format: RunFormat) throws {
        let folder = try TemporaryFolder()
        let lists = randomLists(seed: 7, queryCount: 80, alphabet: anyByte)
        try write(lists, to: folder("run"), format, escapeIDs: true)
        let read = try readByQuery(folder("run"), format, escapedIDs: true)
        #expect(read.map(\.query) == lists.map(\.query))
        #expect(read.map(\.documents) == lists.map(\.documents))
        if format == .marco {
            #expect(read.allSatisfy { $0.scores == (0..<$0.count).map { -Float($0 + 1) } })
        } else {
            #expect(read.map(\.scores) == lists.map(\.scores))
        }
    }

    @Test func escapingIsInvertedForEveryByteString() {
        var random = SplitMix64(seed: 3)
        for _ in 0..<500 {
            let id = (0..<random.next(below: 20)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            var text: [UInt8] = []
            id.withUnsafeBytes { IDEscaping.escape($0, into: &text) }
            #expect(!text.contains { $0 <= 0x20 })
            var back: [UInt8] = []
            #expect(text.withUnsafeBytes { IDEscaping.unescape($0, into: &back) })
            #expect(back == id)
        }
        for bad in ["%", "%4", "%zz", "a%2"] {
            var back: [UInt8] = []
            #expect(!Array(bad.utf8).withUnsafeBytes { IDEscaping.unescape($0, into: &back) })
        }
    }

    /// Ids that a format cannot hold are refused, and no file appears.
    @Test(arguments: [
        (RunFormat.trec, "a b"), (.trec, "a\tb"), (.trec, "a\nb"), (.trec, "a\u{B}b"), (.trec, "a\r"), (.trec, ""),
        (.tevatron, "a\tb"), (.tevatron, "a\nb"), (.tevatron, "a\r"), (.marco, "a\tb"), (.tevatron, ""),
    ])
    func unwritableIDs(format: RunFormat, id: String) throws {
        let folder = try TemporaryFolder()
        for side in 0..<2 {
            var list = RankedList(query: Array((side == 0 ? id : "q").utf8))
            Array((side == 1 ? id : "d").utf8).withUnsafeBytes { list.append($0, 1) }
            let error = #expect(throws: Failure.self) { try write([list], to: folder("run"), format) }
            if !id.isEmpty { #expect(error?.description.contains("--escape-ids") == true) }
        }
        #expect(try Files.list(folder.path).isEmpty)
    }

    @Test func tevatronIDsMayHoldSpaces() throws {
        let folder = try TemporaryFolder()
        let lists = randomLists(seed: 5, queryCount: 30, alphabet: Array("ab %".utf8))
        try write(lists, to: folder("run"), .tevatron)
        #expect(try readByQuery(folder("run"), nil) == lists)
    }

    /// Scores are read as strtod reads them, and then rounded to float32, as trec_eval does.
    @Test func scoresAreReadLikeStrtod() throws {
        var random = SplitMix64(seed: 11)
        var texts = [
            "0", "-0", "+1", "1.", ".5", "1e3", "1E-3", "1e+3", "123456789012345678901234567890", "0.1", "1e-50",
            "1e22",
            "1e23", "9007199254740993", "0.30000000000000004441", "1.00000017881393432617187499", "4.9e-324",
            "3.4028234663852886e38", "0.000000000000000000000000000000000000000000001",
        ]
        for _ in 0..<2000 {
            texts.append(Float(bitPattern: UInt32(truncatingIfNeeded: random.next()) & 0xFEFF_FFFF).description)
            texts.append((random.nextUnit() * 2 - 1).description)
            // Halfway between two float32 numbers, and as near to it as 16 to 19 digits come.
            let number = Float(random.nextUnit()) * 1000
            let middle = ((Double(number) + Double(number.nextUp)) / 2).description
            texts += [middle, middle + "1", middle + "01", String(middle.dropLast()), middle + "e-3"]
        }
        let folder = try TemporaryFolder()
        let lines = texts.enumerated().map { "q\tid\($0.offset)\t\($0.element)\n" }.joined()
        let run = try Run(reading: folder.write(lines, to: "run"), format: .tevatron)
        for (text, score) in zip(texts, run.scores) {
            #expect(score.bitPattern == Float(Double(text)!).bitPattern, "\(text)")
        }
    }

    /// Lines of a query that are not together are brought together; the streaming reader refuses them.
    @Test func interleavedQueries() throws {
        let folder = try TemporaryFolder()
        let file = try folder.write("a\tx\t3\nb\ty\t2\na\tz\t1\nb\tw\t5\nc\tv\t0\n", to: "run")
        let run = try Run(reading: file, format: .tevatron)
        #expect((0..<3).map { run.queries[$0] } == [Array("a".utf8), Array("b".utf8), Array("c".utf8)])
        #expect(run.results(of: 0).map { run.documents[$0] } == [Array("x".utf8), Array("z".utf8)])
        #expect(Array(run.scores[run.results(of: 1)]) == [2, 5])
        let error = #expect(throws: InputError.self) { try readByQuery(file, .tevatron) }
        #expect(error?.description.contains("not together") == true)
    }

    @Test func blankLinesAndLineEnds() throws {
        let folder = try TemporaryFolder()
        let file = try folder.write("\u{FEFF}q Q0 d1 1 0.5 t\r\n\n   \nq\tQ0  d2\t2 0.25 t", to: "run")
        let run = try Run(reading: file)
        #expect(run.queries[0] == Array("q".utf8))
        #expect(run.scores == [0.5, 0.25])
        #expect(try Run(reading: folder.write("", to: "empty")).queryCount == 0)
        #expect(try Run(reading: folder.write("\n\n", to: "blank")).queryCount == 0)
    }

    @Test func ordersByScoreThenDescendingID() throws {
        var list = RankedList(query: [1])
        for (id, score) in [("b", 1), ("a", 2), ("ab", 1), ("é", 1), ("c", -1), ("", 2)] as [(String, Float)] {
            Array(id.utf8).withUnsafeBytes { list.append($0, score) }
        }
        #expect(list.order() == [1, 5, 3, 0, 2, 4])
    }

    /// Every fault stops with its place.
    @Test(arguments: [
        ("q Q0 d 1 0.5\n", "run:1 (byte 0): 5 fields"),
        ("q Q0 d 1 0.5 t\nq Q0 a b 2 0.5 t\n", "run:2 (byte 15): 7 fields"),
        ("q Q0 d 1 x t\n", "run:1 (byte 9), field \"score\": not a finite number: \"x\""),
        ("q Q0 d 1 nan t\n", "field \"score\""), ("q Q0 d 1 1e400 t\n", "field \"score\""),
        ("q Q0 d 1 3.5e38 t\n", "field \"score\""), ("q Q0 d 1 0x10 t\n", "field \"score\""),
        ("q Q0 d 1 1e t\n", "field \"score\""), ("q Q0 d 1 - t\n", "field \"score\""),
        ("q\td\t0.5\nq\td2\n", "run:2 (byte 8): 2 fields"),
        ("\td\t0.5\n", "field \"qid\": an id is empty"), ("q\t\t0.5\n", "field \"docid\": an id is empty"),
        ("q\td\t0.5\nq\td\t0.25\n", "has this document twice: \"d\""),
        ("q\td\t1\nq\te\t2\n", "may be a rank or a score"),
    ])
    func faults(text: String, message: String) throws {
        let folder = try TemporaryFolder()
        let file = try folder.write(text, to: "run")
        let error = #expect(throws: InputError.self) { try Run(reading: file) }
        #expect(error?.description.contains(message) == true, "\(String(describing: error))")
        #expect(throws: InputError.self) { try readByQuery(file, nil) }
        // The same from a stream that is read in chunks.
        let output = try CompressedOutput(folder("run.gz"))
        try output.write(Array(text.utf8))
        try output.commit()
        #expect(throws: InputError.self) { try Run(reading: folder("run.gz")) }
    }

    /// Streams are cut into chunks; places count from the start of the file.
    @Test func placesInLongStreams() throws {
        let folder = try TemporaryFolder()
        var text = ""
        for line in 0..<100_000 { text += "query\(line / 100) Q0 document\(line) 1 0.5 tag\n" }
        let length = text.utf8.count
        text += "q Q0 d 1 oops tag\n"
        for name in ["run", "run.zst"] {
            let output = try CompressedOutput(folder(name))
            try output.write(Array(text.utf8))
            try output.commit()
            let error = #expect(throws: InputError.self) { try Run(reading: folder(name)) }
            #expect(error?.place.line == 100_001)
            #expect(error?.place.byteOffset == length + 9)
            #expect(error?.place.field == "score")
        }
    }

    /// Cut anywhere, a run is read or refused, and never traps.
    @Test func everyTruncationIsReadOrRefused() throws {
        let folder = try TemporaryFolder()
        let text = Array("q1 Q0 d1 1 0.5 t\nq1 Q0 d%20 2 -1.5e-3 t\r\nq2 Q0 d1 1 7 t\n".utf8)
        var refused = 0
        for length in 0...text.count {
            let file = try folder.write(Array(text[..<length]), to: "run")
            for escaped in [false, true] {
                do {
                    #expect(try Run(reading: file, escapedIDs: escaped).resultCount <= 3)
                } catch is InputError {
                    refused += 1
                }
            }
        }
        #expect(refused > 60)
    }

    @Test(arguments: ["", "two words", "tab\t"])
    func tagsAreOneWord(tag: String) throws {
        let folder = try TemporaryFolder()
        #expect(throws: Failure.self) { try RunWriter(folder("run"), format: .trec, tag: tag) }
        #expect(try Files.list(folder.path).isEmpty)
    }
}
