import Base
import SystemPackage

/// Reads TensorBoard's files, by the formats' descriptions alone; shares nothing with what writes them.
struct EventReader {
    struct Event: Equatable {
        var wallTime = 0.0
        var step = 0
        var version: String?
        /// Status of a session: 1 begins one.
        var session: Int?
        var scalars: [String: Float] = [:]
        var histograms: [String: Histogram] = [:]
    }

    struct Histogram: Equatable {
        var least = 0.0
        var greatest = 0.0
        var count = 0.0
        var sum = 0.0
        var sumOfSquares = 0.0
        var limits: [Double] = []
        var counts: [Double] = []
    }

    struct Damage: Error, Equatable {
        let reason: String
    }

    /// The events of a folder's files, file by file in the order of their names.
    static func files(in folder: FilePath) throws -> [[Event]] {
        try Files.list(folder).map { try events(of: Files.readAll(folder.appending($0))) }
    }

    static func events(of bytes: [UInt8]) throws -> [Event] {
        var events: [Event] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            guard rest.count >= 12 else { throw Damage(reason: "the header is cut off") }
            let header = Array(rest.prefix(8))
            let length = Int(littleEndian(header))
            guard littleEndian(Array(rest.dropFirst(8).prefix(4))) == UInt64(maskedChecksum(header)) else {
                throw Damage(reason: "the header's checksum is another")
            }
            rest = rest.dropFirst(12)
            guard rest.count >= length + 4 else { throw Damage(reason: "the record is cut off") }
            let record = Array(rest.prefix(length))
            guard littleEndian(Array(rest.dropFirst(length).prefix(4))) == UInt64(maskedChecksum(record)) else {
                throw Damage(reason: "the record's checksum is another")
            }
            rest = rest.dropFirst(length + 4)
            events.append(try event(record))
        }
        return events
    }

    private static func littleEndian(_ bytes: [UInt8]) -> UInt64 {
        bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// Bit by bit, as the polynomial says.
    static func checksum(_ bytes: [UInt8]) -> UInt32 {
        var remainder = UInt32.max
        for byte in bytes {
            remainder ^= UInt32(byte)
            for _ in 0..<8 {
                let isOdd = remainder % 2 == 1
                remainder /= 2
                if isOdd { remainder ^= 0x82F6_3B78 }
            }
        }
        return ~remainder
    }

    private static func maskedChecksum(_ bytes: [UInt8]) -> UInt32 {
        let value = checksum(bytes)
        return ((value >> 15) | (value << 17)) &+ 0xA282_EAD8
    }

    // MARK: - Protocol buffers

    private enum Value {
        case number(UInt64)
        case bytes([UInt8])

        var double: Double { if case .number(let bits) = self { Double(bitPattern: bits) } else { .nan } }
        var content: [UInt8] { if case .bytes(let bytes) = self { bytes } else { [] } }
    }

    private static func fields(_ bytes: [UInt8]) throws -> [(field: Int, value: Value)] {
        var fields: [(field: Int, value: Value)] = []
        var rest = bytes[...]
        func varint() throws -> UInt64 {
            var value: UInt64 = 0
            var shift: UInt64 = 0
            while let byte = rest.popFirst() {
                value |= UInt64(byte % 128) << shift
                if byte < 128 { return value }
                shift += 7
            }
            throw Damage(reason: "a number is cut off")
        }
        func take(_ count: Int) throws -> [UInt8] {
            guard rest.count >= count else { throw Damage(reason: "a field is cut off") }
            defer { rest = rest.dropFirst(count) }
            return Array(rest.prefix(count))
        }
        while !rest.isEmpty {
            let tag = try varint()
            let value: Value =
                switch tag % 8 {
                case 0: .number(try varint())
                case 1: .number(littleEndian(try take(8)))
                case 2: .bytes(try take(Int(varint())))
                case 5: .number(littleEndian(try take(4)))
                default: throw Damage(reason: "wire type \(tag % 8)")
                }
            fields.append((Int(tag / 8), value))
        }
        return fields
    }

    private static func event(_ record: [UInt8]) throws -> Event {
        var event = Event()
        for (field, value) in try fields(record) {
            switch (field, value) {
            case (1, _): event.wallTime = value.double
            case (2, .number(let step)): event.step = Int(step)
            case (3, _): event.version = String(decoding: value.content, as: UTF8.self)
            case (5, _):
                for (field, item) in try fields(value.content) where field == 1 { try add(item.content, to: &event) }
            case (7, _):
                for (field, status) in try fields(value.content) {
                    if field == 1, case .number(let status) = status { event.session = Int(status) }
                }
            default: throw Damage(reason: "field \(field) of an event")
            }
        }
        return event
    }

    private static func add(_ item: [UInt8], to event: inout Event) throws {
        var tag = ""
        for (field, value) in try fields(item) {
            switch (field, value) {
            case (1, _): tag = String(decoding: value.content, as: UTF8.self)
            case (2, .number(let bits)): event.scalars[tag] = Float(bitPattern: UInt32(bits))
            case (5, _): event.histograms[tag] = try histogram(value.content)
            default: throw Damage(reason: "field \(field) of a value")
            }
        }
    }

    private static func histogram(_ bytes: [UInt8]) throws -> Histogram {
        var histogram = Histogram()
        func doubles(_ bytes: [UInt8]) -> [Double] {
            stride(from: 0, to: bytes.count, by: 8).map {
                Double(bitPattern: littleEndian(Array(bytes[$0..<min($0 + 8, bytes.count)])))
            }
        }
        for (field, value) in try fields(bytes) {
            switch field {
            case 1: histogram.least = value.double
            case 2: histogram.greatest = value.double
            case 3: histogram.count = value.double
            case 4: histogram.sum = value.double
            case 5: histogram.sumOfSquares = value.double
            case 6: histogram.limits = doubles(value.content)
            case 7: histogram.counts = doubles(value.content)
            default: throw Damage(reason: "field \(field) of a histogram")
            }
        }
        return histogram
    }
}
