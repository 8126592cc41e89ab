import Base
import JSON
import Records
import TestKit
import Testing

@Suite struct RecordTests {
    @Test(arguments: 0..<200)
    func readingUndoesWriting(seed: Int) throws {
        var random = SplitMix64(seed: UInt64(seed))
        let document = randomDocument(random: &random)
        var line: [UInt8] = []
        document.appendJSONLine(to: &line)
        let read = try line.withUnsafeBytes { try Document(jsonLine: $0, at: Place(path: "x")) }
        #expect(read == document)
        let query = Query(
            id: document.id, text: document.text, image: document.image, video: document.video, audio: document.audio,
            extras: document.extras)
        line = []
        query.appendJSONLine(to: &line)
        #expect(try line.withUnsafeBytes { try Query(jsonLine: $0, at: Place(path: "x")) } == query)
    }

    /// The hot path and the plain one write the same bytes.
    @Test(arguments: 0..<200)
    func theScannerWritesWhatADocumentWrites(seed: Int) throws {
        var random = SplitMix64(seed: UInt64(seed), 1)
        let document = randomDocument(random: &random)
        var line: [UInt8] = []
        document.appendJSONLine(to: &line)
        let parser = JSONParser()
        defer { withExtendedLifetime(parser) {} }
        let scanner = RecordScanner(.document)
        var record: [UInt8] = []
        try line.withUnsafeBytes { line in
            try scanner.scan(RecordScanner.root(of: line, padded: false, parser: parser))
            scanner.appendRecord(id: scanner.id!, to: &record)
        }
        #expect(record == line)
    }

    @Test func keysHaveTheirOrderAndAliasesAreRead() throws {
        let line = Array(
            #"{"z":[1, 2.50],"image":{"sha256":"ab","width":3},"text":"t\u00e9","b":null,"title":"","docid":"d \"1\""}"#
                .utf8)
        let document = try line.withUnsafeBytes { try Document(jsonLine: $0, at: Place(path: "x")) }
        var output: [UInt8] = []
        document.appendJSONLine(to: &output)
        #expect(
            String(decoding: output, as: UTF8.self)
                == #"{"docid":"d \"1\"","title":"","document_text":"té","document_image":{"sha256":"ab","width":3},"#
                + #""b":null,"z":[1,2.5]}"#)
        #expect(document.title == [])
        #expect(document.image?.name == nil)
        #expect(MediaReference(name: "a/b.png").name == "a/b.png")
    }

    @Test func nullsAreKept() throws {
        let line = Array(#"{"docid":"1","title":null,"text":"a","image":null}"#.utf8)
        let document = try line.withUnsafeBytes { try Document(jsonLine: $0, at: Place(path: "x")) }
        #expect(document.title == nil && document.image == nil)
        var output: [UInt8] = []
        document.appendJSONLine(to: &output)
        #expect(
            String(decoding: output, as: UTF8.self)
                == #"{"docid":"1","document_text":"a","document_image":null,"title":null}"#)
        #expect(try output.withUnsafeBytes { try Document(jsonLine: $0, at: Place(path: "x")) } == document)
    }

    @Test func linksAreNoPartOfAQuery() throws {
        let line = Array(
            #"{"query_id":"1","query_text":"a","positive_document_ids":["x"],"negative_document_ids":null,"answer":1}"#
                .utf8)
        let query = try line.withUnsafeBytes { try Query(jsonLine: $0, at: Place(path: "x")) }
        #expect(query.extras.map { String(decoding: $0.key, as: UTF8.self) } == ["answer"])
    }

    @Test(
        arguments: [
            (#"{"title":"x","text":"y"}"#, "missing field \"docid\"", nil),
            (#"{"docid":"x"}"#, "missing field \"document_text\"", nil),
            (#"{"docid":"x","text":null}"#, "missing field \"document_text\"", nil),
            (#"{"docid":7,"text":"y"}"#, "a number where a string should be", "docid"),
            (#"{"docid":null,"text":"y"}"#, "null where a string should be", "docid"),
            (#"{"docid":"","text":"y"}"#, "the id is empty", "docid"),
            (#"{"docid":"x","text":["y"]}"#, "an array where a string should be", "text"),
            (#"{"docid":"x","text":"y","title":{}}"#, "an object where a string should be", "title"),
            (#"{"docid":"x","image":3}"#, "a number where a string or an object should be", "image"),
            (#"{"docid":"x","text":"y","document_text":"y"}"#, "the field is given twice", "document_text"),
            (#"{"docid":"x","text":"y","docid":"x"}"#, "the field is given twice", "docid"),
            (#"{"docid":"x","text":"y","e":1,"e":1}"#, "the field is given twice", "e"),
            (#"["docid"]"#, "an array where a record should be", nil),
            (#"{"docid":"x","text":"y""#, "not valid JSON", nil), ("", "not valid JSON: there is no JSON value", nil),
        ] as [(String, String, String?)])
    func faults(line: String, reason: String, field: String?) throws {
        let error = #expect(throws: InputError.self) {
            try Array(line.utf8).withUnsafeBytes {
                try Document(jsonLine: $0, at: Place(path: "c.jsonl", line: 3, byteOffset: 100))
            }
        }
        #expect(error?.reason.hasPrefix(reason) == true, "\(error.map { "\($0)" } ?? "")")
        #expect(error?.place.field == field)
        #expect(error?.place.line == 3)
        #expect((error?.place.byteOffset ?? 0) >= 100)
    }
}

func randomDocument(random: inout SplitMix64) -> Document {
    func text(_ longest: Int) -> [UInt8] {
        let scalars: [Unicode.Scalar] = ["a", "Z", " ", "\"", "\\", "\n", "\t", "\u{0}", "#", "é", "漢", "😀", "\u{301}"]
        var text = ""
        for _ in 0..<Int.random(in: 0...longest, using: &random) {
            text.unicodeScalars.append(scalars.randomElement(using: &random)!)
        }
        return Array(text.utf8)
    }
    func sometimes<Value>(_ value: @autoclosure () -> Value) -> Value? { Bool.random(using: &random) ? value() : nil }
    var extras: [[UInt8]: [UInt8]] = [:]
    for _ in 0..<Int.random(in: 0..<4, using: &random) {
        extras[Array("extra ".utf8) + text(3)] = JSONValue.array([1, .number(0.5), "x"]).canonical()
    }
    return Document(
        id: Array("d".utf8) + text(8), title: sometimes(text(10)), text: text(100),
        image: sometimes(MediaReference(name: "a/b.png")),
        audio: sometimes(MediaReference(json: JSONValue.object(["sha256": "00", "size": 1]).canonical())),
        extras: extras.map { Extra(key: $0.key, json: $0.value) }
            .sorted { $0.key.lexicographicallyPrecedes($1.key) })
}
