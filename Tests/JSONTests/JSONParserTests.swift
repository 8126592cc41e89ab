import Base
import JSON
import Testing

@Suite struct JSONParserTests {
    /// simdjson and the slow scanner must agree on what is JSON, or a fault would have no place.
    @Test(arguments: 0..<40)
    func theFaultScannerAgreesWithTheParser(seed: Int) throws {
        var random = SplitMix64(seed: UInt64(seed), 2)
        let parser = JSONParser()
        var refusedCount = 0
        for _ in 0..<200 {
            var bytes = randomValue(depth: 3, random: &random).canonical()
            for _ in 0..<Int.random(in: 0..<3, using: &random) where !bytes.isEmpty {
                let position = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes[position] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.remove(at: position)
                case 2: bytes.insert("{}[]\",:\\0-.eut".utf8.randomElement(using: &random)!, at: position)
                default: bytes.removeLast(bytes.count - position)
                }
            }
            let fault = bytes.withUnsafeBytes { JSONFaultScanner.firstFault(in: $0, rules: .syntax) }
            let isRefused = bytes.withUnsafeBytes { refuses(parser, $0) }
            #expect(isRefused == (fault != nil), "\(escaped(bytes)): \(fault.map { "\($0)" } ?? "no fault found")")
            refusedCount += isRefused ? 1 : 0
        }
        #expect(refusedCount > 20 && refusedCount < 180)
    }

    @Test func aTapeIsWalkedInOrder() throws {
        let text = #"{"a":[1,-2,3.5,18446744073709551615,"x\u00e9\n",[],{}],"b":{"c":null,"d":true},"e":false}"#
        let parser = JSONParser()
        defer { withExtendedLifetime(parser) {} }
        try Array(text.utf8).withUnsafeBytes { bytes in
            let root = try parser.parse(bytes)
            #expect(root.fields.map { String(decoding: $0.key, as: UTF8.self) } == ["a", "b", "e"])
            let elements = Array(root["a"]!.elements)
            #expect(elements.map(\.kind) == [.integer, .integer, .number, .unsigned, .string, .array, .object])
            #expect(elements[0].integer == 1 && elements[1].integer == -2 && elements[2].double == 3.5)
            #expect(elements[3].unsigned == .max)
            #expect(elements[4].string.map { Array($0) } == Array("xé\n".utf8))
            #expect(Array(elements[5].elements).isEmpty && Array(elements[6].fields).isEmpty)
            #expect(root["b"]?["d"]?.bool == true && root["b"]?["c"]?.kind == .null && root["e"]?.bool == false)
            #expect(root["z"] == nil && elements[0]["a"] == nil && Array(elements[0].fields).isEmpty)
            var output: [UInt8] = []
            JSONText.append(root, to: &output)
            #expect(String(decoding: output, as: UTF8.self) == text.replacing(#"\u00e9"#, with: "é"))
        }
    }

    /// Longer and shorter texts in turn, with and without padding, on one parser.
    @Test func aParserIsReused() throws {
        let parser = JSONParser()
        defer { withExtendedLifetime(parser) {} }
        for length in [0, 10_000, 3, 200_000, 1, 70] {
            var bytes = [UInt8]("\"".utf8) + [UInt8](repeating: 0x61, count: length) + [UInt8]("\"".utf8)
            #expect(try bytes.withUnsafeBytes { try parser.parse($0).string?.count } == length)
            let count = bytes.count
            bytes += [UInt8](repeating: 0x5B, count: JSONParser.padding)
            #expect(
                try bytes.withUnsafeBytes {
                    try parser.parsePadded(UnsafeRawBufferPointer(rebasing: $0[..<count])).string?.count
                } == length)
        }
    }

    /// The word-wise search for characters to escape against a byte loop, at every position and length.
    @Test func everyByteIsEscapedWhereverItStands() {
        for length in 0..<70 {
            for byte in [0x00, 0x1F, 0x20, 0x22, 0x5C, 0x7F, 0x09] as [UInt8] {
                for position in 0..<max(length, 1) where length > 0 {
                    var text = [UInt8](repeating: 0x61, count: length)
                    text[position] = byte
                    var output: [UInt8] = []
                    JSONText.appendString(text, to: &output)
                    var expected: [UInt8] = [0x22]
                    for byte in text {
                        switch byte {
                        case 0x22, 0x5C: expected += [0x5C, byte]
                        case 0x09: expected += Array("\\t".utf8)
                        case ..<0x20: expected += Array((byte == 0 ? "\\u0000" : "\\u001f").utf8)
                        default: expected.append(byte)
                        }
                    }
                    expected.append(0x22)
                    #expect(output == expected)
                }
            }
        }
    }
}

private func refuses(_ parser: JSONParser, _ bytes: UnsafeRawBufferPointer) -> Bool {
    do {
        _ = try parser.parse(bytes)
        return false
    } catch {
        return true
    }
}
