/// How far several processes divide what a run holds: what of some bytes is in each.
struct MemoryDivision {
    let sharding: Sharding
    let processCount: Int

    /// One process that has all.
    static let none = MemoryDivision(.none, 1)

    init(_ sharding: Sharding, _ processCount: Int) {
        self.sharding = processCount > 1 ? sharding : .none
        self.processCount = processCount
    }

    /// A process's part of what is divided from a level on.
    func part(of byteCount: Int, from level: Sharding) -> Int {
        sharding < level ? byteCount : (byteCount + processCount - 1) / processCount
    }
}
