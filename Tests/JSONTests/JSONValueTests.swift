import Base
import JSON
import TestKit
import Testing

@Suite struct JSONValueTests {
    @Test(arguments: 0..<50)
    func parsingUndoesWriting(seed: Int) throws {
        var random = SplitMix64(seed: UInt64(seed))
        let value = randomValue(depth: 4, random: &random)
        #expect(try JSONValue.parse(Array(value.pretty().utf8), path: "pretty") == value)
        var line: [UInt8] = []
        value.appendLine(to: &line)
        #expect(!line.contains(0x0A))
        #expect(try JSONValue.parse(line, path: "line") == value)
        let canonical = value.canonical()
        #expect(try JSONValue.parse(canonical, path: "canonical").canonical() == canonical)
    }

    @Test(arguments: 0..<20)
    func theCanonicalFormDoesNotDependOnTheOrderOfFields(seed: Int) throws {
        var random = SplitMix64(seed: UInt64(seed), 1)
        let fields = (0..<30).map { ("key\($0)", randomValue(depth: 2, random: &random)) }
        let one = JSONObject(fields)
        let other = JSONObject(fields.shuffled(using: &random))
        #expect(one == other)
        #expect(JSONValue.object(one).canonical() == JSONValue.object(other).canonical())
    }

    /// Any float32 reads back bit by bit, also where a reader knows doubles only.
    @Test func floatsKeepTheirBits() throws {
        var random = SplitMix64(seed: 9)
        var values: [Float] = [
            0, -0.0, 1, 0.1, .leastNonzeroMagnitude, .greatestFiniteMagnitude, 16_777_218, 7.038531e-26,
        ]
        for _ in 0..<20_000 { values.append(Float(bitPattern: UInt32(truncatingIfNeeded: random.next()))) }
        for value in values where value.isFinite {
            var text: [UInt8] = []
            JSONText.appendFloat(value, to: &text)
            let read = try JSONValue.parse(text, path: "float").double
            let isEqual = read.map { Float($0).bitPattern == value.bitPattern } ?? false
            #expect(isEqual, "\(value)")
            if !isEqual { break }
        }
    }

    /// RFC 8785, appendix B.
    @Test(
        arguments: [
            (0x0000_0000_0000_0000, "0"), (0x8000_0000_0000_0000, "0"), (0x0000_0000_0000_0001, "5e-324"),
            (0x8000_0000_0000_0001, "-5e-324"), (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
            (0x4340_0000_0000_0000, "9007199254740992"), (0xc340_0000_0000_0000, "-9007199254740992"),
            (0x4430_0000_0000_0000, "295147905179352830000"), (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
            (0x44b5_2d02_c7e1_4af6, "1e+23"), (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"),
            (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"), (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"),
            (0x444b_1ae4_d6e2_ef50, "1e+21"), (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
            (0x3eb0_c6f7_a0b5_ed8d, "0.000001"), (0x41b3_de43_5555_5553, "333333333.3333332"),
            (0x41b3_de43_5555_5555, "333333333.3333333"), (0x41b3_de43_5555_5556, "333333333.3333334"),
            (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
            (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
        ] as [(UInt64, String)])
    func canonicalNumbers(bits: UInt64, text: String) {
        let value = JSONValue.number(Double(bitPattern: bits))
        #expect(String(decoding: value.canonical(), as: UTF8.self) == text)
    }

    /// RFC 8785, section 3.2.3: keys sort by UTF-16 code units.
    @Test func canonicalKeysAndEscapes() throws {
        let text =
            #"{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew","1":"One","\ud83d\ude00":"Emoji","#
            + #""\u0080":"Control","\u00f6":"o"}"#
        let sorted =
            "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\u{80}\":\"Control\",\"ö\":\"o\",\"€\":\"Euro Sign\","
            + "\"😀\":\"Emoji\",\"\u{fb33}\":\"Hebrew\"}"
        #expect(try JSONValue.parse(Array(text.utf8), path: "x").canonical() == Array(sorted.utf8))
        let escapes: JSONValue = "\u{8}\t\n\u{c}\r\u{1f}\u{0}\"\\/\u{7f}"
        #expect(
            String(decoding: escapes.canonical(), as: UTF8.self)
                == "\"\\b\\t\\n\\f\\r\\u001f\\u0000\\\"\\\\/\u{7f}\"")
    }

    @Test func keysAreTheirBytes() throws {
        // The same letter composed and decomposed: equal as Swift strings, different as keys.
        let text = "{\"\u{e9}\":1,\"e\u{301}\":2}"
        let value = try JSONValue.parse(Array(text.utf8), path: "x")
        #expect(value.object?.count == 2)
        #expect(value["\u{e9}"] == 1)
        #expect(value["e\u{301}"] == 2)
        #expect(JSONValue.string("\u{e9}") != JSONValue.string("e\u{301}"))
    }

    @Test func objectsAreEditedInPlace() {
        var object: JSONObject = ["a": 1, "b": 2]
        for number in 0..<40 { object["n\(number)"] = .integer(Int64(number)) }
        object["b"] = 3
        object["a"] = nil
        #expect(object.keys.first == "b")
        #expect(object["b"] == 3)
        #expect(object["a"] == nil)
        #expect((0..<40).allSatisfy { object["n\($0)"] == .integer(Int64($0)) })
        #expect(object.count == 41)
    }

    @Test(arguments: [
        ("", 0, "there is no JSON value"), ("  \n", 3, "the text ends where a value"),
        ("{\"a\":1,\"a\":2}", 7, "the key occurs twice"),
        ("{\"a\":{\"b\":1,\"\\u0062\":2}}", 12, "the key occurs twice"),
        ("9223372036854775808", 0, "a whole number beyond 64 bits"), ("[1,-9223372036854775809]", 3, "beyond 64 bits"),
        ("1e999", 0, "beyond the range of a double"), ("{\"a\":}", 5, "“}” where a value"),
        ("{\"a\" 1}", 5, "“1” where “:”"), ("[1 2]", 3, "“2” where “,” or “]”"), ("[1,]", 3, "“]” where a value"),
        ("{\"a\":1,}", 7, "where a key in quotes"), ("01", 0, "leading zero"), ("1.", 2, "a digit"),
        ("\"abc", 0, "ends inside a string"), ("{\"a\":\"b", 5, "ends inside a string"), ("tru", 0, "a value"),
        ("\"\\x\"", 1, "an unknown escape"), ("\"\\ud800\"", 1, "half of a surrogate pair"),
        ("\"a\tb\"", 2, "an unescaped control character"), ("1 2", 2, "something follows"), ("NaN", 0, "a value"),
        ("[\n1,\n2,\n}", 8, "“}” where a value"),
    ])
    func faultsHaveAPlace(text: String, byteOffset: Int, reason: String) throws {
        let error = #expect(throws: InputError.self) { try JSONValue.parse(Array(text.utf8), path: "x.json") }
        #expect(error?.place.path == "x.json")
        #expect(error?.place.byteOffset == byteOffset, "\(text): \(error.map { "\($0)" } ?? "")")
        #expect(error?.reason.contains(reason) == true, "\(text): \(error.map { "\($0)" } ?? "")")
        let line = text.utf8.prefix(byteOffset).count { $0 == 0x0A } + 1
        #expect(error?.place.line == line)
    }

    @Test(arguments: [[0x22, 0xC3, 0x28, 0x22], [0x22, 0xFF, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22]] as [[UInt8]])
    func invalidUTF8HasAPlace(bytes: [UInt8]) throws {
        let error = #expect(throws: InputError.self) { try JSONValue.parse(bytes, path: "x") }
        #expect(error?.reason == "invalid UTF-8")
        #expect(error?.place.byteOffset == 1)
    }

    @Test func numbersKeepTheirKind() throws {
        let value = try JSONValue.parse(Array("[1,1.0,-0,1e2,9223372036854775807]".utf8), path: "x")
        #expect(value == [1, .number(1), 0, .number(100), .integer(.max)])
        #expect(value.array?[1].integer == nil)
        #expect(value.array?[0].double == 1)
    }
}

/// Any JSON value, with awkward strings and numbers.
func randomValue(depth: Int, random: inout SplitMix64) -> JSONValue {
    switch Int.random(in: 0..<(depth > 0 ? 7 : 5), using: &random) {
    case 0: return .null
    case 1: return .bool(Bool.random(using: &random))
    case 2: return .integer(Int64(bitPattern: random.next()) >> Int64.random(in: 0..<63, using: &random))
    case 3:
        let number = Double(bitPattern: random.next())
        return .number(number.isFinite && number != 0 ? number : 0.5)
    case 4: return .string(randomText(random: &random))
    case 5:
        return .array(
            (0..<Int.random(in: 0..<5, using: &random)).map { _ in randomValue(depth: depth - 1, random: &random) })
    default:
        var object = JSONObject()
        for _ in 0..<Int.random(in: 0..<24, using: &random) {
            object[randomText(random: &random)] = randomValue(depth: depth - 2, random: &random)
        }
        return .object(object)
    }
}

func randomText(random: inout SplitMix64) -> String {
    let scalars: [Unicode.Scalar] = [
        "a", "b", " ", "\"", "\\", "\n", "\u{0}", "\u{1f}", "é", "\u{301}", "€", "漢", "😀", "#",
    ]
    var text = ""
    for _ in 0..<Int.random(in: 0..<12, using: &random) {
        text.unicodeScalars.append(scalars.randomElement(using: &random)!)
    }
    return text
}

/// Configurations that Python wrote.
struct PythonFileTests {
    @Test(
        arguments: [
            ("{\"n\": 1000000000000000019884624838656, \"m\": 5}", 1e30),
            ("{\"n\":123456789012345678901234567890}", 1.2345678901234568e29),
            ("{\"s\": \"99999999999999999999 \\\" 1\", \"n\": [88888888888888888888][0]}", nil),
        ] as [(String, Double?)])
    func wholeNumbersBeyond64BitsAreDoubles(text: String, expected: Double?) throws {
        let temporary = try TemporaryFolder()
        let file = try temporary.write(text, to: "config.json")
        guard let expected else {
            #expect(throws: InputError.self) { try JSONValue.parse(pythonFile: file) }
            return
        }
        #expect(try JSONValue.parse(pythonFile: file)["n"]?.double == expected)
        #expect(throws: InputError.self) { try JSONValue.parse(file: file) }
    }

    @Test func digitsInStringsStayAsTheyAre() throws {
        let temporary = try TemporaryFolder()
        let text = #"{"s": "a \" 12345678901234567890123", "n": -12345678901234567890123, "i": 9223372036854775807}"#
        let value = try JSONValue.parse(pythonFile: temporary.write(text, to: "c.json"))
        #expect(value["s"]?.string == "a \" 12345678901234567890123")
        #expect(value["n"]?.double == -1.2345678901234568e22)
    }
}

/// Where two values differ.
struct DifferencesTests {
    @Test(
        arguments: [
            (#"{"a": 1, "b": {"c": [1, 2]}}"#, #"{"b": {"c": [1, 2]}, "a": 1.0}"#, []),
            (#"{"a": 1, "b": {"c": [1, 2], "d": 3}}"#, #"{"a": 2, "b": {"c": [2, 1], "d": 3}}"#, ["a", "b.c"]),
            (#"{"a": 1}"#, #"{"b": {"c": 2}}"#, ["a", "b"]),
            (#"{"a": null}"#, "{}", []),
            ("[1]", "[2]", [""]),
        ] as [(String, String, [String])])
    func pathsAreNamed(left: String, right: String, expected: [String]) throws {
        let values = try [left, right].map { try JSONValue.parse(Array($0.utf8), path: "value") }
        #expect(values[0].differences(from: values[1]) == expected)
    }
}
