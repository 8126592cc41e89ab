internal import Base

/// The tokens of a vocabulary with their ids, in the order of the file: no object per token, of which there are up to
/// 260,000.
struct TokenList: Sendable {
    private(set) var column = ByteColumn()
    private(set) var ids: [Int32] = []

    var count: Int { ids.count }

    mutating func reserveCapacity(_ count: Int) {
        column.reserveCapacity(count: count, bytes: 8 * count)
        ids.reserveCapacity(count)
    }

    mutating func append(_ token: UnsafeRawBufferPointer, id: Int32) {
        column.append(token)
        ids.append(id)
    }

    mutating func append(_ token: [UInt8], id: Int32) { token.withUnsafeBytes { append($0, id: id) } }

    /// Calls `body` with the bytes and the id of each token, in order.
    @inline(__always)
    func forEach(_ body: (UnsafeRawBufferPointer, Int32) -> Void) {
        column.bytes.withUnsafeBytes { bytes in
            column.offsets.withUnsafeBufferPointer { offsets in
                for index in 0..<ids.count {
                    body(UnsafeRawBufferPointer(rebasing: bytes[offsets[index]..<offsets[index + 1]]), ids[index])
                }
            }
        }
    }

    /// The tokens that `transform` gives bytes for, with those bytes instead of their own.
    func compactMap(_ transform: (UnsafeRawBufferPointer) -> [UInt8]?) -> TokenList {
        var result = TokenList()
        result.reserveCapacity(count)
        forEach { token, id in
            if let bytes = transform(token) { result.append(bytes, id: id) }
        }
        return result
    }

    /// The bytes of the longest token.
    var longest: Int {
        zip(column.offsets.dropFirst(), column.offsets).lazy.map { $0 - $1 }.max() ?? 0
    }
}
