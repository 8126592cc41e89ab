/// Looks for NaN and infinity in the bits of numbers.
enum FiniteNumbers {
    /// Whether in no number all bits of the exponent are set.
    ///
    /// - Parameter bytes: numbers of this width, at any address.
    static func check<Bits: FixedWidthInteger>(
        _ bytes: UnsafeRawBufferPointer, as _: Bits.Type, exponent: Bits
    ) -> Bool {
        let width = MemoryLayout<Bits>.size
        let block = 4096
        var offset = 0
        // A block has no way out of its loop, so that the compiler makes it one of vectors.
        while offset < bytes.count {
            let end = min(offset + block * width, bytes.count)
            var found = false
            for start in stride(from: offset, to: end, by: width) {
                found = found || bytes.loadUnaligned(fromByteOffset: start, as: Bits.self) & exponent == exponent
            }
            if found { return false }
            offset = end
        }
        return true
    }
}
