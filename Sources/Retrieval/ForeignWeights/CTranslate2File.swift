internal import Base
internal import Tensors

/// A `model.bin` of CTranslate2.
///
/// All numbers are little-endian: u32 version, text, u32 revision, u32 count; of each variable its name, u8 dimensions, u32
/// sizes, u8 type, u32 bytes, the numbers; u32 count, and of each alias its name and the variable's. A text is its length in
/// u16, with the zero at its end.
///
/// Source: CTranslate2 4.6, `src/models/model.cc` and `python/ctranslate2/specs/model_spec.py`.
public struct CTranslate2File: Sendable {
    public static let version = 6

    public let file: ForeignFile
    /// What the model is, as `WhisperSpec`.
    public let specification: String
    /// Of the specification.
    public let revision: Int
    public let tensors: [ForeignTensor]

    private static let mostVariables = 1 << 20

    /// - Throws: `InputError` for another version, or a file that is cut off, has more than it should or names a variable
    ///   twice.
    public init(_ file: ForeignFile) throws {
        self.file = file
        var reader = Reader(file: file)
        let version = try Int(reader.number(of: UInt32.self))
        guard version == Self.version else {
            throw file.fault("version \(version) of CTranslate2's files; \(Self.version) is read", at: 0)
        }
        specification = try reader.text()
        revision = try Int(reader.number(of: UInt32.self))
        var tensors: [ForeignTensor] = []
        var names: Set<String> = []
        let count = try reader.count()
        for _ in 0..<count {
            let tensor = try reader.variable()
            guard names.insert(tensor.name).inserted else {
                throw file.fault("a variable comes twice", at: tensor.range.lowerBound, field: tensor.name)
            }
            tensors.append(tensor)
        }
        let aliasCount = try reader.count()
        for _ in 0..<aliasCount {
            let start = reader.position
            let name = try reader.text()
            let target = try reader.text()
            guard !names.contains(name), names.contains(target) else {
                throw file.fault(
                    "an alias of \(escaped(target.utf8)), which is no variable, or has its name", at: start)
            }
        }
        guard reader.position == file.bytes.count else {
            throw file.fault("\(file.bytes.count - reader.position) bytes behind the last alias", at: reader.position)
        }
        self.tensors = tensors
    }

    private struct Reader {
        let file: ForeignFile
        var position = 0

        mutating func take(_ count: Int) throws -> Range<Int> {
            guard count <= file.bytes.count - position else {
                throw file.fault("the file is cut off", at: file.bytes.count)
            }
            defer { position += count }
            return position..<position + count
        }

        mutating func number<Number: FixedWidthInteger>(of type: Number.Type) throws -> Number {
            let range = try take(MemoryLayout<Number>.size)
            return Number(littleEndian: file.bytes.loadUnaligned(fromByteOffset: range.lowerBound, as: Number.self))
        }

        mutating func count() throws -> Int {
            let count = try Int(number(of: UInt32.self))
            guard count <= CTranslate2File.mostVariables else {
                throw file.fault("\(count) variables", at: position - 4)
            }
            return count
        }

        mutating func text() throws -> String {
            let length = try Int(number(of: UInt16.self))
            let range = try take(length)
            guard length > 0, file.bytes[range.upperBound - 1] == 0 else {
                throw file.fault("a name without the zero at its end", at: range.lowerBound)
            }
            return try file.text(range.dropLast())
        }

        mutating func variable() throws -> ForeignTensor {
            let name = try text()
            let start = position
            let rank = try Int(number(of: UInt8.self))
            guard rank <= ForeignTensor.mostDimensions else {
                throw file.fault("\(rank) dimensions", at: start, field: name)
            }
            var shape: [Int] = []
            for _ in 0..<rank { shape.append(try Int(number(of: UInt32.self))) }
            let kind = try number(of: UInt8.self)
            guard let (type, elementSize) = Self.types[kind] else {
                throw file.fault("numbers of type \(kind), which is not known", at: position - 1, field: name)
            }
            let byteCount = try Int(number(of: UInt32.self))
            guard byteCount == ForeignTensor.byteCount(shape, elementSize: elementSize) else {
                throw file.fault("\(byteCount) bytes for numbers of shape \(shape)", at: position - 4, field: name)
            }
            return ForeignTensor(name: name, shape: shape, type: type, range: try take(byteCount))
        }

        private static let types: [UInt8: (ElementType?, Int)] = [
            0: (.float32, 4), 1: (nil, 1), 2: (nil, 2), 3: (.int32, 4), 4: (.float16, 2), 5: (.bfloat16, 2),
        ]
    }
}
