internal import CFamilies

extension Family {
    /// Hands a family over to ``all``.
    ///
    /// Each file of a family has an entry of this type in the section `tvt_families`, where the linker collects them:
    ///
    ///     @section("tvt_families") @used
    ///     private let entry: Family.Entry = { Family.register(.bert, at: $0) }
    typealias Entry = @convention(c) @Sendable (UnsafeMutableRawPointer?) -> Void

    static func register(_ family: Family, at place: UnsafeMutableRawPointer?) {
        place?.assumingMemoryBound(to: Family.self).initialize(to: family)
    }

    /// Every family that can be read, by its first name.
    static let all: [Family] = (0..<cfamilies_count()).map { index in
        withUnsafeTemporaryAllocation(of: Family.self, capacity: 1) { place in
            cfamilies_entry(index)!(place.baseAddress!)
            return place.moveElement(from: 0)
        }
    }.sorted { $0.modelTypes[0] < $1.modelTypes[0] }
}
