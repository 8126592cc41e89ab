internal import CArrow

/// A column of a batch. Arrow has checked every offset, size and index of it.
///
/// It points into the batch's buffers, so it lives as long as the batch.
final class Column {
    let type: ColumnType
    let contents: Contents
    private let validity: UnsafePointer<UInt8>?
    private let offset: Int

    /// Where values are; positions include the array's offset.
    indirect enum Contents {
        case none
        case bits(UnsafePointer<UInt8>)
        case fixed(UnsafeRawPointer, byteCount: Int)
        case narrowOffsets(UnsafePointer<Int32>, UnsafeRawPointer?)
        case wideOffsets(UnsafePointer<Int64>, UnsafeRawPointer?)
        case views(UnsafeRawPointer, [UnsafeRawPointer?])
        case millisecondDates(UnsafePointer<Int64>)
        case narrowList(UnsafePointer<Int32>, Column)
        case wideList(UnsafePointer<Int64>, Column)
        case fixedList(count: Int, Column)
        case structure([(name: String, column: Column)])
        case dictionary(UnsafeRawPointer, index: ColumnType, Column)
    }

    init(_ array: UnsafePointer<ArrowArray>, _ shape: ColumnShape) {
        let array = array.pointee
        type = shape.type
        offset = Int(array.offset)
        validity =
            array.n_buffers > 0 && array.null_count != 0 && !Column.hasNoValidity(shape)
            ? array.buffers[0]?.assumingMemoryBound(to: UInt8.self) : nil
        // An empty array may come without buffers; nothing is read from it.
        func buffer(_ index: Int) -> UnsafeRawPointer { array.buffers[index] ?? Column.nothing }
        func child(_ index: Int, _ shape: ColumnShape) -> Column { Column(array.children[index]!, shape) }
        contents =
            switch shape.layout {
            case .none: .none
            case .bits: .bits(buffer(1).assumingMemoryBound(to: UInt8.self))
            case .fixed(let byteCount): .fixed(buffer(1), byteCount: byteCount)
            case .offsets(4): .narrowOffsets(buffer(1).assumingMemoryBound(to: Int32.self), array.buffers[2])
            case .offsets: .wideOffsets(buffer(1).assumingMemoryBound(to: Int64.self), array.buffers[2])
            // Validity, views, the buffers that views point at, the sizes of those.
            case .views: .views(buffer(1), (2..<max(2, Int(array.n_buffers) - 1)).map { array.buffers[$0] })
            case .millisecondDates: .millisecondDates(buffer(1).assumingMemoryBound(to: Int64.self))
            case .list(let element, 4): .narrowList(buffer(1).assumingMemoryBound(to: Int32.self), child(0, element))
            case .list(let element, _): .wideList(buffer(1).assumingMemoryBound(to: Int64.self), child(0, element))
            case .fixedList(let element, let count): .fixedList(count: count, child(0, element))
            case .structure(let fields):
                .structure(fields.enumerated().map { ($1.name, child($0, $1.shape)) })
            case .dictionary(let values, let index):
                .dictionary(buffer(1), index: index, Column(array.dictionary!, values))
            }
    }

    /// Offsets of an array without elements: zeros, which nobody changes.
    nonisolated(unsafe) private static let nothing = UnsafeRawPointer(
        UnsafeMutableRawPointer.allocate(byteCount: 16, alignment: 16).initializeMemory(
            as: UInt64.self, repeating: 0, count: 2))

    private static func hasNoValidity(_ shape: ColumnShape) -> Bool {
        if case .none = shape.layout { return true }
        return false
    }

    /// The position in the buffers; children of structures and fixed lists are counted from it as well.
    func position(_ row: Int) -> Int { offset + row }

    /// The bytes of a text or of a binary value; nil for other columns, and for null.
    func slice(_ row: Int) -> UnsafeRawBufferPointer? {
        guard !isNull(row) else { return nil }
        let position = offset + row
        func part(_ start: UnsafeRawPointer?, _ from: Int, _ end: Int) -> UnsafeRawBufferPointer {
            UnsafeRawBufferPointer(start: start.map { $0 + from }, count: end - from)
        }
        switch contents {
        case .narrowOffsets(let offsets, let bytes):
            return part(bytes, Int(offsets[position]), Int(offsets[position + 1]))
        case .wideOffsets(let offsets, let bytes):
            return part(bytes, Int(offsets[position]), Int(offsets[position + 1]))
        case .views(let views, let buffers):
            let view = views + position * 16
            let count = Int(view.loadUnaligned(as: Int32.self))
            guard count > 12 else { return part(view + 4, 0, count) }
            let start = Int((view + 12).loadUnaligned(as: Int32.self))
            return part(buffers[Int((view + 8).loadUnaligned(as: Int32.self))], start, start + count)
        case .dictionary(let indices, let index, let values):
            return values.slice(Self.integer(indices, position, index))
        default: return nil
        }
    }

    /// A little-endian integer of a column of them; of unsigned ones the bits.
    static func integer(_ start: UnsafeRawPointer, _ position: Int, _ type: ColumnType) -> Int {
        guard case .integer(let bits, let isSigned) = type else { preconditionFailure("an integer") }
        let value = start + position * (bits / 8)
        return switch (bits, isSigned) {
        case (8, true): Int(value.loadUnaligned(as: Int8.self))
        case (8, false): Int(value.loadUnaligned(as: UInt8.self))
        case (16, true): Int(value.loadUnaligned(as: Int16.self))
        case (16, false): Int(value.loadUnaligned(as: UInt16.self))
        case (32, true): Int(value.loadUnaligned(as: Int32.self))
        case (32, false): Int(value.loadUnaligned(as: UInt32.self))
        default: value.loadUnaligned(as: Int.self)
        }
    }

    func isNull(_ row: Int) -> Bool {
        guard let validity else { return type == .null }
        let position = offset + row
        return validity[position >> 3] >> UInt8(position & 7) & 1 == 0
    }
}
