public import Tensors

/// A tensor in a foreign file: what it is, and where its numbers lie.
public struct ForeignTensor: Sendable, Equatable {
    public let name: String
    public let shape: [Int]
    /// Nil for numbers of a kind that no weight here has, which can be passed over alone.
    public let type: ElementType?
    /// Of the numbers, little-endian, row by row.
    let range: Range<Int>

    /// The largest number of dimensions of a tensor.
    static let mostDimensions = 16

    /// Bytes of so many numbers; nil where they are beyond what any file has.
    static func byteCount(_ shape: [Int], elementSize: Int) -> Int? {
        var count = elementSize
        for size in shape {
            let (product, overflow) = count.multipliedReportingOverflow(by: size)
            guard !overflow, size >= 0 else { return nil }
            count = product
        }
        return count
    }
}

/// Tensors by name, each of which is asked for with the shape that it must have, or passed over by name.
struct ForeignTensors {
    private let file: ForeignFile
    private let tensors: [String: ForeignTensor]
    private var unread: Set<String>

    init(_ file: ForeignFile, _ tensors: [ForeignTensor]) {
        self.file = file
        self.tensors = Dictionary(uniqueKeysWithValues: tensors.map { ($0.name, $0) })
        unread = Set(self.tensors.keys)
    }

    var names: [String] { tensors.keys.sorted() }

    func shape(_ name: String) throws -> [Int] { try entry(name).shape }

    private func entry(_ name: String) throws -> ForeignTensor {
        guard let tensor = tensors[name] else {
            throw file.fault("there is no tensor of this name", at: 0, field: name)
        }
        return tensor
    }

    /// - Throws: `InputError` where it is not there, has another shape, or is not of the type.
    mutating func take(_ name: String, _ shape: [Int], _ type: ElementType) throws -> Tensor {
        let tensor = try entry(name)
        guard tensor.shape == shape else {
            throw file.fault(
                "shape \(tensor.shape) where \(shape) is expected", at: tensor.range.lowerBound, field: name)
        }
        guard tensor.type == type else {
            throw file.fault("numbers of another type than \(type)", at: tensor.range.lowerBound, field: name)
        }
        unread.remove(name)
        return try Tensor(
            copying: UnsafeRawBufferPointer(rebasing: file.bytes[tensor.range]), shape: shape, type: type)
    }

    mutating func passOver(where belongsElsewhere: (String) -> Bool) {
        unread = unread.filter { !belongsElsewhere($0) }
    }

    /// - Throws: `InputError` that names a tensor that was neither taken nor passed over.
    func refuseUnread() throws {
        guard let name = unread.min() else { return }
        throw file.fault(
            "a tensor that this model does not have" + (unread.count > 1 ? ", and \(unread.count - 1) more" : ""),
            at: tensors[name]!.range.lowerBound, field: name)
    }
}
