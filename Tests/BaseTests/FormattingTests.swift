import Base
import Testing

@Suite struct FormattingTests {
    @Test(arguments: [
        (0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (999_949, "999.9 kB"), (999_950, "1.0 MB"),
        (36_200_000, "36.2 MB"), (7_000_000_000, "7.0 GB"), (1_500_000_000_000_000, "1500.0 TB"),
    ]) func sizesAreDecimal(bytes: Int, text: String) {
        #expect(byteSize(bytes) == text)
        #expect(byteSize(Double(bytes)) == text)
    }

    @Test(arguments: [
        (0, "0"), (999, "999"), (1000, "1,000"), (31102, "31,102"), (-1_234_567, "-1,234,567"),
        (Int.min, "-9,223,372,036,854,775,808"),
    ]) func countsAreGrouped(count: Int, text: String) { #expect(grouped(count) == text) }

    @Test(
        arguments: [
            (0.25, 1, "0.2"), (0.35, 1, "0.3"), (-0.04, 1, "0.0"), (-0.06, 1, "-0.1"), (2.5, 0, "2"), (1e300, 0, nil),
            (0.6543, 4, "0.6543"), (.infinity, 2, "inf"), (-.infinity, 2, "-inf"), (.nan, 2, "nan"),
        ] as [(Double, Int, String?)]) func decimalsAreThoseOfC(value: Double, digits: Int, text: String?)
    {
        guard let text else { return #expect(decimal(value, digits: digits).utf8.count == 301) }
        #expect(decimal(value, digits: digits) == text)
    }

    @Test func timeSpansGrowCoarser() {
        let spans = [(0.04, "0.0 s"), (0.4, "0.4 s"), (42, "42 s"), (200, "3 min 20 s"), (7500, "2 h 05 min")]
        for (seconds, text) in spans { #expect(duration(seconds) == text) }
    }

    @Test func leadingZerosMakeNamesSortAsNumbersDo() {
        #expect(padded(7, to: 5) == "00007")
        #expect(padded(123_456, to: 5) == "123456")
        #expect(percent(1, of: 8) == "12.5 %")
        #expect(percent(0, of: 0) == "–")
    }

    @Test func commandsToTerminalsBecomeText() {
        #expect(printable("a\u{1B}]0;x\u{7}b\u{9B}31m\u{7F}\r") == "a\\u001b]0;x\\u0007b\\u009b31m\\u007f\\u000d")
        #expect(printable("plain\ttext\nand 漢字 🙂") == "plain\ttext\nand 漢字 🙂")
    }
}

@Suite struct DigestPrefixTests {
    let digest = SHA256Digest.of([1, 2, 3])

    @Test func eightDigitsOrMoreBeginADigest() throws {
        for length in [8, 12, 63, 64] {
            let digits = String(digest.hex.prefix(length))
            for text in [digits, "sha256:" + digits] {
                let prefix = try #require(DigestPrefix(text))
                #expect(prefix.matches(digest))
                #expect(!prefix.matches(.of([])))
                #expect("\(prefix)" == "sha256:" + digits)
            }
        }
        #expect(digest.short == "sha256:" + digest.hex.prefix(12))
    }

    @Test(arguments: [
        "", "0123456", "sha256:0123456", "0123456g", "ABCDEF01", "sha512:01234567", String(repeating: "0", count: 65),
    ])
    func otherTextIsNone(text: String) { #expect(DigestPrefix(text) == nil) }
}
