internal import CArrow

/// How a column's values lie in memory.
indirect enum ColumnLayout {
    case none
    case bits
    /// Equal numbers of bytes, one value after the other.
    case fixed(byteCount: Int)
    /// Offsets of 4 or 8 bytes into one buffer.
    case offsets(byteCount: Int)
    /// 16 bytes a value: its size, and itself or where it is.
    case views
    /// Milliseconds since 1970-01-01, which stand for days.
    case millisecondDates
    case list(ColumnShape, offsetByteCount: Int)
    case fixedList(ColumnShape, count: Int)
    case structure([(name: String, shape: ColumnShape)])
    /// Integers that are positions in a column of values.
    case dictionary(ColumnShape, index: ColumnType)
}

/// A column's type and layout.
struct ColumnShape {
    let type: ColumnType
    let layout: ColumnLayout

    /// Reads one schema of the C data interface.
    ///
    /// - Throws: ``UnsupportedColumn`` for types that tables of data do not have: unions, intervals, runs.
    init(_ schema: UnsafePointer<ArrowSchema>) throws(UnsupportedColumn) {
        let format = String(cString: schema.pointee.format)
        if let dictionary = schema.pointee.dictionary {
            let values = try ColumnShape(UnsafePointer(dictionary))
            guard let index = ColumnShape.plain(format), case .integer = index.type else {
                throw UnsupportedColumn(format: format)
            }
            self.init(type: values.type, layout: .dictionary(values, index: index.type))
            return
        }
        if let plain = ColumnShape.plain(format) {
            self = plain
            return
        }
        func child(_ index: Int) throws(UnsupportedColumn) -> ColumnShape {
            guard index < schema.pointee.n_children, let child = schema.pointee.children[index] else {
                throw UnsupportedColumn(format: format)
            }
            return try ColumnShape(UnsafePointer(child))
        }
        switch format {
        case "+l", "+L":
            let element = try child(0)
            self.init(type: .list(element.type), layout: .list(element, offsetByteCount: format == "+l" ? 4 : 8))
        case "+m":
            let entry = try child(0)
            guard case .structure(let fields) = entry.type, fields.count == 2 else {
                throw UnsupportedColumn(format: format)
            }
            self.init(
                type: .map(key: fields[0].type, value: fields[1].type), layout: .list(entry, offsetByteCount: 4))
        case _ where format.hasPrefix("+w:"):
            guard let count = Int(format.dropFirst(3)), count >= 0 else { throw UnsupportedColumn(format: format) }
            let element = try child(0)
            self.init(type: .fixedList(element.type, count: count), layout: .fixedList(element, count: count))
        case "+s":
            var shapes: [(name: String, shape: ColumnShape)] = []
            for index in 0..<Int(schema.pointee.n_children) {
                shapes.append((name: String(cString: schema.pointee.children[index]!.pointee.name), try child(index)))
            }
            self.init(
                type: .structure(shapes.map { ColumnField(name: $0.name, type: $0.shape.type) }),
                layout: .structure(shapes))
        default: throw UnsupportedColumn(format: format)
        }
    }

    private init(type: ColumnType, layout: ColumnLayout) {
        self.type = type
        self.layout = layout
    }

    /// A type without children; nil for any other.
    private static func plain(_ format: String) -> ColumnShape? {
        func fixed(_ type: ColumnType, _ byteCount: Int) -> ColumnShape {
            ColumnShape(type: type, layout: .fixed(byteCount: byteCount))
        }
        switch format {
        case "n": return ColumnShape(type: .null, layout: .none)
        case "b": return ColumnShape(type: .boolean, layout: .bits)
        case "c", "C": return fixed(.integer(bits: 8, isSigned: format == "c"), 1)
        case "s", "S": return fixed(.integer(bits: 16, isSigned: format == "s"), 2)
        case "i", "I": return fixed(.integer(bits: 32, isSigned: format == "i"), 4)
        case "l", "L": return fixed(.integer(bits: 64, isSigned: format == "l"), 8)
        case "e": return fixed(.float(bits: 16), 2)
        case "f": return fixed(.float(bits: 32), 4)
        case "g": return fixed(.float(bits: 64), 8)
        case "u", "U": return ColumnShape(type: .text, layout: .offsets(byteCount: format == "u" ? 4 : 8))
        case "z", "Z": return ColumnShape(type: .bytes, layout: .offsets(byteCount: format == "z" ? 4 : 8))
        case "vu": return ColumnShape(type: .text, layout: .views)
        case "vz": return ColumnShape(type: .bytes, layout: .views)
        case "tdD": return fixed(.date, 4)
        case "tdm": return ColumnShape(type: .date, layout: .millisecondDates)
        default: break
        }
        if format.hasPrefix("w:"), let count = Int(format.dropFirst(2)), count >= 0 {
            return fixed(.fixedBytes(count: count), count)
        }
        if format.hasPrefix("d:") {
            let numbers = format.dropFirst(2).split(separator: ",").map { Int($0) }
            guard numbers.count >= 2, let scale = numbers[1] else { return nil }
            let bits = numbers.count > 2 ? numbers[2] ?? 0 : 128
            guard [32, 64, 128, 256].contains(bits) else { return nil }
            return fixed(.decimal(bits: bits, scale: scale), bits / 8)
        }
        guard format.utf8.count >= 3, format.hasPrefix("t") else { return nil }
        let units: [Character: ColumnType.TimeUnit] = [
            "s": .seconds, "m": .milliseconds, "u": .microseconds, "n": .nanoseconds,
        ]
        let letters = Array(format.prefix(3))
        guard let unit = units[letters[2]] else { return nil }
        switch letters[1] {
        case "t":
            let bits = unit == .seconds || unit == .milliseconds ? 32 : 64
            return fixed(.time(unit, bits: bits), bits / 8)
        case "s": return fixed(.timestamp(unit, hasZone: format.utf8.count > 4), 8)
        case "D": return fixed(.duration(unit), 8)
        default: return nil
        }
    }
}

/// A type that no reader of tables needs, by Arrow's own name for it.
struct UnsupportedColumn: Error {
    let format: String
}
