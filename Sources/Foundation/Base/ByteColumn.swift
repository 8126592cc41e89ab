/// Many small byte strings in two arrays: no object per string.
public struct ByteColumn: Sendable, Equatable {
    public private(set) var bytes: [UInt8] = []
    /// `count + 1` offsets into ``bytes``; string `i` is `offsets[i]..<offsets[i + 1]`.
    public private(set) var offsets: [Int] = [0]

    public init() {}

    public var count: Int { offsets.count - 1 }
    public var isEmpty: Bool { count == 0 }

    public mutating func reserveCapacity(count: Int, bytes byteCount: Int) {
        offsets.reserveCapacity(count + 1)
        bytes.reserveCapacity(byteCount)
    }

    public mutating func append(_ string: UnsafeRawBufferPointer) {
        bytes.append(contentsOf: string)
        offsets.append(bytes.count)
    }

    public mutating func append(_ string: [UInt8]) {
        bytes.append(contentsOf: string)
        offsets.append(bytes.count)
    }

    public mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        offsets.removeAll(keepingCapacity: true)
        offsets.append(0)
    }

    public subscript(_ index: Int) -> [UInt8] { Array(bytes[offsets[index]..<offsets[index + 1]]) }

    public func withBytes<Result>(at index: Int, _ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try bytes.withUnsafeBytes {
            try body(UnsafeRawBufferPointer(rebasing: $0[offsets[index]..<offsets[index + 1]]))
        }
    }

    /// Whether string `index` precedes string `other` bytewise, shorter first when one begins the other.
    public func precedes(_ index: Int, _ other: Int) -> Bool {
        bytes[offsets[index]..<offsets[index + 1]].lexicographicallyPrecedes(bytes[offsets[other]..<offsets[other + 1]])
    }
}
