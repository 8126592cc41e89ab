/// The fields of a message of Protocol Buffers, one after the other.
///
/// Source: https://protobuf.dev/programming-guides/encoding
struct ProtobufFields {
    enum Value {
        case number(UInt64)
        case bytes(Range<Int>)
        case fixed32(UInt32)
        case fixed64(UInt64)
    }

    struct Field {
        let number: Int
        let value: Value
        /// Where it begins.
        let offset: Int
    }

    let file: ForeignFile
    private(set) var position: Int
    private let end: Int

    init(_ file: ForeignFile, _ range: Range<Int>) {
        self.file = file
        position = range.lowerBound
        end = range.upperBound
    }

    /// - Returns: nil behind the last one.
    /// - Throws: `InputError` for a field that is cut off, of a kind that is no longer written, or numbered 0.
    mutating func next() throws -> Field? {
        guard position < end else { return nil }
        let offset = position
        let key = try varint()
        guard key >> 3 >= 1, key >> 3 < 1 << 29 else { throw file.fault("a field without a number", at: offset) }
        let value: Value
        switch key & 7 {
        case 0: value = .number(try varint())
        case 1: value = .fixed64(try fixed())
        case 2:
            let length = try varint()
            guard length <= UInt64(end - position) else { throw file.fault("a field is cut off", at: offset) }
            value = .bytes(position..<position + Int(length))
            position += Int(length)
        case 5: value = .fixed32(try fixed())
        default: throw file.fault("a field of kind \(key & 7), which is not known", at: offset)
        }
        return Field(number: Int(key >> 3), value: value, offset: offset)
    }

    /// Seven bits a byte, least significant first; ten bytes at most.
    mutating func varint() throws -> UInt64 {
        var value: UInt64 = 0
        for index in 0..<10 {
            guard position < end else { throw file.fault("a number is cut off", at: position) }
            let byte = file.bytes[position]
            position += 1
            guard index < 9 || byte < 2 else { break }
            value |= UInt64(byte & 127) << (7 * index)
            if byte < 128 { return value }
        }
        throw file.fault("a number of more than 64 bits", at: position - 1)
    }

    private mutating func fixed<Number: FixedWidthInteger>() throws -> Number {
        let size = MemoryLayout<Number>.size
        guard size <= end - position else { throw file.fault("a number is cut off", at: position) }
        defer { position += size }
        return Number(littleEndian: file.bytes.loadUnaligned(fromByteOffset: position, as: Number.self))
    }
}
