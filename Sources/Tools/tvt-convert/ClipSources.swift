internal import ArgumentParser
internal import CommandLineKit
internal import Ingest
internal import RawSources
internal import SystemPackage

/// What annotations and files of clips have in common.
struct ClipArguments: ParsableArguments {
    @OptionGroup var sources: SourceArguments

    @Option(
        name: .long, parsing: .upToNextOption,
        help: ArgumentHelp(
            "Take only the clips and captions of these splits: for a test on a corpus of its own.", valueName: "split"))
    var splits: [String] = []

    @OptionGroup var positives: PositivesOption

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Leave out clips that have no file, with their queries; they are counted, and listed here. Without it they "
                + "are an error.", valueName: "file"))
    var missing: String?

    func validate() throws {
        guard missing != "-" else { throw ValidationError("--missing is a file: stdout is for the result") }
    }

    var missingPath: FilePath? { missing.map { FilePath($0) } }
}

struct MSRVTTArguments: RawSourceArguments {
    static let configuration = CommandConfiguration(
        commandName: "msr-vtt",
        abstract: "Take MSR-VTT: short videos with sentences about them.",
        discussion: """
            Name the folder, or its files: the annotations (MSRVTT_data.json, or train_val_videodatainfo.json and \
            test_videodatainfo.json), the videos (video0.mp4, … in folders, zips or tars, which are read as they are), and where you have \
            them category.txt, MSRVTT_train.9k.csv, MSRVTT_train.7k.csv and MSRVTT_JSFUSION_test.csv. A video becomes the document video_id, a sentence the query \
            sen_id. Judgements: train, validate and test as the annotations split them; train-9k, train-7k and test-1k-a \
            where their lists are there; the latter asks one sentence a video. Mind that train-9k has videos of test: \
            who trains on it evaluates on test-1k-a, best with a corpus of its own (--splits test-1k-a). Files without \
            annotation are left out and counted.
            """)

    @OptionGroup var clips: ClipArguments

    func source() throws -> RawSource {
        try .msrvtt(
            clips.sources.paths, splits: clips.splits, positives: clips.positives.splits, missing: clips.missingPath
        )
    }
}

struct AudioCapsArguments: RawSourceArguments {
    static let configuration = CommandConfiguration(
        commandName: "audiocaps",
        abstract: "Take AudioCaps: clips of sound with captions.",
        discussion: """
            Name the folder, or its files: train.csv, val.csv, test.csv (audiocap_id, youtube_id, start_time, caption) \
            and the sounds, in folders, zips or tars, called <youtube_id>_<start_time>, <youtube_id>, both also with a Y before \
            it, or <audiocap_id>, with an ending of audio; the report tells which names there were. Or Parquet that \
            has the sounds in its column audio. A clip becomes the document <youtube_id>_<start_time>, a caption the query \
            audiocap_id, judged in the split that its file is named after. Files without annotation are left out \
            and counted.
            """)

    @OptionGroup var clips: ClipArguments

    func source() throws -> RawSource {
        try .audiocaps(
            clips.sources.paths, splits: clips.splits, positives: clips.positives.splits, missing: clips.missingPath
        )
    }
}
