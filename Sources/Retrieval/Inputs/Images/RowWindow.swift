/// Memory that lives as long as the object, at first 0.
final class Scratch<Number: AdditiveArithmetic> {
    let pointer: UnsafeMutablePointer<Number>

    init(count: Int) {
        pointer = .allocate(capacity: max(1, count))
        pointer.initialize(repeating: .zero, count: max(1, count))
    }

    deinit { pointer.deallocate() }
}

/// The source rows that a pass over columns is looking at, one after the other in memory; each is made once.
final class RowWindow<Number: AdditiveArithmetic> {
    /// Source rows that are made at a time.
    static var rowsAtOnce: Int { 4 }

    private let firsts: [Int]
    private let tapCount: Int
    private let sourceCount: Int
    private let rowLength: Int
    private let capacity: Int
    private let memory: Scratch<Number>
    private let make: (Range<Int>, UnsafeMutablePointer<Number>) -> Void
    /// The source rows that are there, from the beginning of the memory.
    private var present = 0..<0

    /// - Parameters:
    ///   - firsts: the first source row of each target row.
    ///   - tapCount: source rows of a target row.
    ///   - make: writes source rows, at most ``rowsAtOnce``; it may write as many in any case.
    init(
        firsts: [Int], tapCount: Int, sourceCount: Int, rowLength: Int,
        _ make: @escaping (Range<Int>, UnsafeMutablePointer<Number>) -> Void
    ) {
        self.firsts = firsts
        self.tapCount = tapCount
        self.sourceCount = sourceCount
        self.rowLength = rowLength
        self.make = make
        // Room for more than is needed, so that rows are moved to the front seldom.
        capacity = 2 * tapCount + 2 * Self.rowsAtOnce
        memory = Scratch(count: (capacity + Self.rowsAtOnce) * rowLength)
    }

    /// The source rows of a target row's span. Target rows ascend.
    func rows(for target: Int) -> UnsafePointer<Number> {
        let wanted = firsts[target]..<firsts[target] + tapCount
        if wanted.upperBound - present.lowerBound > capacity || wanted.lowerBound > present.upperBound {
            let kept = wanted.clamped(to: present)
            memory.pointer.update(
                from: memory.pointer + (kept.lowerBound - present.lowerBound) * rowLength,
                count: kept.count * rowLength)
            present = kept.isEmpty ? wanted.lowerBound..<wanted.lowerBound : kept
        }
        while present.upperBound < wanted.upperBound {
            let end = min(present.upperBound + Self.rowsAtOnce, sourceCount)
            make(
                present.upperBound..<end,
                memory.pointer + (present.upperBound - present.lowerBound) * rowLength)
            present = present.lowerBound..<end
        }
        return UnsafePointer(memory.pointer + (wanted.lowerBound - present.lowerBound) * rowLength)
    }
}
