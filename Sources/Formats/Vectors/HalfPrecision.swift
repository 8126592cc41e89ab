/// Conversion between float32 and float16, which the baseline x86-64 has no instruction for.
enum HalfPrecision {
    /// Widens IEEE half-precision numbers exactly; infinities and NaNs become NaN.
    ///
    /// The exponent and fraction bits moved into a float32 are the value times 2^−112, denormals included. The loop has
    /// no branch, so that the compiler turns it into vector instructions.
    static func widen(_ source: UnsafePointer<UInt16>, into target: UnsafeMutablePointer<Float>, count: Int) {
        for index in 0..<count {
            let bits = UInt32(UInt16(littleEndian: source[index]))
            let magnitude = Float(bitPattern: (bits & 0x7FFF) << 13) * 0x1p112
            let special: UInt32 = bits & 0x7C00 == 0x7C00 ? 0x7FC0_0000 : 0
            target[index] = Float(bitPattern: magnitude.bitPattern | (bits & 0x8000) << 16 | special)
        }
    }

    /// The nearest half-precision number, ties to even; infinite beyond 65,504.
    static func narrow(_ value: Float) -> UInt16 { Float16(value).bitPattern.littleEndian }
}
