import Foundation

/// Sounds by formula, the same as in `Golden/sounds/make_golden.py`.
enum Signal: String, Decodable {
    case silence, impulse, noise, sweep, waves

    func samples(_ count: Int) -> [Float] {
        switch self {
        case .silence: [Float](repeating: 0, count: count)
        case .impulse: [Float](repeating: 0, count: count - 1) + [1]
        case .noise: (0..<count).map { $0 == count - 1 ? 1 : Signal.noise($0) * 0.25 }
        case .sweep:
            (0..<count).map {
                let t = Double($0) / 16000
                return Float(0.5 * sin(2 * Double.pi * (50 + 1500 * t) * t))
            }
        case .waves:
            (0..<count).map {
                let swell = sin(2 * Double.pi * (Double($0) / 112000))
                return Float(Double(Signal.noise($0)) * (swell * swell) * 0.5)
            }
        }
    }

    private static func noise(_ index: Int) -> Float {
        var x = UInt32(truncatingIfNeeded: index)
        x = (x ^ (x >> 16)) &* 0x7FEB_352D
        x = (x ^ (x >> 15)) &* 0x846C_A68B
        x ^= x >> 16
        return Float(Double(x >> 8) / 0x1p23 - 1)
    }
}
