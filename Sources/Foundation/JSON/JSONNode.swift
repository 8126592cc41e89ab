/// A value on simdjson's tape: a position, two pointers, no copies.
///
/// Valid as long as the parse that made it and its parser, which it does not keep alive (see `JSONParser`). Strings are unescaped, valid UTF-8.
/// Tape layout: simdjson `doc/tape.md`; a word holds the type in its top byte and a 56-bit payload.
public struct JSONNode {
    public enum Kind: UInt8, Sendable {
        case object = 0x7B
        case array = 0x5B
        case string = 0x22
        case integer = 0x6C
        /// A whole number above `Int64.max`.
        case unsigned = 0x75
        case number = 0x64
        case `true` = 0x74
        case `false` = 0x66
        case null = 0x6E

        /// What a person would call it.
        public var name: String {
            switch self {
            case .object: "an object"
            case .array: "an array"
            case .string: "a string"
            case .integer, .unsigned, .number: "a number"
            case .true, .false: "a boolean"
            case .null: "null"
            }
        }
    }

    @usableFromInline let tape: UnsafePointer<UInt64>
    @usableFromInline let strings: UnsafeRawPointer
    @usableFromInline let index: Int

    @inlinable
    init(tape: UnsafePointer<UInt64>, strings: UnsafeRawPointer, index: Int) {
        self.tape = tape
        self.strings = strings
        self.index = index
    }

    @inlinable var payload: Int { Int(tape[index] & 0x00FF_FFFF_FFFF_FFFF) }

    @inlinable public var kind: Kind { Kind(rawValue: UInt8(tape[index] >> 56)).unsafelyUnwrapped }

    /// The bytes of a string; nil for any other kind.
    @inlinable public var string: UnsafeRawBufferPointer? {
        guard kind == .string else { return nil }
        let start = strings + payload
        return UnsafeRawBufferPointer(start: start + 4, count: Int(start.loadUnaligned(as: UInt32.self)))
    }

    @inlinable public var integer: Int64? {
        kind == .integer ? Int64(bitPattern: tape[index + 1]) : nil
    }

    @inlinable public var unsigned: UInt64? {
        kind == .unsigned ? tape[index + 1] : nil
    }

    /// The value of any kind of number.
    @inlinable public var double: Double? {
        switch kind {
        case .number: Double(bitPattern: tape[index + 1])
        case .integer: Double(Int64(bitPattern: tape[index + 1]))
        case .unsigned: Double(tape[index + 1])
        default: nil
        }
    }

    @inlinable public var bool: Bool? {
        switch kind {
        case .true: true
        case .false: false
        default: nil
        }
    }

    /// Tape position just behind this value.
    @inlinable var indexAfter: Int {
        switch kind {
        case .object, .array: payload & 0xFFFF_FFFF
        case .integer, .unsigned, .number: index + 2
        case .string, .true, .false, .null: index + 1
        }
    }

    /// The fields of an object in the order of the text; empty for any other kind.
    @inlinable public var fields: Fields {
        kind == .object ? Fields(node: self, end: indexAfter - 1) : Fields(node: self, end: index + 1)
    }

    /// The elements of an array in order; empty for any other kind.
    @inlinable public var elements: Elements {
        kind == .array ? Elements(node: self, end: indexAfter - 1) : Elements(node: self, end: index + 1)
    }

    /// The value of the first field with this key; nil when there is none or this is no object.
    public subscript(key: StaticString) -> JSONNode? {
        for (name, value) in fields where name.isEqual(to: key) { return value }
        return nil
    }

    public struct Fields: Sequence, IteratorProtocol {
        @usableFromInline let tape: UnsafePointer<UInt64>
        @usableFromInline let strings: UnsafeRawPointer
        @usableFromInline var position: Int
        @usableFromInline let end: Int

        @inlinable init(node: JSONNode, end: Int) {
            tape = node.tape
            strings = node.strings
            position = node.index + 1
            self.end = end
        }

        @inlinable public mutating func next() -> (key: UnsafeRawBufferPointer, value: JSONNode)? {
            guard position < end else { return nil }
            let key = JSONNode(tape: tape, strings: strings, index: position).string.unsafelyUnwrapped
            let value = JSONNode(tape: tape, strings: strings, index: position + 1)
            position = value.indexAfter
            return (key, value)
        }
    }

    public struct Elements: Sequence, IteratorProtocol {
        @usableFromInline let tape: UnsafePointer<UInt64>
        @usableFromInline let strings: UnsafeRawPointer
        @usableFromInline var position: Int
        @usableFromInline let end: Int

        @inlinable init(node: JSONNode, end: Int) {
            tape = node.tape
            strings = node.strings
            position = node.index + 1
            self.end = end
        }

        @inlinable public mutating func next() -> JSONNode? {
            guard position < end else { return nil }
            let value = JSONNode(tape: tape, strings: strings, index: position)
            position = value.indexAfter
            return value
        }
    }
}

extension UnsafeRawBufferPointer {
    /// Whether these bytes are exactly the bytes of `text`.
    @inlinable
    public func isEqual(to text: StaticString) -> Bool {
        text.withUTF8Buffer { other in
            count == other.count && (count == 0 || elementsEqualBytes(other))
        }
    }

    @inlinable
    func elementsEqualBytes(_ other: UnsafeBufferPointer<UInt8>) -> Bool {
        for position in 0..<count where self[position] != other[position] { return false }
        return true
    }
}
