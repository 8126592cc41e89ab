import Base
import Ingest
import JSON
import Store
import SystemPackage
import TestKit
import Testing

/// `v1-to-v2`: what becomes of rows and their passages.
@Suite struct RowConversionTests {
    let place: Workplace

    init() throws { place = try Workplace() }

    @Test func aPassageBecomesADocumentOnce() throws {
        let (dataset, report) = try place.convert([
            row("1", positives: ["a"], negatives: ["b", "c"]), row("2", positives: ["b", "a"], negatives: ["d"]),
            row("3", positives: ["a", "a"]),
        ])
        let documents = ["a", "b", "c", "d"].map { #"{"docid":"\#($0)","document_text":"text of \#($0)"}"# }
        #expect(try dataset.documentLines == documents)
        #expect(
            try dataset.queryLines == ["1", "2", "3"].map { #"{"query_id":"\#($0)","query_text":"text of \#($0)"}"# })
        // In the order of the row, repeats included.
        #expect(try dataset.positiveTargets == [[0], [1, 0], [0, 0]])
        #expect(try dataset.negativeTargets == [[1, 2], [3], []])
        #expect([report.queryCount, report.documentCount] == [3, 4])
        #expect([report.positiveCount, report.negativeCount, report.duplicatesMerged] == [5, 3, 4])
        #expect([report.conflictCount, report.madeIDCount, report.rejectCount] == [0, 0, 0])
        #expect(report.dataset == dataset.digest)
    }

    @Test func documentsAreSharedAcrossFiles() throws {
        let first = try place.write([row("1", positives: ["a"])], to: "first.jsonl")
        let second = try place.write([row("2", positives: ["b", "a"])], to: "second.jsonl")
        let report = try Conversions.rows([first, second], into: place.store, reference: "sample")
        #expect(report.documentCount == 2)
        #expect(try place.store.dataset("sample").positiveTargets == [[0], [1, 0]])
        #expect(report.inputs.map(\.path) == [first.string, second.string])
        #expect(report.inputs.map(\.sha256) == [try .ofFile(first), try .ofFile(second)])
    }

    /// `String ==` would take the two ids for one.
    @Test func idsAreToldApartByTheirBytes() throws {
        let composed = "\u{E9}"
        let decomposed = "e\u{301}"
        let (dataset, report) = try place.convert([
            row(composed, positives: [composed, decomposed]), row(decomposed, positives: [decomposed]),
        ])
        #expect(report.duplicatesMerged == 1)
        #expect(try dataset.positiveTargets == [[0, 1], [1]])
        for (ordinal, id) in [composed, decomposed].enumerated() {
            #expect(try dataset.documentOrdinal(id: Array(id.utf8)) == ordinal)
            #expect(try dataset.queryOrdinal(id: Array(id.utf8)) == ordinal)
            #expect(try dataset.documentID(ordinal) == Array(id.utf8))
        }
    }

    // MARK: - Conflicts

    /// The docid "a" with three contents, in two rows and two files.
    func conflictingFiles() throws -> [FilePath] {
        func row(_ id: String, _ texts: [String]) -> String {
            let passages = texts.map { #"{"docid":"a","text":"\#($0)"}"# }.joined(separator: ",")
            return #"{"query_id":"\#(id)","query":"q","positive_passages":[],"negative_passages":[\#(passages)]}"#
        }
        return [
            try place.write([row("1", ["one"]), row("2", ["one"])], to: "first.jsonl"),
            try place.write(
                [row("3", ["one"]), row("4", ["one", "two"]), row("5", ["three", "two"])], to: "second.jsonl"),
        ]
    }

    func convertConflicts(_ policy: ConflictPolicy) throws -> (dataset: Dataset, report: IngestReport) {
        var options = IngestOptions()
        options.conflictPolicy = policy
        let report = try Conversions.rows(
            conflictingFiles(), into: place.store, reference: "sample", options: options)
        return (try place.store.dataset("sample"), report)
    }

    @Test func aConflictNamesBothPlaces() throws {
        let error = #expect(throws: InputError.self) { try convertConflicts(.error) }
        #expect(error?.place.path == place.folder("second.jsonl").string)
        #expect(error?.place.line == 2)
        #expect(error?.place.field == "negative_passages[1]")
        #expect(error?.reason == "the document \"a\" differs from the one at \(place.folder("first.jsonl")):1")
        #expect(error?.advice?.contains("--on-conflict first") == true)
        #expect(try place.nothingIsCommitted())
    }

    @Test func theFirstContentMayStay() throws {
        let (dataset, report) = try convertConflicts(.first)
        #expect(try dataset.documentLines == [#"{"docid":"a","document_text":"one"}"#])
        #expect(try dataset.negativeTargets == [[0], [0], [0], [0, 0], [0, 0]])
        #expect([report.conflictCount, report.duplicatesMerged] == [3, 3])
        #expect(dataset.manifest.provenance.options["onConflict"] == "first")
        #expect(dataset.manifest.provenance.statistics["conflicts"] == 3)
    }

    @Test func differentContentMayGetAnIdOfItsOwn() throws {
        let (dataset, report) = try convertConflicts(.rename)
        func renamed(_ text: String) -> String {
            let hash = ContentHash.of(Array(#"{"docid":"a","document_text":"\#(text)"}"#.utf8)).hex.prefix(16)
            return #"{"docid":"a~\#(hash)","document_text":"\#(text)"}"#
        }
        #expect(
            try dataset.documentLines == [
                #"{"docid":"a","document_text":"one"}"#, renamed("two"), renamed("three"),
            ])
        #expect(try dataset.negativeTargets == [[0], [0], [0], [0, 1], [2, 1]])
        #expect([report.documentCount, report.conflictCount] == [3, 3])
    }

    @Test func anIdThatIsTakenIsNotGivenAgain() throws {
        let hash = ContentHash.of(Array(#"{"docid":"a","document_text":"other"}"#.utf8)).hex.prefix(16)
        var options = IngestOptions()
        options.conflictPolicy = .rename
        let other = row("2", positives: ["a"]).replacing("text of a", with: "other")
        let error = #expect(throws: InputError.self) {
            try place.convert([row("1", positives: ["a", "a~\(hash)"]), other], options: options)
        }
        #expect(error?.reason.contains("cannot be renamed: \"a~\(hash)\" exists at ") == true)
        #expect(error?.reason.hasSuffix("sample.jsonl:1") == true)
        #expect(try place.nothingIsCommitted())
    }

    // MARK: - Ids from content

    @Test func passagesWithoutDocidAreNamedByTheirContent() throws {
        func row(_ id: String, _ passages: String...) -> String {
            #"{"query_id":"\#(id)","query":"q","negative_passages":[],"positive_passages":[\#(passages.joined(separator: ","))]}"#
        }
        let (dataset, report) = try place.convert([
            row("1", #"{"text":"t"}"#, #"{"title":"","text":"t"}"#, #"{"text":"t","b":1,"a":null}"#),
            row("2", #"{"text":"t","docid":null}"#, #"{"a":null,"text":"t","b":1}"#, #"{"text":"\u0074"}"#),
            row("3", #"{"text":"t","title":"T"}"#, #"{"text":"u"}"#, #"{"docid":"t","text":"t"}"#),
        ])
        #expect(try dataset.positiveTargets == [[0, 1, 2], [0, 2, 0], [3, 4, 5]])
        #expect([report.documentCount, report.madeIDCount, report.duplicatesMerged] == [6, 8, 3])
        for ordinal in 0..<5 {
            let id = try dataset.documentID(ordinal)
            #expect(id.count == 32 && id.allSatisfy { "0123456789abcdef".utf8.contains($0) })
        }
        // A function of the content: the same in another dataset.
        let other = try place.convert([row("9", #"{"text":"u"}"#)], as: "other").dataset
        #expect(try other.documentID(0) == dataset.documentID(4))
    }

    // MARK: - What a row holds

    @Test func titlesAndExtrasAreKept() throws {
        let passages = [
            #"{"title":"T","docid":"1","text":"t"}"#, #"{"docid":"2","title":"","text":"t"}"#,
            #"{"docid":"3","title":null,"text":"t"}"#,
            #"{"docid":"4","text":"","score":0.5,"answers":["a",null,{"b":[]}]}"#,
        ].joined(separator: ",")
        let numbers =
            "[0,-7,3.0,0.25,-0.0,1e-07,9223372036854775807,18446744073709551615,-9223372036854775808,1.5e+300]"
        let line =
            #"{"answer":null,"query":"q","zero":0,"query_id":"1","numbers":\#(numbers),"negative_passages":[],"#
            + #""positive_passages":[\#(passages)],"nested":{"b":{"a":[true,{}]},"a":"é\n"}}"#
        let (dataset, _) = try place.convert([line])
        #expect(
            try dataset.documentLines == [
                #"{"docid":"1","title":"T","document_text":"t"}"#, #"{"docid":"2","title":"","document_text":"t"}"#,
                #"{"docid":"3","document_text":"t","title":null}"#,
                #"{"docid":"4","document_text":"","answers":["a",null,{"b":[]}],"score":0.5}"#,
            ])
        #expect(
            try dataset.queryLines == [
                #"{"query_id":"1","query_text":"q","answer":null,"nested":{"b":{"a":[true,{}]},"a":"é\n"},"#
                    + #""numbers":\#(numbers),"zero":0}"#
            ])
        let back = try place.rows(of: dataset)
        #expect(back.count == 1)
        // Beyond Int64, so that it is compared as text.
        #expect(back[0].contains(numbers))
        let plain = { (text: String) in try json(text.replacing(",18446744073709551615", with: "")) }
        #expect(try plain(back[0]) == plain(line))
    }

    @Test func mediaAreKeptAsTheyAreReferredTo() throws {
        let line =
            #"{"query_id":"1","query":"q","image":"a.png","positive_passages":[{"docid":"d","text":"t","#
            + #""video":{"sha256":"00","size":7},"audio":"sounds/a.wav"}],"negative_passages":[]}"#
        let (dataset, _) = try place.convert([line])
        #expect(try dataset.query(0).image?.name == "a.png")
        #expect(try dataset.document(0).audio?.name == "sounds/a.wav")
        #expect(try json(place.rows(of: dataset)[0]) == json(line))
    }

    /// v2's words in a v1 row, byte order mark, CRLF, blank lines, no newline at the end: all the same rows.
    @Test func rowsMayBeWrittenInOtherWays() throws {
        let plain = [row("1", positives: ["a"], negatives: ["b"]), row("2", positives: ["b"])]
        let digest = try place.convert(plain).dataset.manifest.logicalDigest
        let renamed = plain.map {
            $0.replacing(#""text":"#, with: #""document_text":"#).replacing(#""query":"#, with: #""query_text":"#)
        }
        let escaped = plain.map {
            $0.replacing("_passages", with: #"\u005fpassages"#).replacing("docid", with: #"doci\u0064"#)
        }
        let ways: [[UInt8]] = [
            Array(escaped.joined(separator: "\n").utf8),
            Array(renamed.joined(separator: "\n").utf8),
            [0xEF, 0xBB, 0xBF] + Array(plain.joined(separator: "\r\n").utf8) + [13, 10],
            Array(("\n \t\n" + plain.joined(separator: "\n\n\r\n") + "\n\n").utf8),
            Array(plain.joined(separator: "\n").replacing(",", with: " ,\t").replacing(":", with: " : ").utf8),
        ]
        for (number, bytes) in ways.enumerated() {
            let path = try place.write(bytes, to: "way\(number).jsonl")
            _ = try Conversions.rows([path], into: place.store, reference: "way\(number)")
            let dataset = try place.store.dataset("way\(number)")
            #expect(dataset.manifest.logicalDigest == digest, "way \(number)")
        }
    }

    /// The store reads `text` as the query's text, so a query that also had an extra of that name could not be read.
    @Test func extrasMustNotMeanSomethingInTheStore() throws {
        for name in ["text", "positive_document_ids"] {
            let line = row("1").replacing(#"{"query_id""#, with: #"{"\#(name)":"x","query_id""#)
            let error = #expect(throws: InputError.self) { try place.convert([line]) }
            #expect(error?.place.field == name)
        }
        #expect(try place.nothingIsCommitted())
    }
}
