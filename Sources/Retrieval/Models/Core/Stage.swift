public import Tensors

// Shape suffixes, here and in the layers and families:
//   T rows (tokens) of a batch · S sequences of a batch · D hidden size · H heads · G heads of keys and values
//   L length of the sequences of a run · N sequences of a run · E size of a head · I, O in- and output size of a
//   linear layer · R rank of an adapter · V size of the vocabulary

/// One piece of a chain: hidden states in, hidden states out.
///
/// A stage depends on nothing but its arguments and its parameters, so that training can run it again for backward.
public protocol Stage: AnyObject {
    /// What the stage computes with, in the checkpoint's order of names; LoRA parameters included.
    var parameters: [Parameter] { get }
    /// Its linear layers, those that share an input together: where adapters go, and what is laid out anew for encoding.
    var projections: [Projection] { get }

    /// - Parameter hidden_TD: what the stage before gave.
    func forward(_ hidden_TD: Tensor, _ context: Context) throws -> Tensor
}

/// Where a chain begins: what is in a batch becomes hidden states.
public protocol Entrance: AnyObject {
    var parameters: [Parameter] { get }

    /// - Parameter features: of each of the model's towers, in their order, `[tokens, D']`; nil for one that the batch
    ///   has no items for. They take the places of their tokens: ``DeviceBatch/rows(of:)``.
    /// - Returns: hidden states `[T, D]`, in the type that the chain computes with.
    func embed(_ batch: DeviceBatch, _ features: [Tensor?], _ dropout: Dropout) throws -> Tensor
}

/// What stages are run with beside hidden states: how rows belong together, and what is dropped.
public struct Context {
    /// A segmentation of a chain's rows; a chain may have several.
    public enum LayoutName: Sendable, Hashable {
        /// The texts of a batch; in a tower, its items.
        case sequences
        /// The pictures of images and videos.
        case frames
        /// Neighbourhoods in a picture.
        case windows
        /// Pieces of sounds.
        case chunks
    }

    /// An order of a chain's rows.
    public enum RowsName: Sendable, Hashable {
        /// In which neighbourhoods lie together.
        case windows
        /// In which the items came.
        case items
        /// Of equally long blocks of sounds, those whose rows ask what they attend to; number T stands for none.
        case queries
        /// Of the same blocks, the rows that they may attend to; number T stands for none.
        case keys
        /// Which row of the blocks each row was.
        case answers
        /// With gaps before items, number T.
        case spaced
        /// Which of the spaced rows each row was.
        case unspaced
    }

    private let layouts: [LayoutName: DeviceLayout]
    private let rowOrders: [RowsName: Tensor]
    /// For the whole model; each stage derives its own seed.
    public let dropout: Dropout

    init(layouts: [LayoutName: DeviceLayout], rows: [RowsName: Tensor] = [:], dropout: Dropout) {
        self.layouts = layouts
        rowOrders = rows
        self.dropout = dropout
    }

    /// - Precondition: the chain's entrance makes this layout.
    public func layout(_ name: LayoutName = .sequences) -> DeviceLayout { layouts[name]! }

    /// int32: the rows to take for this order.
    ///
    /// - Precondition: the tower has this order.
    func rows(_ name: RowsName) -> Tensor { rowOrders[name]! }
}
