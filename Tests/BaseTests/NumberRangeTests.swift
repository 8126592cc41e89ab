import Base
import Testing

@Suite("Ranges of numbers")
struct NumberRangeTests {
    @Test("bounds are within, or not, as the range says, and it says so in words")
    func bounds() throws {
        let whole = NumberRange(1...1024)
        #expect(try whole.number(of: "1") == 1 && whole.number(of: "1024") == 1024)
        #expect(whole.description == "from 1 to 1024")
        let above = NumberRange(above: 0, through: 2.5)
        #expect(!above.contains(0) && above.contains(Double.leastNonzeroMagnitude) && above.contains(2.5))
        #expect(above.description == "above 0 up to 2.5")
        let below = NumberRange(0.0..<1.0)
        #expect(below.contains(0) && !below.contains(1) && below.contains(1.0.nextDown))
        #expect(below.description == "from 0 to below 1")
        #expect(NumberRange.seeds.contains(.max))
    }

    @Test(
        "what is no number of the range is named, with the range",
        arguments: ["0", "1025", "", "x", "1.5", "1e3", "-1", "99999999999999999999", " 1"])
    func refusals(text: String) throws {
        let error = try #require(throws: NotInRange.self) { try NumberRange(1...1024).number(of: text) }
        #expect(error.description == "must be a whole number from 1 to 1024, not \"\(text)\"")
    }

    @Test("neither NaN nor an infinity is a number of any range", arguments: ["nan", "inf", "-inf", "1e999"])
    func notFinite(text: String) {
        #expect(throws: NotInRange.self) { try NumberRange(-Double.infinity...Double.infinity).number(of: text) }
    }
}
