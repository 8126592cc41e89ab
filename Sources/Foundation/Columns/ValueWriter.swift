internal import JSON

/// Writes values of columns as JSON.
struct ValueWriter {
    var output: [UInt8]
    /// From the row to the value, for errors and for who takes the binary values.
    private(set) var path: [String]
    private let form: ValueForm

    init(output: consuming [UInt8], path: [String], form: ValueForm) {
        self.output = output
        self.path = path
        self.form = form
    }

    mutating func append(_ column: Column, _ row: Int, _ writeBytes: RecordBatch.BytesWriter) throws {
        guard !column.isNull(row) else { return JSONText.appendLiteral("null", to: &output) }
        let position = column.position(row)
        switch column.contents {
        case .none: JSONText.appendLiteral("null", to: &output)
        case .bits(let bits):
            let isTrue = bits[position >> 3] >> UInt8(position & 7) & 1 == 1
            JSONText.appendLiteral(isTrue ? "true" : "false", to: &output)
        case .fixed(let start, let byteCount):
            try appendFixed(
                UnsafeRawBufferPointer(start: start + position * byteCount, count: byteCount), column.type, writeBytes)
        case .narrowOffsets, .wideOffsets, .views:
            guard let bytes = column.slice(row) else { preconditionFailure("it is not null") }
            if column.type == .text { return JSONText.appendString(bytes, to: &output) }
            try writeBytes(bytes, path, &output)
        case .millisecondDates(let dates):
            // Rounded down: a moment of a day before 1970 belongs to that day.
            let milliseconds = dates[position]
            appendQuoted { Calendar.appendDate(milliseconds.flooredQuotient(by: 86_400_000), to: &$0) }
        case .narrowList(let offsets, let elements):
            try appendList(elements, Int(offsets[position])..<Int(offsets[position + 1]), writeBytes)
        case .wideList(let offsets, let elements):
            try appendList(elements, Int(offsets[position])..<Int(offsets[position + 1]), writeBytes)
        case .fixedList(let count, let elements):
            try appendList(elements, position * count..<(position + 1) * count, writeBytes)
        case .structure(let fields):
            output.append(UInt8(ascii: "{"))
            var isFirst = true
            for field in fields {
                if case .records = form, field.column.isNull(position) { continue }
                if !isFirst { output.append(UInt8(ascii: ",")) }
                isFirst = false
                JSONText.appendString(field.name, to: &output)
                output.append(UInt8(ascii: ":"))
                path.append(field.name)
                try append(field.column, position, writeBytes)
                path.removeLast()
            }
            output.append(UInt8(ascii: "}"))
        case .dictionary(let indices, let index, let values):
            try append(values, Column.integer(indices, position, index), writeBytes)
        }
    }

    private mutating func appendList(
        _ elements: Column, _ range: Range<Int>, _ writeBytes: RecordBatch.BytesWriter
    ) throws {
        output.append(UInt8(ascii: "["))
        for element in range {
            if element > range.lowerBound { output.append(UInt8(ascii: ",")) }
            try append(elements, element, writeBytes)
        }
        output.append(UInt8(ascii: "]"))
    }

    private mutating func appendFixed(
        _ bytes: UnsafeRawBufferPointer, _ type: ColumnType, _ writeBytes: RecordBatch.BytesWriter
    ) throws {
        switch type {
        case .integer(_, let isSigned):
            let value = Column.integer(bytes.baseAddress!, 0, type)
            let isText =
                switch form {
                case .plain: false
                case .ids: true
                case .records(let id): path.last == id
                }
            if isText { output.append(UInt8(ascii: "\"")) }
            if isSigned {
                JSONText.appendInteger(value, to: &output)
            } else {
                JSONText.appendInteger(UInt(bitPattern: value), to: &output)
            }
            if isText { output.append(UInt8(ascii: "\"")) }
        case .float(let bits): try appendFloat(bytes, bits: bits)
        case .fixedBytes: try writeBytes(bytes, path, &output)
        case .decimal(_, let scale):
            appendQuoted { Decimal.append(bytes, scale: scale, to: &$0) }
        case .date:
            let days = Int64(bytes.loadUnaligned(as: Int32.self))
            appendQuoted { Calendar.appendDate(days, to: &$0) }
        case .time(let unit, let bits):
            let ticks =
                bits == 32 ? Int64(bytes.loadUnaligned(as: Int32.self)) : bytes.loadUnaligned(as: Int64.self)
            appendQuoted { Calendar.appendTime(ticks, unit, to: &$0) }
        case .timestamp(let unit, let hasZone):
            let ticks = bytes.loadUnaligned(as: Int64.self)
            let day = Int64(unit.rawValue) * 86_400
            appendQuoted {
                let days = ticks.flooredQuotient(by: day)
                Calendar.appendDate(days, to: &$0)
                $0.append(UInt8(ascii: "T"))
                Calendar.appendTime(ticks - days * day, unit, to: &$0)
                if hasZone { $0.append(UInt8(ascii: "Z")) }
            }
        case .duration: JSONText.appendInteger(bytes.loadUnaligned(as: Int64.self), to: &output)
        case .null, .boolean, .text, .bytes, .list, .fixedList, .map, .structure:
            preconditionFailure("it has a layout of its own")
        }
    }

    private mutating func appendFloat(_ bytes: UnsafeRawBufferPointer, bits: Int) throws {
        let (value, text): (Double, String) =
            switch bits {
            case 16: { (Double($0), $0.description) }(Float16(bitPattern: bytes.loadUnaligned(as: UInt16.self)))
            case 32: { (Double($0), $0.description) }(bytes.loadUnaligned(as: Float.self))
            default: { ($0, $0.description) }(bytes.loadUnaligned(as: Double.self))
            }
        if value.isNaN { return JSONText.appendLiteral("null", to: &output) }
        guard value.isFinite else {
            throw UnsayableValue(reason: "\(value) cannot be written as JSON", field: path.joined(separator: "."))
        }
        output += text.utf8
    }

    private mutating func appendQuoted(_ body: (inout [UInt8]) -> Void) {
        output.append(UInt8(ascii: "\""))
        body(&output)
        output.append(UInt8(ascii: "\""))
    }
}

extension Int64 {
    /// Rounded towards −∞.
    fileprivate func flooredQuotient(by divisor: Int64) -> Int64 {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? quotient - 1 : quotient
    }
}

/// Days and ticks as ISO 8601 writes them.
enum Calendar {
    /// - Parameter days: since 1970-01-01, in the proleptic Gregorian calendar; any number.
    ///
    /// Source: Howard Hinnant, chrono-compatible low-level date algorithms, `civil_from_days`.
    static func appendDate(_ days: Int64, to output: inout [UInt8]) {
        let shifted = days + 719_468
        let era = shifted.flooredQuotient(by: 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        // Months counted from March.
        let month = (5 * dayOfYear + 2) / 153
        let year = yearOfEra + era * 400 + (month >= 10 ? 1 : 0)
        if year < 0 { output.append(UInt8(ascii: "-")) }
        append(year.magnitude, digits: 4, to: &output)
        output.append(UInt8(ascii: "-"))
        append((month < 10 ? month + 3 : month - 9).magnitude, digits: 2, to: &output)
        output.append(UInt8(ascii: "-"))
        append((dayOfYear - (153 * month + 2) / 5 + 1).magnitude, digits: 2, to: &output)
    }

    /// - Parameter ticks: since midnight.
    static func appendTime(_ ticks: Int64, _ unit: ColumnType.TimeUnit, to output: inout [UInt8]) {
        if ticks < 0 { output.append(UInt8(ascii: "-")) }
        let (seconds, fraction) = ticks.magnitude.quotientAndRemainder(dividingBy: UInt64(unit.rawValue))
        append(seconds / 3600, digits: 2, to: &output)
        output.append(UInt8(ascii: ":"))
        append(seconds / 60 % 60, digits: 2, to: &output)
        output.append(UInt8(ascii: ":"))
        append(seconds % 60, digits: 2, to: &output)
        guard unit.decimals > 0 else { return }
        output.append(UInt8(ascii: "."))
        append(fraction, digits: unit.decimals, to: &output)
    }

    private static func append(_ value: UInt64, digits: Int, to output: inout [UInt8]) {
        let text = String(value)
        output.append(contentsOf: repeatElement(UInt8(ascii: "0"), count: max(0, digits - text.utf8.count)))
        output += text.utf8
    }
}

/// Numbers with a fixed number of decimals.
enum Decimal {
    /// - Parameter bytes: little-endian two's complement, at most 32.
    static func append(_ bytes: UnsafeRawBufferPointer, scale: Int, to output: inout [UInt8]) {
        var magnitude = Array(bytes)
        let isNegative = magnitude.last.map { $0 >= 0x80 } ?? false
        if isNegative {
            var carry = true
            for index in magnitude.indices {
                let (sum, overflow) = (~magnitude[index]).addingReportingOverflow(carry ? 1 : 0)
                magnitude[index] = sum
                carry = overflow
            }
        }
        // Division by 10, from the highest byte down; the digits come out lowest first.
        var digits: [UInt8] = []
        while magnitude.contains(where: { $0 != 0 }) {
            var remainder = 0
            for index in magnitude.indices.reversed() {
                let value = remainder << 8 | Int(magnitude[index])
                magnitude[index] = UInt8(value / 10)
                remainder = value % 10
            }
            digits.append(UInt8(ascii: "0") + UInt8(remainder))
        }
        let decimals = max(0, scale)
        while digits.count <= decimals { digits.append(UInt8(ascii: "0")) }
        if isNegative { output.append(UInt8(ascii: "-")) }
        output.append(contentsOf: digits[decimals...].reversed())
        // A negative scale stands for zeros.
        if scale < 0 { output.append(contentsOf: repeatElement(UInt8(ascii: "0"), count: -scale)) }
        guard decimals > 0 else { return }
        output.append(UInt8(ascii: "."))
        output.append(contentsOf: digits[..<decimals].reversed())
    }
}
