internal import Glibc

/// nDCG's discount of a gain, 1 / log2(rank + 1).
enum Discounts {
    private static let table: [Double] = (0...1024).map { $0 == 0 ? 0 : 1 / log2(Double($0 + 1)) }

    static func at(_ rank: Int) -> Double { rank <= 1024 ? table[rank] : 1 / log2(Double(rank + 1)) }
}
