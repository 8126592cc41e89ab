internal import Base
internal import Glibc

/// An ordinal for each ordinal, in a mapped scratch file: 4 bytes a record of disk, and pages that the system may write
/// out at any time.
final class OrdinalMap {
    /// Stands for "none".
    static let none = UInt32.max

    let count: Int
    private let file: ScratchFile
    private let memory: UnsafeMutableRawBufferPointer
    private let values: UnsafeMutableBufferPointer<UInt32>

    /// - Parameter identity: whether each ordinal is mapped to itself first, rather than to 0.
    init(count: Int, identity: Bool = false) throws {
        self.count = count
        file = try ScratchFile()
        memory = try file.map(byteCount: count * 4)
        values = memory.bindMemory(to: UInt32.self)
        if identity { for ordinal in 0..<count { values[ordinal] = UInt32(ordinal) } }
    }

    deinit { if let address = memory.baseAddress { munmap(address, memory.count) } }

    subscript(ordinal: Int) -> UInt32 {
        get { values[ordinal] }
        set { values[ordinal] = newValue }
    }
}

/// Sets of ordinals that grow together; each is named by its lowest ordinal.
///
/// Source: Tarjan and van Leeuwen 1984, "Worst-case analysis of set union algorithms"; linking by index, halving paths.
final class Clusters {
    private let parents: OrdinalMap

    init(count: Int) throws { parents = try OrdinalMap(count: count, identity: true) }

    /// The lowest ordinal of the cluster.
    func representative(of ordinal: Int) -> Int {
        var current = ordinal
        while true {
            let parent = Int(parents[current])
            guard parent != current else { return current }
            let grandparent = parents[parent]
            parents[current] = grandparent
            current = Int(grandparent)
        }
    }

    /// - Returns: whether the two were apart.
    @discardableResult
    func unite(_ left: Int, _ right: Int) -> Bool {
        let left = representative(of: left)
        let right = representative(of: right)
        guard left != right else { return false }
        parents[max(left, right)] = UInt32(min(left, right))
        return true
    }
}
