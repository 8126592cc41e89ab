import Base
import Testing

@Suite struct ByteColumnTests {
    @Test func stringsComeBackAsTheyWentIn() {
        let strings: [[UInt8]] = [[], [0], [255, 254], Array("π".utf8), []]
        var column = ByteColumn()
        for string in strings { column.append(string) }
        #expect(column.count == strings.count)
        for (index, string) in strings.enumerated() {
            #expect(column[index] == string)
            #expect(column.withBytes(at: index) { Array($0) } == string)
        }
        #expect(column.precedes(1, 2))
        #expect(column.precedes(0, 1))
        #expect(!column.precedes(2, 1))
        column.removeAll()
        #expect(column.isEmpty)
    }
}
