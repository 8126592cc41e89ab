/// Parameters laid end to end and divided into parts of equal length, one for each process; the last ones may be empty or
/// end with padding.
///
/// A large parameter begins at a multiple of ``blockLength``, and so do the parts where there is one: states that are kept in
/// blocks of so many numbers do not depend on the division.
package struct EqualParts: Sendable, Equatable {
    package static let blockLength = 256
    /// Where the others begin, so that vectors of numbers are aligned.
    private static let alignment = 16
    /// Of a parameter that is large.
    private static let largeCount = 4096

    /// How many numbers each parameter has, and where they begin.
    package let counts: [Int]
    package let starts: [Int]
    /// Numbers of a part.
    package let partLength: Int
    package let partCount: Int

    /// All numbers, with padding.
    package var length: Int { partLength * partCount }

    package init(counts: [Int], partCount: Int) {
        self.counts = counts
        self.partCount = partCount
        var starts: [Int] = []
        var end = 0
        for count in counts {
            let start = Self.roundedUp(end, to: count < Self.largeCount ? Self.alignment : Self.blockLength)
            starts.append(start)
            end = start + count
        }
        self.starts = starts
        let hasLarge = counts.contains { $0 >= Self.largeCount }
        partLength = Self.roundedUp(
            (end + partCount - 1) / partCount, to: hasLarge ? Self.blockLength : Self.alignment)
    }

    private static func roundedUp(_ number: Int, to unit: Int) -> Int { (number + unit - 1) / unit * unit }

    /// What lies of a parameter in a part.
    package struct Slice: Sendable, Equatable {
        /// The parameter, by its place.
        package let place: Int
        /// Of the parameter's numbers.
        package let range: Range<Int>
        /// Where they begin in the part.
        package let start: Int
    }

    /// What lies in a part, in its order.
    package func slices(ofPart part: Int) -> [Slice] {
        let (first, end) = (part * partLength, (part + 1) * partLength)
        return counts.indices.compactMap { place in
            let begin = starts[place]
            let (lower, upper) = (max(first, begin), min(end, begin + counts[place]))
            return lower < upper
                ? Slice(place: place, range: (lower - begin)..<(upper - begin), start: lower - first) : nil
        }
    }
}
