/// The fields of a JSON object in the order they were written; keys are told apart by their UTF-8 bytes.
///
/// Two objects are equal when they have the same fields, in any order.
public struct JSONObject: Sendable, Equatable, ExpressibleByDictionaryLiteral {
    public private(set) var keys: [String]
    public private(set) var values: [JSONValue]
    /// Positions by key, kept from `indexThreshold` fields on; smaller objects are searched one by one.
    private var positions: [ByteKey: Int]?

    private static let indexThreshold = 16

    public init() {
        keys = []
        values = []
    }

    public init(dictionaryLiteral elements: (String, JSONValue)...) { self.init(elements) }

    /// Fields in this order; a key that comes again replaces the earlier value.
    public init(_ fields: [(String, JSONValue)]) {
        self.init()
        for (key, value) in fields { self[key] = value }
    }

    public var count: Int { keys.count }
    public var isEmpty: Bool { keys.isEmpty }

    /// The value of a key. Setting an existing key keeps its place, setting nil removes the field.
    public subscript(key: String) -> JSONValue? {
        get { position(of: key).map { values[$0] } }
        set {
            switch (position(of: key), newValue) {
            case (let position?, let newValue?): values[position] = newValue
            case (let position?, nil):
                keys.remove(at: position)
                values.remove(at: position)
                if positions != nil { rebuildPositions() }
            case (nil, let newValue?): append(key, newValue)
            case (nil, nil): break
            }
        }
    }

    /// Appends a field unless its key is there already.
    mutating func appendUnique(_ key: String, _ value: JSONValue) -> Bool {
        if position(of: key) != nil { return false }
        append(key, value)
        return true
    }

    private mutating func append(_ key: String, _ value: JSONValue) {
        keys.append(key)
        values.append(value)
        if positions != nil {
            positions![ByteKey(key)] = keys.count - 1
        } else if keys.count >= Self.indexThreshold {
            rebuildPositions()
        }
    }

    private mutating func rebuildPositions() {
        positions = [:]
        for (position, key) in keys.enumerated() { positions![ByteKey(key)] = position }
    }

    private func position(of key: String) -> Int? {
        if let positions { return positions[ByteKey(key)] }
        return keys.firstIndex { $0.utf8.elementsEqual(key.utf8) }
    }

    public static func == (left: JSONObject, right: JSONObject) -> Bool {
        guard left.count == right.count else { return false }
        for (key, value) in left where right[key] != value { return false }
        return true
    }

    /// A key hashed and compared by bytes.
    private struct ByteKey: Hashable, Sendable {
        let text: String

        init(_ text: String) { self.text = text }

        static func == (left: ByteKey, right: ByteKey) -> Bool { left.text.utf8.elementsEqual(right.text.utf8) }

        func hash(into hasher: inout Hasher) {
            let wasContiguous: Void? = text.utf8.withContiguousStorageIfAvailable {
                hasher.combine(bytes: UnsafeRawBufferPointer($0))
            }
            if wasContiguous == nil { hasher.combine(bytes: Array(text.utf8)) }
        }
    }
}

extension Hasher {
    fileprivate mutating func combine(bytes: [UInt8]) {
        bytes.withUnsafeBytes { combine(bytes: $0) }
    }
}

extension JSONObject: Sequence {
    public struct Iterator: IteratorProtocol {
        fileprivate let object: JSONObject
        fileprivate var position = 0

        public mutating func next() -> (key: String, value: JSONValue)? {
            guard position < object.count else { return nil }
            defer { position += 1 }
            return (object.keys[position], object.values[position])
        }
    }

    public func makeIterator() -> Iterator { Iterator(object: self) }
    public var underestimatedCount: Int { count }
}
