/// The framing of TFRecord files: each record between its length and checksums of both.
///
///     length (8 bytes, little-endian), masked CRC-32C of it (4), record, masked CRC-32C of the record (4)
///
/// Source: TensorFlow, `core/lib/io/record_writer.h`.
enum RecordFraming {
    static let headerSize = 12
    static let footerSize = 4

    /// Appends one framed record.
    static func append(_ record: [UInt8], to bytes: inout [UInt8]) {
        let start = bytes.count
        withUnsafeBytes(of: UInt64(record.count).littleEndian) { bytes.append(contentsOf: $0) }
        append(checksum: CRC32C.masked(bytes[start...]), to: &bytes)
        bytes.append(contentsOf: record)
        append(checksum: CRC32C.masked(record[...]), to: &bytes)
    }

    private static func append(checksum: UInt32, to bytes: inout [UInt8]) {
        withUnsafeBytes(of: checksum.littleEndian) { bytes.append(contentsOf: $0) }
    }

    /// The records of a file up to the first that is cut off or damaged, and how many bytes they take with their frames.
    static func records(of bytes: [UInt8]) -> (records: [Range<Int>], byteCount: Int) {
        var records: [Range<Int>] = []
        var start = 0
        while bytes.count - start >= headerSize + footerSize {
            let length: UInt64 = number(bytes, at: start)
            guard number(bytes, at: start + 8) == CRC32C.masked(bytes[start..<(start + 8)]),
                length <= UInt64(bytes.count - start - headerSize - footerSize)
            else { break }
            let record = (start + headerSize)..<(start + headerSize + Int(length))
            guard number(bytes, at: record.upperBound) == CRC32C.masked(bytes[record]) else { break }
            records.append(record)
            start = record.upperBound + footerSize
        }
        return (records, start)
    }

    private static func number<Number: FixedWidthInteger>(_ bytes: [UInt8], at start: Int) -> Number {
        bytes.withUnsafeBytes { Number(littleEndian: $0.loadUnaligned(fromByteOffset: start, as: Number.self)) }
    }
}

/// The cyclic redundancy check of Castagnoli's polynomial, as iSCSI (RFC 3720) and TFRecord files have it.
enum CRC32C {
    private static let table: [UInt32] = (0..<256).map { byte in
        (0..<8).reduce(UInt32(byte)) { value, _ in value & 1 == 1 ? value >> 1 ^ 0x82F6_3B78 : value >> 1 }
    }

    static func of(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        table.withUnsafeBufferPointer { table in
            ~bytes.reduce(~0 as UInt32) { $0 >> 8 ^ table[Int(UInt8(truncatingIfNeeded: $0) ^ $1)] }
        }
    }

    /// Rotated and shifted: a checksum of bytes that hold checksums is weak.
    static func masked(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        let value = of(bytes)
        return (value >> 15 | value << 17) &+ 0xA282_EAD8
    }
}
