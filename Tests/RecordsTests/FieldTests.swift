import Base
import JSON
import Records
import TestKit
import Testing

/// Keys, ids and lists of records as others write them.
@Suite struct FieldTests {
    private func scan<Result>(
        _ line: String, _ layout: RecordLayout = .document, _ body: (RecordScanner) throws -> Result
    ) throws -> Result {
        let parser = JSONParser()
        let scanner = RecordScanner(layout)
        defer { withExtendedLifetime((parser, scanner)) {} }
        return try Array(line.utf8).withUnsafeBytes { bytes in
            try scanner.scan(RecordScanner.root(of: bytes, padded: false, parser: parser))
            return try body(scanner)
        }
    }

    private func fault(_ line: String, _ layout: RecordLayout = .document) -> RecordFault? {
        #expect(throws: RecordFault.self) { try scan(line, layout) { _ in } }
    }

    /// A table of keys, and no look at each pair of them: a million pairs of pairs would not end.
    @Test func aRecordMayHaveAsManyKeysAsItLikes() throws {
        let keys = (0..<200_000).map { #""k\#($0)":\#($0)"# }.joined(separator: ",")
        let line = #"{"docid":"d","text":"x",\#(keys)}"#
        let written = try scan(line) { scanner in
            var record: [UInt8] = []
            scanner.appendRecord(id: scanner.id!, to: &record)
            return record
        }
        #expect(written.count == line.utf8.count + "document_".utf8.count)
        let twice = fault(String(line.dropLast()) + #","k77":0}"#)
        #expect(twice?.field == "k77" && twice?.reason == "the field is given twice")
    }

    @Test(arguments: [
        (#"{"docid":"d","text":"a","text":"b"}"#, "text", "keep one of the two"),
        (
            #"{"docid":"d","text":"a","document_text":"b"}"#, "document_text",
            "\"document_text\" and \"text\" mean the same"
        ),
        (#"{"docid":"d","docid":"e","text":"a"}"#, "docid", "keep one of the two"),
        (#"{"docid":"d","text":"a","x":1,"x":1}"#, "x", "keep one of the two"),
    ]) func aKeyThatIsGivenTwiceGetsItsOwnAdvice(line: String, field: String, advice: String) {
        let fault = fault(line)
        #expect(fault?.field == field && fault?.advice?.contains(advice) == true, "\(String(describing: fault))")
    }

    @Test(arguments: [
        ("[", "jq -c '.[]'"), (#"[{"docid":"#, "jq -c '.[]'"), ("{", "jq -c ."),
        (#"{"docid":"d","text":"cu"#, "cut off"),
        ("[]", "jq -c '.[]'"),
    ]) func whatIsNoLineOfItsOwnIsTold(line: String, advice: String) {
        #expect(fault(line)?.advice?.contains(advice) == true)
    }

    @Test func aListOfPassagesThatIsNullIsEmpty() throws {
        let row = #"{"query_id":"q","query":"x","positive_passages":[],"negative_passages":null}"#
        #expect(try scan(row, .row) { $0.node(.negatives) == nil })
        let missing = fault(#"{"query_id":"q","query":"x","positive_passages":[]}"#, .row)
        #expect(missing?.reason == "missing field \"negative_passages\"")
    }

    @Test func idsAreBounded() throws {
        func line(_ count: Int) -> String { #"{"docid":"\#(String(repeating: "x", count: count))","text":"a"}"# }
        #expect(try scan(line(1 << 16)) { $0.id?.count } == 1 << 16)
        #expect(fault(line(1 << 16 + 1))?.reason == "the id has 65537 bytes")
    }
}
