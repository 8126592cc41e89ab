import Base
import StoreFormat
import Testing

@Suite struct DigestTableTests {
    /// More than a segment, and several rebuilds of the slots.
    @Test func everyDigestHasItsNumber() {
        let table = DigestTable()
        func digest(_ number: Int) -> SHA256Digest { withUnsafeBytes(of: number) { .of($0) } }
        for number in 0..<40_000 {
            #expect(table.number(of: digest(number)) == nil)
            #expect(table.insert(digest(number)))
        }
        #expect(table.count == 40_000)
        for number in 0..<40_000 {
            #expect(table.number(of: digest(number)) == number)
            #expect(!table.insert(digest(number)))
        }
        #expect(table.number(of: digest(-1)) == nil)
        #expect(table.count == 40_000)
    }

    /// Digests that begin alike share a slot, and are still told apart.
    @Test func wholeDigestsAreCompared() {
        let table = DigestTable()
        let digests = (0..<100).map { number in
            SHA256Digest(bytes: [UInt8](repeating: 0, count: 31) + [UInt8(number)])
        }
        for digest in digests { #expect(table.insert(digest)) }
        for (number, digest) in digests.enumerated() { #expect(table.number(of: digest) == number) }
    }
}
