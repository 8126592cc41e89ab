internal import Glibc

/// Decimal numbers out of bytes, without a string in between.
enum DecimalScanner {
    /// The float32 number nearest to the double that all of `text` spells, as `(float)strtod(text)`; nil where it is not
    /// a finite decimal number.
    @inline(__always)
    static func float(_ text: UnsafeRawBufferPointer) -> Float? {
        guard let decimal = decimal(text) else { return nil }
        if let value = decimal.exactDouble { return Float(value) }
        if decimal.digitCount <= 19, -22...22 ~= decimal.exponent {
            // The mantissa and the result are each rounded once: the correct double is at most two steps away. Where
            // both neighbours become the same float32, so does it.
            let value = scaled(Double(decimal.mantissa), decimal.exponent)
            let nearest = Float(value.nextDown.nextDown)
            if nearest == Float(value.nextUp.nextUp) { return decimal.isNegative ? -nearest : nearest }
        }
        guard let value = slowDouble(text), Float(value).isFinite else { return nil }
        return Float(value)
    }

    /// The number that all of `text` spells, rounded as `strtod` rounds; nil where it is not a finite decimal number.
    static func double(_ text: UnsafeRawBufferPointer) -> Double? {
        guard let decimal = decimal(text) else { return nil }
        return decimal.exactDouble ?? slowDouble(text)
    }

    /// A decimal number taken apart: ± mantissa × 10^exponent.
    private struct Decimal {
        var isNegative: Bool
        /// Right up to 19 digits; meaningless beyond.
        var mantissa: UInt64
        var digitCount: Int
        var exponent: Int

        /// Up to 2^53 with an exponent within ±22, one exact integer and one exact power of ten meet in one correctly
        /// rounded operation (Clinger 1990).
        @inline(__always)
        var exactDouble: Double? {
            guard digitCount <= 19, mantissa <= 1 << 53, -22...22 ~= exponent else { return nil }
            let magnitude = DecimalScanner.scaled(Double(mantissa), exponent)
            return isNegative ? -magnitude : magnitude
        }
    }

    @inline(__always)
    private static func scaled(_ mantissa: Double, _ exponent: Int) -> Double {
        exponent < 0 ? mantissa / powersOfTen[-exponent] : mantissa * powersOfTen[exponent]
    }

    @inline(__always)
    private static func decimal(_ text: UnsafeRawBufferPointer) -> Decimal? {
        var index = 0
        let count = text.count
        var isNegative = false
        if count > 0, text[0] == 0x2D || text[0] == 0x2B {
            isNegative = text[0] == 0x2D
            index = 1
        }
        var mantissa: UInt64 = 0
        var digitCount = 0
        var fractionCount = 0
        var hasPoint = false
        while index < count {
            let digit = text[index] &- 0x30
            if digit < 10 {
                mantissa = mantissa &* 10 &+ UInt64(digit)
                digitCount &+= 1
                if hasPoint { fractionCount &+= 1 }
            } else if text[index] == 0x2E, !hasPoint {
                hasPoint = true
            } else {
                break
            }
            index &+= 1
        }
        guard digitCount > 0 else { return nil }
        var exponent = -fractionCount
        if index < count {
            guard text[index] | 0x20 == 0x65, let written = exponentPart(text, from: index + 1) else { return nil }
            exponent += written
        }
        return Decimal(isNegative: isNegative, mantissa: mantissa, digitCount: digitCount, exponent: exponent)
    }

    /// The whole number that all of `text` spells; nil where it is anything else or does not fit.
    static func integer(_ text: UnsafeRawBufferPointer) -> Int? {
        var index = 0
        var isNegative = false
        if text.count > 1, text[0] == 0x2D || text[0] == 0x2B {
            isNegative = text[0] == 0x2D
            index = 1
        }
        guard index < text.count, text.count <= 19 else { return nil }
        var value = 0
        while index < text.count {
            let digit = text[index] &- 0x30
            guard digit < 10 else { return nil }
            value = value * 10 + Int(digit)
            index += 1
        }
        return isNegative ? -value : value
    }

    private static func exponentPart(_ text: UnsafeRawBufferPointer, from start: Int) -> Int? {
        guard start < text.count else { return nil }
        let digits = UnsafeRawBufferPointer(rebasing: text[start...])
        guard digits.count <= 6 else { return nil }
        return integer(digits)
    }

    @inline(never)
    private static func slowDouble(_ text: UnsafeRawBufferPointer) -> Double? {
        guard text.count < 512 else { return nil }
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: text.count + 1) { copy in
            for (index, byte) in text.enumerated() { copy[index] = CChar(bitPattern: byte) }
            copy[text.count] = 0
            let value = strtod(copy.baseAddress!, nil)
            return value.isFinite ? value : nil
        }
    }

    private static let powersOfTen: [Double] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
        1e20, 1e21, 1e22,
    ]
}
