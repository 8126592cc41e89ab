/// Looks for NaN and infinity in the bits of numbers, at the speed of memory.
enum FiniteNumbers {
    private typealias Words = SIMD8<UInt64>

    /// Whether no number is NaN or infinite.
    static func check(_ bytes: UnsafeRawBufferPointer, of type: ElementType) -> Bool {
        switch type {
        case .float32: check(bytes, as: UInt32.self, exponent: 0x7F80_0000)
        case .float16: check(bytes, as: UInt16.self, exponent: 0x7C00)
        case .bfloat16: check(bytes, as: UInt16.self, exponent: 0x7F80)
        case .float64: check(bytes, as: UInt64.self, exponent: 0x7FF0_0000_0000_0000)
        case .int32, .int64, .uint8, .bool: true
        }
    }

    /// Whether in no number all bits of the exponent are set.
    ///
    /// - Parameters:
    ///   - bytes: numbers of this width, little-endian, at any address.
    ///   - exponent: the bits of the exponent.
    static func check<Bits: FixedWidthInteger & UnsignedInteger>(
        _ bytes: UnsafeRawBufferPointer, as _: Bits.Type, exponent: Bits
    ) -> Bool {
        let width = MemoryLayout<Bits>.size
        let exponents = Words(repeating: repeated(exponent))
        let ones = Words(repeating: repeated(Bits(1)))
        let tops = Words(repeating: repeated(Bits(1) << (Bits.bitWidth - 1)))
        var found = Words.zero
        var offset = 0
        while offset + MemoryLayout<Words>.size <= bytes.count {
            // Zero where all bits of an exponent are set; a zero among numbers without a top bit borrows, and shows in its
            // top bit. What borrows from a neighbour does so only where that one is zero.
            let clear = ~bytes.loadUnaligned(fromByteOffset: offset, as: Words.self) & exponents
            found |= (clear &- ones) & ~clear & tops
            offset += MemoryLayout<Words>.size
        }
        guard found == .zero else { return false }
        for start in stride(from: offset, to: bytes.count, by: width) {
            if bytes.loadUnaligned(fromByteOffset: start, as: Bits.self) & exponent == exponent { return false }
        }
        return true
    }

    /// A number as often as it fits into 64 bits.
    private static func repeated<Bits: FixedWidthInteger & UnsignedInteger>(_ bits: Bits) -> UInt64 {
        stride(from: 0, to: 64, by: Bits.bitWidth).reduce(0) { $0 | UInt64(bits) << $1 }
    }
}

extension Tensor {
    /// Whether no number is NaN or infinite. Reads all of them, at the speed of memory; from a GPU they are copied first.
    public func isFinite() throws -> Bool {
        try detached().to(.cpu).contiguous().withUnsafeBytes { FiniteNumbers.check($0, of: elementType) }
    }
}
