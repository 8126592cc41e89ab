/// A protocol buffers message that is being written, field by field.
///
/// Source: protobuf.dev/programming-guides/encoding.
struct ProtobufMessage {
    private(set) var bytes: [UInt8] = []

    private mutating func appendVarint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(rest & 0x7F) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    private mutating func appendTag(_ field: Int, wireType: UInt64) { appendVarint(UInt64(field) << 3 | wireType) }

    private mutating func appendLittleEndian(_ value: some FixedWidthInteger) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    mutating func append(_ field: Int, integer value: Int) {
        appendTag(field, wireType: 0)
        appendVarint(UInt64(bitPattern: Int64(value)))
    }

    mutating func append(_ field: Int, double value: Double) {
        appendTag(field, wireType: 1)
        appendLittleEndian(value.bitPattern)
    }

    mutating func append(_ field: Int, float value: Float) {
        appendTag(field, wireType: 5)
        appendLittleEndian(value.bitPattern)
    }

    mutating func append(_ field: Int, bytes content: some Collection<UInt8>) {
        appendTag(field, wireType: 2)
        appendVarint(UInt64(content.count))
        bytes.append(contentsOf: content)
    }

    mutating func append(_ field: Int, text: String) { append(field, bytes: Array(text.utf8)) }

    mutating func append(_ field: Int, message: ProtobufMessage) { append(field, bytes: message.bytes) }

    /// A repeated field, packed.
    mutating func append(_ field: Int, doubles values: [Double]) {
        var packed = ProtobufMessage()
        for value in values { packed.appendLittleEndian(value.bitPattern) }
        append(field, message: packed)
    }
}
