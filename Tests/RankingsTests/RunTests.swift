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
    /// Ranks or distances in the place of scores turn a ranking round, as trec_eval reads it.
    @Test(arguments: [
        ("q Q0 a 1 1 t\nq Q0 b 2 2 t\nr Q0 a 1 0.25 t\nr Q0 b 2 0.5 t\nr Q0 c 3 0.5 t\ns Q0 c 1 9 t\n", true),
        ("q Q0 b 2 2 t\nq Q0 a 1 1 t\n", true),
        // One query whose scores are scores, by which the others may be.
        ("q Q0 a 1 1 t\nq Q0 b 2 2 t\nr Q0 a 1 2 t\nr Q0 b 2 1 t\n", false),
        ("q Q0 a 1 1 t\nq Q0 b 2 2 t\nr Q0 a 1 2 t\nr Q0 b 2 2 t\n", false),
        ("q Q0 a 1 1 t\nr Q0 b 2 2 t\n", false), ("q Q0 a 0 1 t\nq Q0 b 0 2 t\n", false),
        ("q Q0 a x 1 t\nq Q0 b y 2 t\n", false),
    ])
    func runsThatAreUpsideDownAreRefused(text: String, isRising: Bool) throws {
        let folder = try TemporaryFolder()
        let file = try RunFile(folder.write(text, to: "run"))
        func read() throws {
            var reader = try RunReader(file)
            var list = RankedList()
            while try reader.next(into: &list) {}
        }
        if isRising {
            let error = #expect(throws: InputError.self) { try read() }
            #expect(error.map { "\($0)" }?.contains("rise with its ranks") == true)
        } else {
            try read()
        }
        // What only measures takes it as trec_eval does, and warns.
        _ = try Run(reading: file)
    }

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
        ("q\td\t0.5\nq\td\t0.25\n", "run:2, field \"docid\": query \"q\" has a document twice, first in line 1: \"d\""),
        ("q\td\t1\nq\te\t2\n", "may be a rank or a score"),
        ("q 0 d 1\n", "a run has six"), ("query-id\tcorpus-id\tscore\n", "is this a run?"),
        ("q d 1\n", "tabs between its columns"),
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

    /// Three columns hold scores if one of them cannot be a rank; whole numbers alone may be either.
    @Test(arguments: [
        ("q\ta\t2\nq\tb\t1\n", false), ("q\ta\t17\nq\tb\t3\nr\ta\t1\n", false), ("q\ta\t0\nq\tb\t1\n", false),
        ("q\ta\t3.0\nq\tb\t1.0\n", false), ("q\ta\t3\nq\tb\t2.5\n", true), ("q\ta\t3\nq\tb\t-1\n", true),
        ("q\ta\t3\nq\tb\t16777216\n", true), ("q\ta\t1e-1\n", true), ("q\ta\t1\nq\tb\t0.5\n", true),
    ])
    func theWholeFileDecidesBetweenRanksAndScores(text: String, isScores: Bool) throws {
        let folder = try TemporaryFolder()
        // Long enough that the first chunk of a stream does not decide.
        let padding = (0..<60_000).map { "padding\tdocument-\($0)\t\($0 + 1)\n" }.joined()
        for (name, text) in [("run", text), ("run.gz", text), ("long", padding + text), ("long.zst", padding + text)] {
            let output = try CompressedOutput(folder(name))
            try output.write(Array(text.utf8))
            try output.commit()
            guard !isScores else {
                _ = try RunReader(folder(name))
                continue
            }
            let error = #expect(throws: InputError.self) { try RunReader(folder(name)) }
            #expect(error?.place.line == 1 && error?.description.contains("--run-format marco") == true)
        }
    }

    @Test func ranksAreReadAsRanks() throws {
        let folder = try TemporaryFolder()
        let file = try folder.write("q\tc\t17\nq\ta\t2\nq\tb\t3.0\nq\td\t1\n", to: "run")
        let run = try Run(reading: file, format: .marco)
        #expect(run.order(of: 0).map { run.documents[$0] } == ["d", "a", "b", "c"].map { Array($0.utf8) })
        for rank in ["0", "1.5", "-1", "16777216"] {
            #expect(throws: InputError.self) {
                try Run(reading: folder.write("q\ta\t\(rank)\n", to: "bad"), format: .marco)
            }
        }
    }

    /// A run is read as its sidecar says; whoever says otherwise is told.
    @Test(arguments: RunFormat.allCases, [false, true])
    func theSidecarDecides(format: RunFormat, isEscaped: Bool) throws {
        let folder = try TemporaryFolder()
        let lists = randomLists(seed: 4, queryCount: 20, alphabet: isEscaped ? anyByte : plainBytes)
        try write(lists, to: folder("run"), format, escapeIDs: isEscaped)
        let file = try RunFile(folder("run"))
        #expect(file.format == format && file.hasEscapedIDs == isEscaped)
        let run = try Run(reading: file)
        #expect((0..<run.queryCount).map { run.queries[$0] } == lists.map(\.query))
        for (index, list) in lists.enumerated() {
            #expect(run.results(of: index).map { run.documents[$0] } == (0..<list.count).map { list.documents[$0] })
        }
        for other in RunFormat.allCases where other != format {
            let error = #expect(throws: Failure.self) { try RunFile(folder("run"), format: other) }
            #expect(error?.description.contains("run.json") == true && error?.exitStatus == .usage)
        }
        if isEscaped {
            #expect(try RunFile(folder("run"), format: format, hasEscapedIDs: true).hasEscapedIDs)
        } else {
            let error = #expect(throws: Failure.self) { try RunFile(folder("run"), hasEscapedIDs: true) }
            #expect(error?.description.contains("--escape-ids") == true)
        }
    }

    /// A sidecar of another file, or of an older version, decides nothing; a damaged one is an error.
    @Test func sidecarsOfOthers() throws {
        let folder = try TemporaryFolder()
        try write(randomLists(seed: 4, queryCount: 2, alphabet: plainBytes), to: folder("run"), .trec, escapeIDs: true)
        let digest = try SHA256Digest.ofFile(folder("run")).hex
        try folder.write(#"{"sha256": "\#(digest)", "depth": 3}"#, to: "run.json")
        let old = try RunFile(folder("run"), format: .trec, hasEscapedIDs: true)
        #expect(old.hasEscapedIDs && old.format == .trec && old.sidecar?.fields["depth"] == 3)
        #expect(try !RunFile(folder("run")).hasEscapedIDs)
        try folder.write(#"{"sha256": "00", "escaped_ids": true}"#, to: "run.json")
        #expect(try RunFile(folder("run")).sidecar == nil)
        for fields in [#""format": "csv""#, #""escaped_ids": 1"#, #""format": null"#] {
            try folder.write(#"{"sha256": "\#(digest)", \#(fields)}"#, to: "run.json")
            let error = #expect(throws: InputError.self) { try RunFile(folder("run")) }
            #expect(error?.description.contains("run.json, field") == true)
        }
        try folder.write("[]", to: "run.json")
        #expect(try RunFile(folder("run")).sidecar == nil)
        try folder.write("{", to: "run.json")
        #expect(throws: InputError.self) { try RunFile(folder("run")) }
    }

    /// A document that a query has twice is named with both lines, wherever they are.
    @Test(arguments: ["run", "run.gz"])
    func repeatedDocuments(name: String) throws {
        let folder = try TemporaryFolder()
        let output = try CompressedOutput(folder(name))
        try output.write(Array("a\tx\t3.5\nb\tx\t2\na\ty\t1\n\na\tx\t1\n".utf8))
        try output.commit()
        let error = #expect(throws: InputError.self) { try Run(reading: folder(name)) }
        #expect(error?.place.line == 5 && error?.description.contains("first in line 1: \"x\"") == true)
    }

    /// A line without an end does not fill the memory; it is an error with its place.
    @Test(arguments: ["run", "run.gz"])
    func endlessLines(name: String) throws {
        let folder = try TemporaryFolder()
        let output = try CompressedOutput(folder(name))
        try output.write(Array("q Q0 d 1 0.5 t\nq Q0 ".utf8))
        for _ in 0..<5 { try output.write([UInt8](repeating: 0x78, count: 1 << 20)) }
        try output.commit()
        for format in [RunFormat.trec, .tevatron] {
            let error = #expect(throws: InputError.self) { try Run(reading: folder(name), format: format) }
            #expect(format == .tevatron || name == "run.gz" || error?.place.line == 2)
        }
        let error = #expect(throws: InputError.self) { try Run(reading: folder(name)) }
        #expect(error?.description.contains("a line longer than 1048576 bytes") == true)
        #expect(throws: InputError.self) { try Qrels(reading: folder(name)) }
    }
}
