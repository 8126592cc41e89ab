import Archives
import Base
import Ingest
import JSON
import RawSources
import SystemPackage
import TestKit
import Testing

/// Big JSON arrays: each element comes out as a line, wherever pieces of the file end, or the file is an error.
@Suite struct JSONArrayReaderTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    struct Element: Equatable {
        var number: Int
        var byteOffset: Int
        var value: JSONValue
    }

    func elements(
        of text: String, member: String? = nil, batchByteCount: Int = 1 << 20, bufferByteCount: Int = 1 << 20
    ) throws -> [Element] {
        let stream = try InputStream(folder.write(text, to: "array.json"), hashing: true)
        let reader = JSONArrayReader(
            stream, member: member, ReadingContext(batchByteCount: batchByteCount), bufferByteCount: bufferByteCount)
        var elements: [Element] = []
        while let batch = try reader.nextBatch() {
            if let fault = batch.faults.first { throw fault.error }
            try batch.forEachLine { line in
                let place = batch.place(line: line.number, byteOffset: line.byteOffset)
                #expect(place.path == "\(reader.path), element \(line.number)")
                elements.append(
                    Element(
                        number: line.number, byteOffset: place.byteOffset!,
                        value: try .parse(Array(line.bytes), path: "element")))
            }
        }
        #expect(try reader.finish()?.size == text.utf8.count)
        return elements
    }

    static func value(_ depth: Int, using random: inout SplitMix64) -> String {
        func space(_ random: inout SplitMix64) -> String {
            ["", "", " ", "\n", "\r\n\t"].randomElement(using: &random)!
        }
        let strings = ["\"\"", "\"a\"", "\"]}\"", "\"\\\"\"", "\"\\\\\"", "\"ü[{\"", "\"\\u005d\""]
        switch depth == 0 ? 0 : Int.random(in: 0..<4, using: &random) {
        case 0: return (strings + ["1", "-2.5e3", "true", "null"]).randomElement(using: &random)!
        case 1:
            let items = (0..<Int.random(in: 0..<4, using: &random)).map { _ in
                value(depth - 1, using: &random) + space(&random)
            }
            return "[" + space(&random) + items.joined(separator: "," + space(&random)) + "]"
        default: return object(depth - 1, using: &random)
        }
    }

    static func object(_ depth: Int, using random: inout SplitMix64) -> String {
        func space(_ random: inout SplitMix64) -> String {
            ["", "", " ", "\n", "\r\n\t"].randomElement(using: &random)!
        }
        let members = (0..<Int.random(in: 0..<4, using: &random)).map {
            "\"k\($0)\"" + space(&random) + ":" + space(&random) + value(depth, using: &random)
        }
        return "{" + space(&random) + members.joined(separator: space(&random) + "," + space(&random)) + space(&random)
            + "}"
    }

    @Test(arguments: 0..<60) func elementsComeOutAsTheyAre(seed: Int) throws {
        var random = SplitMix64(seed: UInt64(seed))
        let isMember = Bool.random(using: &random)
        var text = Bool.random(using: &random) ? "\u{FEFF}" : ""
        if isMember { text += "\n{\"data1\" : \(Self.value(2, using: &random)), \"other\":12,\"d\\u0061ta\":\n" }
        text += " ["
        var expected: [Element] = []
        for number in 1...Int.random(in: 1...8, using: &random) {
            if number > 1 { text += "\n ,  " }
            let element = Self.object(3, using: &random)
            expected.append(
                Element(
                    number: number, byteOffset: text.utf8.count,
                    value: try .parse(Array(element.utf8), path: "expected")))
            text += element
        }
        text += "\n]\n"
        if isMember { text += ", \"more\": \(Self.value(2, using: &random)) }\n" }
        for (batchByteCount, bufferByteCount) in [(1 << 20, 1 << 20), (1, 1), (30, 2), (1 << 20, 7)] {
            #expect(
                try elements(
                    of: text, member: isMember ? "data" : nil, batchByteCount: batchByteCount,
                    bufferByteCount: bufferByteCount) == expected)
        }
        // Cut off anywhere, it is an error; but not for spaces at its end.
        let end = text.utf8.count - 1
        for count in stride(from: 0, to: end, by: max(1, end / 100)) {
            let cut = String(decoding: Array(text.utf8.prefix(count)), as: UTF8.self)
            guard cut.utf8.count == count else { continue }
            #expect(throws: InputError.self, "\(count) bytes") {
                try elements(of: cut, member: isMember ? "data" : nil, bufferByteCount: 16)
            }
        }
    }

    @Test func anEmptyArray() throws {
        #expect(try elements(of: " [ ] ").isEmpty)
        #expect(try elements(of: "{\"data\":[]}", member: "data").isEmpty)
    }

    @Test func lineFeedsBecomeCarriageReturns() throws {
        let reader = JSONArrayReader(try InputStream(folder.write("[{\n\"a\":\n1}]", to: "a.json")))
        let batch = try #require(try reader.nextBatch())
        var lines: [[UInt8]] = []
        batch.forEachLine { lines.append(Array($0.bytes)) }
        #expect(lines == [Array("{\r\"a\":\r1}".utf8)])
    }

    @Test(arguments: [
        ("[{}, 1]", nil, "(byte 5): element 2 is no object"),
        ("[{} {}]", nil, "(byte 4): neither a comma nor a bracket"),
        ("[{}] x", nil, "(byte 5): bytes follow the end"), ("[{},]", nil, "(byte 4): element 2 is no object"),
        ("{\"a\":[]}", nil, "(byte 0): no array where one should be"), ("", nil, "(byte 0): the file is empty"),
        ("[{\"a\":[}]", nil, "(byte 7): a closing bracket of the wrong kind"),
        ("[{\"a\":1", nil, "(byte 1): the file ends within element 1"),
        ("[{},{}", nil, "(byte 6): the file ends before the array ends"),
        ("[]", "data", "(byte 0): no object where one should be"), ("{}", "data", "no array \"data\""),
        ("{\"a\":[]}", "data", "no array \"data\""),
        ("{\"data\":{}}", "data", "(byte 8): the member \"data\" is no array"),
        ("{\"data\":[],\"data\":[]}", "data", "(byte 11): the member \"data\" comes twice"),
        ("{\"data\":[{}]", "data", "the file ends before the object ends"),
        ("{\"data\":[{}]} {}", "data", "(byte 14): bytes follow the end"),
    ])
    func whatIsNoSuchArray(text: String, member: String?, message: String) throws {
        for bufferByteCount in [1, 1 << 20] {
            let error = #expect(throws: InputError.self) {
                try elements(of: text, member: member, bufferByteCount: bufferByteCount)
            }
            #expect(
                error?.description.contains("array.json \(message)") == true
                    || error?.description.contains(message) == true,
                "\(String(describing: error))")
        }
    }

    @Test func depthIsBounded() throws {
        func nested(_ depth: Int) -> String {
            "[{\"a\":" + String(repeating: "[", count: depth) + String(repeating: "]", count: depth) + "}]"
        }
        #expect(try elements(of: nested(1000)).count == 1)
        let error = #expect(throws: InputError.self) { try elements(of: nested(100_000)) }
        #expect(error?.reason == "more than 1024 levels of brackets")
    }
}
