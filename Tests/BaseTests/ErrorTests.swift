import Base
import Glibc
import SystemPackage
import Testing

@Suite struct ErrorTests {
    @Test func anInputErrorNamesItsPlace() {
        let error = InputError(
            "missing field \"docid\"", at: Place(path: "corpus.jsonl.gz", line: 12, byteOffset: 340),
            offender: Array("{\"title\": \"x\"}".utf8), advice: "Every document needs one.")
        #expect(
            error.description == """
                corpus.jsonl.gz:12 (byte 340): missing field "docid": "{\\"title\\": \\"x\\"}"
                  Every document needs one.
                """)
        #expect(ExitStatus(for: error) == .badData)
    }

    @Test func atMostFortyBytesOfTheOffenderAreShown() {
        let error = InputError("too long", at: Place(path: "x"), offender: [UInt8](repeating: 97, count: 100))
        #expect(error.description == "x: too long: \"\(String(repeating: "a", count: 40))\"…")
    }

    @Test(
        arguments: [
            ([0x61, 0x22, 0x5C, 0x0A], "\"a\\\"\\\\\\n\""), ([0xC3, 0xA9], "\"é\""), ([0xC3, 0x28], "\"\\xc3(\""),
            ([0xFF, 0xFE, 0x61], "\"\\xff\\xfea\""), ([0x00, 0x1B], "\"\\u{0}\\u{1b}\""), ([], "\"\""),
            ([0xE2, 0x82], "\"\\xe2\\x82\""),
        ] as [([UInt8], String)])
    func bytesAreEscaped(bytes: [UInt8], text: String) {
        #expect(escaped(bytes) == text)
    }

    @Test func systemErrorsHaveTheirStatus() {
        #expect(SystemError("open", "x", errno: ENOENT).exitStatus == .missingInput)
        #expect(SystemError("create", "x", errno: EACCES).exitStatus == .cannotCreate)
        #expect(SystemError("write", "x", errno: ENOSPC).exitStatus == .io)
        #expect(ExitStatus(for: CancellationError()) == .bug)
    }
}
