internal import CTorch

// Views (which share storage wherever they can), joining and indexing.
extension Tensor {
    /// Another shape for the same elements; −1 stands for what is left. Copies only if the layout forces it.
    public func reshape(_ shape: [Int]) throws -> Tensor {
        try withSizes(shape) { sizes, count in
            try made("reshape", self) { ctorch_reshape($0, sizes, count, $1, $2) }
        }
    }

    /// ``reshape(_:)`` that fails rather than copy.
    public func view(_ shape: [Int]) throws -> Tensor {
        try withSizes(shape) { sizes, count in
            try made("view", self) { ctorch_view($0, sizes, count, $1, $2) }
        }
    }

    /// Repeats dimensions of size 1 without copying.
    public func expand(_ shape: [Int]) throws -> Tensor {
        try withSizes(shape) { sizes, count in
            try made("expand", self) { ctorch_expand($0, sizes, count, $1, $2) }
        }
    }

    public func transpose(_ a: Int, _ b: Int) throws -> Tensor {
        try made("transpose", self) { ctorch_transpose($0, Int64(a), Int64(b), $1, $2) }
    }

    public func narrow(_ dimension: Int, start: Int, length: Int) throws -> Tensor {
        try made("narrow", self) { ctorch_narrow($0, Int64(dimension), Int64(start), Int64(length), $1, $2) }
    }

    /// Elements `range` along a dimension, every `step`-th.
    public func slice(_ dimension: Int, _ range: Range<Int>, step: Int = 1) throws -> Tensor {
        try made("slice", self) {
            ctorch_slice($0, Int64(dimension), Int64(range.lowerBound), Int64(range.upperBound), Int64(step), $1, $2)
        }
    }

    /// One index of a dimension, which disappears.
    public func select(_ dimension: Int, _ index: Int) throws -> Tensor {
        try made("select", self) { ctorch_select($0, Int64(dimension), Int64(index), $1, $2) }
    }

    public func unsqueeze(_ dimension: Int) throws -> Tensor {
        try made("unsqueeze", self) { ctorch_unsqueeze($0, Int64(dimension), $1, $2) }
    }

    public func squeeze(_ dimension: Int) throws -> Tensor {
        try made("squeeze", self) { ctorch_squeeze($0, Int64(dimension), $1, $2) }
    }

    public func contiguous() throws -> Tensor {
        isContiguous ? self : try made("contiguous", self) { ctorch_contiguous($0, $1, $2) }
    }

    public static func cat(_ tensors: [Tensor], _ dimension: Int = 0) throws -> Tensor {
        try withHandles(of: tensors) { handles, count in
            try made("cat") { ctorch_cat(handles, count, Int64(dimension), $0, $1) }
        }
    }

    public static func stack(_ tensors: [Tensor], _ dimension: Int = 0) throws -> Tensor {
        try withHandles(of: tensors) { handles, count in
            try made("stack") { ctorch_stack(handles, count, Int64(dimension), $0, $1) }
        }
    }

    /// Views of consecutive pieces; the lengths must add up to the dimension's size.
    public func split(_ lengths: [Int], _ dimension: Int = 0) throws -> [Tensor] {
        var out = [Handle?](repeating: nil, count: lengths.count)
        try withExtendedLifetime(self) {
            try withSizes(lengths) { sizes, count in
                try perform("split") { ctorch_split(handle, sizes, count, Int64(dimension), &out, $0) }
            }
        }
        return out.map { Tensor(owning: $0!) }
    }

    /// The given indices (int32 or int64, one dimension) of a dimension, in their order.
    public func indexSelect(_ dimension: Int, _ index: Tensor) throws -> Tensor {
        try made("indexSelect", self, index) { ctorch_index_select($0, Int64(dimension), $1, $2, $3) }
    }

    /// A copy in which the given indices (int64, one dimension, none twice) of a dimension are those of `source`.
    public func indexCopy(_ dimension: Int, _ index: Tensor, _ source: Tensor) throws -> Tensor {
        try made("indexCopy", self, index, source) { ctorch_index_copy($0, Int64(dimension), $1, $2, $3, $4) }
    }

    /// Rows of `self` `[V, D]` at `index` of any shape: `[…, D]`.
    ///
    /// - Parameter padding: a row that gets no gradient, as torch's `padding_idx`.
    public func embedding(_ index: Tensor, padding: Int? = nil) throws -> Tensor {
        try made("embedding", self, index) { ctorch_embedding($0, $1, Int64(padding ?? -1), $2, $3) }
    }

    /// A copy in which `out[i][index[i][j]] = source[i][j]` for dimension 1, and likewise for others.
    public func scatter(_ dimension: Int, _ index: Tensor, _ source: Tensor) throws -> Tensor {
        try made("scatter", self, index, source) { ctorch_scatter($0, Int64(dimension), $1, $2, $3, $4) }
    }

    /// `value` where the bool `mask` is true.
    public func maskedFill(_ mask: Tensor, _ value: Double) throws -> Tensor {
        try made("maskedFill", self, mask) { ctorch_masked_fill($0, $1, value, $2, $3) }
    }
}
