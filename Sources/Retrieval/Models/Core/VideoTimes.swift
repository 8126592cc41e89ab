/// Texts that say when the pictures of a video are seen, as `00:07`.
///
/// Source: transformers' `EmbeddingGemma2Processor`.
public enum VideoTimes {
    /// Minutes and seconds; halves are rounded to the even second, as in Python.
    public static func text(seconds: Double) -> String {
        let whole = Int(seconds.rounded(.toNearestOrEven))
        func twoDigits(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return "\(twoDigits(whole / 60)):\(twoDigits(whole % 60))"
    }
}
