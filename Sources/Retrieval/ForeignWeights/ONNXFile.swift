internal import Base
internal import Tensors

/// A model in ONNX: its initialisers, and the nodes that use them.
///
/// Source: ONNX 1.17, `onnx/onnx.proto`.
public struct ONNXFile: Sendable {
    public struct Node: Sendable, Equatable {
        public var operation = ""
        public var inputs: [String] = []
        public var outputs: [String] = []
        /// The single float32 number that an operation `Constant` gives, where it gives one.
        public var constant: Float?
    }

    public let file: ForeignFile
    public let tensors: [ForeignTensor]
    public let nodes: [Node]

    static let formatVersions = 3...12
    static let operatorVersions = 11...22

    /// - Throws: `InputError` for a file that is cut off or malformed, another version, operators of another domain than
    ///   ONNX's, tensors that are sparse, quantised or in files of their own, and fields that are not known.
    public init(_ file: ForeignFile) throws {
        self.file = file
        var graph: Range<Int>?
        var version: UInt64?
        var operators: UInt64?
        var fields = ProtobufFields(file, 0..<file.bytes.count)
        while let field = try fields.next() {
            switch (field.number, field.value) {
            case (1, .number(let number)): version = number
            // Producer, its version, domain, version of the model, documentation, metadata.
            case (2...6, _), (14, _): break
            case (7, .bytes(let range)) where graph == nil: graph = range
            case (8, .bytes(let range)): operators = try Self.operators(file, range)
            default: throw file.fault("field \(field.number) of a model, which is not read", at: field.offset)
            }
        }
        guard let version, Self.formatVersions.contains(Int(clamping: version)) else {
            throw file.fault(
                "not a model in ONNX, or of version \(version ?? 0); \(Self.formatVersions) are read", at: 0)
        }
        guard let operators, Self.operatorVersions.contains(Int(clamping: operators)) else {
            throw file.fault(
                "operators of version \(operators ?? 0); \(Self.operatorVersions) are read", at: 0)
        }
        guard let graph else { throw file.fault("a model without a graph", at: 0) }
        (tensors, nodes) = try Self.graph(file, graph)
    }

    private static func operators(_ file: ForeignFile, _ range: Range<Int>) throws -> UInt64 {
        var version: UInt64 = 0
        var fields = ProtobufFields(file, range)
        while let field = try fields.next() {
            switch (field.number, field.value) {
            case (1, .bytes(let range)):
                let domain = try file.text(range)
                guard domain.isEmpty || domain == "ai.onnx" else {
                    throw file.fault("operators of the domain \(escaped(domain.utf8))", at: field.offset)
                }
            case (2, .number(let number)): version = number
            default: throw file.fault("field \(field.number) of a set of operators", at: field.offset)
            }
        }
        return version
    }

    private static func graph(_ file: ForeignFile, _ range: Range<Int>) throws -> ([ForeignTensor], [Node]) {
        var tensors: [ForeignTensor] = []
        var nodes: [Node] = []
        var names: Set<String> = []
        var fields = ProtobufFields(file, range)
        while let field = try fields.next() {
            switch (field.number, field.value) {
            case (1, .bytes(let range)): nodes.append(try node(file, range))
            case (5, .bytes(let range)):
                let tensor = try ONNXTensor(file, range).initialiser()
                guard names.insert(tensor.name).inserted else {
                    throw file.fault("an initialiser comes twice", at: field.offset, field: tensor.name)
                }
                tensors.append(tensor)
            // Name, documentation, inputs, outputs, shapes in between, metadata.
            case (2, _), (10...13, _), (16, _): break
            default: throw file.fault("field \(field.number) of a graph, which is not read", at: field.offset)
            }
        }
        return (tensors, nodes)
    }

    private static func node(_ file: ForeignFile, _ range: Range<Int>) throws -> Node {
        var node = Node()
        var fields = ProtobufFields(file, range)
        while let field = try fields.next() {
            switch (field.number, field.value) {
            case (1, .bytes(let range)): node.inputs.append(try file.text(range))
            case (2, .bytes(let range)): node.outputs.append(try file.text(range))
            case (4, .bytes(let range)): node.operation = try file.text(range)
            case (5, .bytes(let range)): node.constant = try number(file, range) ?? node.constant
            case (7, .bytes(let range)) where range.isEmpty: break
            // Name, documentation, metadata.
            case (3, _), (6, _), (9, _): break
            default: throw file.fault("field \(field.number) of a node, which is not read", at: field.offset)
            }
        }
        return node
    }

    /// The float32 number of an attribute that is a tensor of one.
    private static func number(_ file: ForeignFile, _ range: Range<Int>) throws -> Float? {
        var fields = ProtobufFields(file, range)
        while let field = try fields.next() {
            guard field.number == 5, case .bytes(let range) = field.value else { continue }
            let tensor = try ONNXTensor(file, range)
            guard tensor.kind == ONNXTensor.float32, tensor.shape.reduce(1, *) == 1, let raw = tensor.raw,
                raw.count == 4
            else { return nil }
            return Float(
                bitPattern: UInt32(
                    littleEndian: file.bytes.loadUnaligned(fromByteOffset: raw.lowerBound, as: UInt32.self)))
        }
        return nil
    }
}

/// A message `TensorProto`.
struct ONNXTensor {
    static let float32: UInt64 = 1

    private let file: ForeignFile
    private let offset: Int
    private(set) var name = ""
    private(set) var shape: [Int] = []
    private(set) var kind: UInt64 = 0
    private(set) var raw: Range<Int>?
    /// A field that holds numbers one by one, or says that they lie elsewhere.
    private var otherNumbers: Int?

    init(_ file: ForeignFile, _ range: Range<Int>) throws {
        self.file = file
        offset = range.lowerBound
        var fields = ProtobufFields(file, range)
        while let field = try fields.next() {
            switch (field.number, field.value) {
            case (1, .number(let size)): try append(size, field.offset)
            case (1, .bytes(let range)):
                var packed = ProtobufFields(file, range)
                while packed.position < range.upperBound { try append(packed.varint(), field.offset) }
            case (2, .number(let number)): kind = number
            case (8, .bytes(let range)): name = try file.text(range)
            case (9, .bytes(let range)) where raw == nil: raw = range
            case (14, .number(0)): break
            // Documentation, metadata.
            case (12, _), (16, _): break
            case (4...7, _), (10, _), (11, _), (13, _), (14, _): otherNumbers = field.number
            default: throw file.fault("field \(field.number) of a tensor, which is not read", at: field.offset)
            }
        }
    }

    private mutating func append(_ size: UInt64, _ offset: Int) throws {
        guard shape.count < ForeignTensor.mostDimensions, let size = Int32(exactly: size) else {
            throw file.fault("a shape beyond what any weight has", at: offset)
        }
        shape.append(Int(size))
    }

    /// - Throws: `InputError` where numbers are not all there as bytes. Those of other types than float32 are known by name
    ///   and shape alone.
    func initialiser() throws -> ForeignTensor {
        guard !name.isEmpty else { throw file.fault("an initialiser without a name", at: offset) }
        guard kind == Self.float32 else {
            return ForeignTensor(name: name, shape: shape, type: nil, range: raw ?? offset..<offset)
        }
        guard otherNumbers == nil, let raw else {
            throw file.fault("numbers that are not in raw_data", at: offset, field: name)
        }
        guard raw.count == ForeignTensor.byteCount(shape, elementSize: 4) else {
            throw file.fault("\(raw.count) bytes for numbers of shape \(shape)", at: raw.lowerBound, field: name)
        }
        return ForeignTensor(name: name, shape: shape, type: .float32, range: raw)
    }
}
