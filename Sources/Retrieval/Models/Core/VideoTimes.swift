public import Base

/// Texts that say when the pictures of a video are seen, and its sound is heard, as `00:07`.
///
/// Source: transformers' `EmbeddingGemma2Processor`.
public enum VideoTimes {
    /// Minutes and seconds; halves are rounded to the even second, as in Python.
    public static func text(seconds: Double) -> String {
        let whole = Int(seconds.rounded(.toNearestOrEven))
        func twoDigits(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return "\(twoDigits(whole / 60)):\(twoDigits(whole % 60))"
    }

    /// `00:00 ▢ 00:01 ▢`, with a placeholder for each picture (``MediaRules/Planned/Placeholders/eachPicture``).
    ///
    /// - Parameter seconds: of each picture, from 0.
    public static func text(pictures seconds: [Double], placeholder: String) -> String {
        seconds.map { "\(text(seconds: $0)) \(placeholder)" }.joined(separator: " ")
    }

    /// The same with the sound of each second behind the last picture before it: `00:00 ▢ 00:00 ♪ 00:01 ▢ 00:01 ♪`.
    ///
    /// - Parameters:
    ///   - seconds: of each picture, from 0, ascending.
    ///   - duration: of the video, in seconds.
    ///   - featureCount: of the whole sound.
    ///   - featuresPerSecond: 25 for sounds at 16 kHz.
    /// - Returns: the text, and how many features each of the sound's placeholders stands for
    ///   (``MediaRules/Planned/Placeholders/pieces(_:)``).
    /// - Throws: `InputError` for pictures and sounds that do not fit: some of the sound would have no place.
    public static func text(
        pictures seconds: [Double], placeholder: String, duration: Double, soundPlaceholder: String, featureCount: Int,
        featuresPerSecond: Int = 25, at place: @autoclosure () -> Place
    ) throws -> (text: String, pieces: [Int]) {
        let starts = seconds.map { Int($0.rounded(.toNearestOrEven)) }
        let end = max(1, Int(duration))
        guard let first = starts.first, first >= 0, first < end else {
            throw InputError("the video's first picture lies behind its end", at: place())
        }
        // The last second takes what is left, more or less.
        var counts = (0..<(end - first)).map { second in
            min(featuresPerSecond, max(0, featureCount - second * featuresPerSecond))
        }
        counts[counts.count - 1] += featureCount - counts.reduce(0, +)
        var parts: [String] = []
        var pieces: [Int] = []
        for (index, start) in starts.enumerated() {
            parts.append("\(text(seconds: Double(start))) \(placeholder)")
            let next = index + 1 < starts.count ? starts[index + 1] : end
            for second in start..<max(start, next) where second < end && counts[second - first] > 0 {
                parts.append("\(text(seconds: Double(second))) \(soundPlaceholder)")
                pieces.append(counts[second - first])
            }
        }
        guard pieces.reduce(0, +) == featureCount else {
            throw InputError("the video's sound does not fit its pictures", at: place())
        }
        return (parts.joined(separator: " "), pieces)
    }
}
