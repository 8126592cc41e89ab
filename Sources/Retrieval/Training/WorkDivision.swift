/// Which process of a group computes which inputs of a micro-batch.
///
/// A function of the inputs, as they are planned, and of the number of processes alone: each process knows what the others
/// do. Examples, their order and what they are compared with do not depend on it.
package struct WorkDivision: Sendable, Equatable {
    /// For each process the inputs that it computes, ascending.
    package let members: [[Int]]

    /// Costliest first, each to the process that has the least to do.
    package init(costs: [Int], processCount: Int) {
        var members = [[Int]](repeating: [], count: processCount)
        var loads = [Int](repeating: 0, count: processCount)
        for input in costs.indices.sorted(by: { (-costs[$0], $0) < (-costs[$1], $1) }) {
            let least = loads.indices.min { (loads[$0], $0) < (loads[$1], $1) }!
            members[least].append(input)
            loads[least] += max(1, costs[input])
        }
        self.members = members.map { $0.sorted() }
    }

    /// Inputs of the process that has most.
    package var longest: Int { members.map(\.count).max() ?? 0 }

    /// For each input its row where the vectors of all processes lie one behind the other, ``longest`` rows of each.
    package var rows: [Int] {
        var rows = [Int](repeating: 0, count: members.reduce(0) { $0 + $1.count })
        for (process, inputs) in members.enumerated() {
            for (place, input) in inputs.enumerated() { rows[input] = process * longest + place }
        }
        return rows
    }
}
