package import StoreFormat

/// The queries that have a link, numbered in their order, without a list of them.
///
/// Where all have one, a number is the ordinal. Otherwise a directory holds how many such queries lie before each block
/// of 1,024 queries or more, and a number is found by searching the directory and then walking one block of offsets:
/// 8 bytes a block, and never more than 65,536 blocks, so at most 512 KiB for any number of queries.
package struct LinkedQueries: Sendable {
    /// Queries with a link.
    package let count: Int
    /// The first query without one; nil where there is none.
    package let firstWithout: Int?
    private let links: Links
    private let blockLength: Int
    /// Linked queries before each block; empty where all are linked.
    private let before: [Int]

    package static let leastBlockLength = 1024
    static let mostBlocks = 1 << 16

    /// - Parameter leastBlockLength: smaller in tests.
    /// - Complexity: none where the links' header says that every query has one; otherwise a pass over the offsets.
    package init(_ links: Links, leastBlockLength: Int = Self.leastBlockLength) throws {
        self.links = links
        let queryCount = links.queryCount
        blockLength = max(leastBlockLength, (queryCount + Self.mostBlocks - 1) / Self.mostBlocks)
        if links.queriesByLinkCount.first == 0 {
            (count, firstWithout, before) = (queryCount, nil, [])
            return
        }
        var count = 0
        var firstWithout: Int?
        var before: [Int] = []
        for start in stride(from: 0, to: queryCount, by: blockLength) {
            before.append(count)
            let block = start..<min(start + blockLength, queryCount)
            let linked = Self.linked(try links.offsets(of: block))
            if linked < block.count, firstWithout == nil {
                let offsets = try links.offsets(of: block)
                firstWithout = block.first { offsets[$0 - start] == offsets[$0 - start + 1] }
            }
            count += linked
        }
        self.count = count
        self.firstWithout = firstWithout
        self.before = count == queryCount ? [] : before
    }

    private static func linked(_ offsets: UnsafeBufferPointer<UInt64>) -> Int {
        var count = 0
        for index in 1..<offsets.count where offsets[index] != offsets[index - 1] { count += 1 }
        return count
    }

    /// The ordinal of the linked query of a number.
    ///
    /// - Precondition: `number` is below ``count``.
    package func query(_ number: Int) throws -> Int {
        precondition(number >= 0 && number < count, "query \(number) of \(count)")
        if before.isEmpty { return number }
        var low = 0
        var high = before.count
        while low + 1 < high {
            let middle = (low + high) / 2
            if before[middle] <= number { low = middle } else { high = middle }
        }
        let start = low * blockLength
        let block = start..<min(start + blockLength, links.queryCount)
        let offsets = try links.offsets(of: block)
        var left = number - before[low]
        for index in 1..<offsets.count where offsets[index] != offsets[index - 1] {
            if left == 0 { return start + index - 1 }
            left -= 1
        }
        preconditionFailure("the directory was made from these offsets")
    }
}
