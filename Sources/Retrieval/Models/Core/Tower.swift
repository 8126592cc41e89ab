public import Tensors

/// What turns images, or sounds, into features that stand for tokens of the text model: a chain of its own.
///
/// It runs once over all items of a batch, laid end to end without padding.
public final class Tower {
    public enum Name: String, Sendable, Hashable, CaseIterable {
        /// Images and pictures of videos.
        case vision
        /// Sounds.
        case audio
    }

    public let name: Name
    public let entrance: any TowerEntrance
    /// The last one gives one row for each token that stands for an item.
    public let stages: [any Stage]
    /// Beginnings of the names of what makes features of the tower's rows.
    let projectorNames: [String]
    /// How the rows of some items belong together.
    let arrange: ([MediaItem]) throws -> TowerArrangement

    init(
        _ name: Name, entrance: any TowerEntrance, stages: [any Stage], projectorNames: [String] = [],
        arrange: @escaping ([MediaItem]) throws -> TowerArrangement
    ) {
        self.name = name
        self.entrance = entrance
        self.stages = stages
        self.projectorNames = projectorNames
        self.arrange = arrange
    }

    /// Rows that the tower's layers compute with for some items.
    package func rowCount(of items: [MediaItem]) throws -> Int {
        let layouts = try arrange(items).layouts
        // Where items come in more rows than layers see, both are laid out, and the latter as sequences.
        let rows = layouts[.sequences] ?? layouts[.chunks] ?? layouts[.frames]
        return rows.map { $0.runs.reduce(0) { $0 + $1.rowCount } } ?? items.reduce(0) { $0 + $1.shape.rowCount }
    }

    public var parameters: [Parameter] { entrance.parameters + stages.flatMap(\.parameters) }
    var projections: [Projection] { stages.flatMap(\.projections) }

    /// Features of all of a batch's items for this tower, `[tokens of the items, D]`; nil where it has none.
    ///
    /// - Parameter isPrepared: for encoding.
    func forward(_ batch: DeviceBatch, _ dropout: Dropout, isPrepared: Bool) throws -> Tensor? {
        guard let media = try batch.media(for: self) else { return nil }
        defer { entrance.parameters.leaveMemory() }
        return try stages.run(entrance.embed(media, dropout), media.context(dropout), isPrepared: isPrepared)
    }
}

extension TowerEntrance {
    public var rowCopyCount: Int { 1 }
}

/// Where a tower begins.
public protocol TowerEntrance: AnyObject {
    var parameters: [Parameter] { get }
    /// How often the rows that it is given are there at once while it runs: 2 where they are brought into another order.
    var rowCopyCount: Int { get }

    /// - Returns: hidden states, a row for each row of the tower's first layout.
    func embed(_ media: DeviceMedia, _ dropout: Dropout) throws -> Tensor
}

/// How the rows of a tower's items belong together.
struct TowerArrangement {
    /// By their names; stages ask for them.
    var layouts: [Context.LayoutName: Layout] = [:]
    /// Where rows stand, for rotary embeddings with several axes: `[axes][rows]`.
    var positions: [Context.LayoutName: [[Int32]]] = [:]
    /// Rows to take, in this order, by name: the order of windows, and the way back.
    var rows: [Context.RowsName: [Int32]] = [:]
}

/// The items of a batch for one tower, on its device.
public final class DeviceMedia {
    public let items: [MediaItem]
    let device: Device
    /// What each item holds.
    public let rows: [any MediaRows]
    private let layouts: [Context.LayoutName: DeviceLayout]
    private let rowOrders: [Context.RowsName: Tensor]

    init(_ items: [MediaItem], _ rows: [any MediaRows], _ arrangement: TowerArrangement, device: Device) throws {
        self.items = items
        self.rows = rows
        self.device = device
        layouts = try Dictionary(
            uniqueKeysWithValues: arrangement.layouts.map { name, layout in
                (name, try DeviceLayout(layout, positions: arrangement.positions[name], device: device))
            })
        rowOrders = try arrangement.rows.mapValues { try Tensor($0).to(device) }
    }

    /// What the items hold, float32 `[rows, width]`, in the order of the items; made anew each time.
    func values() throws -> Tensor {
        let width = rows[0].rowWidth
        precondition(rows.allSatisfy { $0.rowWidth == width }, "rows of one width")
        let count = rows.reduce(0) { $0 + $1.rowCount }
        return try Tensor(shape: [count, width]) { (values: UnsafeMutableBufferPointer<Float>) in
            var start = 0
            for item in rows {
                let size = item.rowCount * width
                item.write(to: UnsafeMutableBufferPointer(rebasing: values[start..<(start + size)]))
                start += size
            }
        }.to(device)
    }

    /// What the tower's stages are run with.
    public func context(_ dropout: Dropout) -> Context {
        Context(layouts: layouts, rows: rowOrders, dropout: dropout)
    }
}
