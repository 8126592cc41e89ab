internal import Base
internal import JSON
public import SystemPackage

/// A mapped safetensors file: tensors borrow its memory, nothing is copied or read before it is used.
///
/// Layout: u64 little-endian header length, a JSON object `name → {dtype, shape, data_offsets}`, the data without
/// gaps. Source: https://github.com/huggingface/safetensors#format
public final class SafetensorsFile: Sendable {
    public struct Entry: Sendable, Equatable {
        public let name: String
        public let type: ElementType
        public let shape: [Int]
        /// Bytes from the start of the data.
        let range: Range<Int>
    }

    public let path: FilePath
    /// In the order of the header.
    public let entries: [Entry]
    /// The `__metadata__` strings.
    public let metadata: [String: String]

    private let file: MappedFile
    private let dataStart: Int
    private let indexByName: [String: Int]

    /// The format's own limit for headers.
    static let longestHeader = 100_000_000
    /// More dimensions than any weight has; libtorch allows 64.
    static let longestShape = 16

    /// - Throws: `InputError` (65) for a file that is not safetensors, is cut off, has gaps, or has unknown types.
    public init(_ path: FilePath) throws {
        self.path = path
        file = try MappedFile(path)
        let name = path.string
        let bytes = file.bytes
        guard bytes.count >= 8 else {
            throw InputError("not a safetensors file: \(bytes.count) bytes", at: Place(path: name))
        }
        let length = Int(clamping: UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self)))
        guard length <= SafetensorsFile.longestHeader, 8 + length <= bytes.count else {
            throw InputError(
                "not a safetensors file, or cut off: header of \(length) bytes in \(bytes.count)", at: Place(path: name)
            )
        }
        dataStart = 8 + length
        let header = try JSONValue.parse(UnsafeRawBufferPointer(rebasing: bytes[8..<dataStart]), path: name)
        guard let header = header.object else {
            throw InputError("the header is not an object", at: Place(path: name, byteOffset: 8))
        }
        var entries: [Entry] = []
        var metadata: [String: String] = [:]
        for (key, value) in header {
            if key == "__metadata__" {
                for (key, value) in value.object ?? [:] { metadata[key] = value.string }
                continue
            }
            entries.append(try SafetensorsFile.entry(key, value, path: name))
        }
        var end = 0
        for entry in entries.sorted(by: {
            ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound)
        }) {
            guard entry.range.lowerBound == end else {
                throw InputError("tensors overlap or leave a gap", at: Place(path: name, field: entry.name))
            }
            end = entry.range.upperBound
        }
        guard end == bytes.count - dataStart else {
            throw InputError(
                "\(bytes.count - dataStart) bytes of data where the header asks for \(end)", at: Place(path: name))
        }
        self.entries = entries
        self.metadata = metadata
        indexByName = Dictionary(uniqueKeysWithValues: entries.enumerated().map { ($1.name, $0) })
    }

    private static func entry(_ name: String, _ value: JSONValue, path: String) throws -> Entry {
        let place = Place(path: path, field: name)
        guard let dtype = value["dtype"]?.string, let shape = value["shape"]?.array,
            let offsets = value["data_offsets"]?.array, offsets.count == 2,
            let start = offsets[0].integer, let end = offsets[1].integer, start >= 0, end >= start
        else { throw InputError("dtype, shape or data_offsets are missing or malformed", at: place) }
        guard let type = ElementType(safetensors: dtype) else {
            throw InputError("elements of type \(dtype) are not supported", at: place)
        }
        guard shape.count <= longestShape else {
            throw InputError("\(shape.count) dimensions; at most \(longestShape) are supported", at: place)
        }
        var size = type.byteCount
        var sizes: [Int] = []
        for item in shape {
            guard let item = item.integer, item >= 0 else { throw InputError("the shape is malformed", at: place) }
            let (product, overflow) = size.multipliedReportingOverflow(by: item)
            guard !overflow else { throw InputError("the shape is too large", at: place) }
            size = product
            sizes.append(item)
        }
        guard size == end - start else {
            throw InputError("shape \(sizes) of \(dtype) needs \(size) bytes, not \(end - start)", at: place)
        }
        return Entry(name: name, type: type, shape: sizes, range: start..<end)
    }

    public var names: [String] { entries.map(\.name) }

    public subscript(name: String) -> Entry? { indexByName[name].map { entries[$0] } }

    private func bytes(of entry: Entry) -> Range<Int> {
        (dataStart + entry.range.lowerBound)..<(dataStart + entry.range.upperBound)
    }

    /// Where a tensor's bytes are mapped.
    ///
    /// - Throws: `InputError` if there is none of that name.
    public func place(of name: String) throws -> MappedTensor {
        MappedTensor(file: file, range: bytes(of: try entry(name)))
    }

    /// Whether no number of a tensor is NaN or infinite. Reads all of it, at the speed of memory.
    ///
    /// - Throws: `InputError` if there is none of that name.
    public func isFinite(_ name: String) throws -> Bool {
        let entry = try entry(name)
        let range = bytes(of: entry)
        let bytes = UnsafeRawBufferPointer(rebasing: file.bytes[range])
        file.advise(.now, for: range)
        return FiniteNumbers.check(bytes, of: entry.type)
    }

    private func entry(_ name: String) throws -> Entry {
        guard let entry = self[name] else {
            throw InputError("there is no tensor of this name", at: Place(path: path.string, field: name))
        }
        return entry
    }

    /// A tensor over the mapped bytes, which stay mapped as long as it lives. It must not be changed in place.
    ///
    /// - Throws: `InputError` if there is none of that name.
    public func tensor(_ name: String) throws -> Tensor {
        let entry = try entry(name)
        let bytes = UnsafeRawBufferPointer(rebasing: file.bytes[bytes(of: entry)])
        // A header whose length is no multiple of 8 leaves the data unaligned; then it is copied.
        guard Int(bitPattern: bytes.baseAddress) % entry.type.byteCount == 0 else {
            return try Tensor(copying: bytes, shape: entry.shape, type: entry.type)
        }
        return try Tensor(borrowing: bytes, shape: entry.shape, type: entry.type, owner: file)
    }
}

/// Where a tensor's bytes lie in a mapped file.
public struct MappedTensor: Sendable {
    fileprivate let file: MappedFile
    fileprivate let range: Range<Int>

    /// Starts reading the bytes from the disk.
    public func readAhead() { file.advise(.soon, for: range) }

    /// Takes the bytes out of the process's memory, where they count as used once they have been read; they come back where
    /// they are touched.
    public func leaveMemory() { file.discard(range) }
}

/// Writes a safetensors file under its final name only when it is complete.
public enum SafetensorsWriter {
    /// - Parameters:
    ///   - tensors: any device and layout; written in the order that the reference library uses: by element size,
    ///     largest first, then by name, so that equal tensors give equal files.
    ///   - metadata: strings for the header; `format: pt` is what transformers looks for.
    public static func write(
        _ tensors: [(name: String, tensor: Tensor)], metadata: [String: String] = ["format": "pt"], to path: FilePath
    ) throws {
        let plans = tensors.map { Plan(name: $0.name, $0.tensor) }
        try write(plans, metadata: metadata, to: path) { tensors[$0].tensor }
    }

    /// A tensor that is yet to be made.
    public struct Plan: Sendable {
        public let name: String
        public let shape: [Int]
        public let type: ElementType

        public init(name: String, shape: [Int], type: ElementType) {
            self.name = name
            self.shape = shape
            self.type = type
        }

        /// - Parameter model: has the shape and the type.
        public init(name: String, _ model: Tensor) {
            self.init(name: name, shape: model.shape, type: model.elementType)
        }

        public var byteCount: Int { shape.reduce(type.byteCount, *) }
    }

    /// Writes tensors of which one is in memory at a time.
    ///
    /// - Parameter tensor: makes the tensor of a plan, by its number.
    public static func write(
        _ plans: [Plan], metadata: [String: String] = ["format": "pt"], to path: FilePath,
        tensor: (Int) throws -> Tensor
    ) throws {
        let ordered = plans.enumerated().sorted { left, right in
            let sizes = (left.element.type.byteCount, right.element.type.byteCount)
            if sizes.0 != sizes.1 { return sizes.0 > sizes.1 }
            return left.element.name.utf8.lexicographicallyPrecedes(right.element.name.utf8)
        }
        var header: [(String, JSONValue)] = []
        if !metadata.isEmpty {
            let fields = metadata.sorted { $0.key < $1.key }.map { ($0.key, JSONValue.string($0.value)) }
            header.append(("__metadata__", .object(JSONObject(fields))))
        }
        var offset = 0
        for (_, plan) in ordered {
            let end = offset + plan.byteCount
            header.append(
                (
                    plan.name,
                    [
                        "dtype": .string(plan.type.safetensorsName),
                        "shape": .array(plan.shape.map { JSONValue($0) }),
                        "data_offsets": [JSONValue(offset), JSONValue(end)],
                    ]
                ))
            offset = end
        }
        var text: [UInt8] = []
        JSONValue.object(JSONObject(header)).appendLine(to: &text)
        // Spaces up to a multiple of 8 keep the data aligned.
        text.append(contentsOf: [UInt8](repeating: UInt8(ascii: " "), count: (8 - text.count % 8) % 8))
        var file = try StagedFile(for: path)
        try withUnsafeBytes(of: UInt64(text.count).littleEndian) { try file.write($0) }
        try file.write(text)
        for (number, plan) in ordered {
            let plain = try tensor(number).detached().to(.cpu).contiguous()
            precondition(plain.shape == plan.shape && plain.elementType == plan.type, "\(plan.name) is as planned")
            try plain.withUnsafeBytes { try file.write($0) }
        }
        try file.commit()
    }
}

extension ElementType {
    init?(safetensors name: String) {
        guard let type = ElementType.allCases.first(where: { $0.safetensorsName == name }) else { return nil }
        self = type
    }

    var safetensorsName: String {
        switch self {
        case .float32: "F32"
        case .float16: "F16"
        case .bfloat16: "BF16"
        case .float64: "F64"
        case .int32: "I32"
        case .int64: "I64"
        case .uint8: "U8"
        case .bool: "BOOL"
        }
    }
}
