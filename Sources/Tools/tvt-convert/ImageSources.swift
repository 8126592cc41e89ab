internal import ArgumentParser
internal import CommandLineKit
internal import Ingest
internal import RawSources
internal import SystemPackage

struct PixmoArguments: RawSourceArguments {
    static let configuration = CommandConfiguration(
        commandName: "pixmo",
        abstract: "Take PixMo-docs: images of charts, tables, diagrams and other documents with questions.",
        discussion: """
            Parquet with image, image_id and questions (question, answer). An image becomes the document image_id, its \
            questions the queries image_id#0, image_id#1, …, with their answers. Questions that fit many images stay: \
            `tvt-mine filter` drops them by a retriever's recall.
            """)

    @OptionGroup var sources: SourceArguments
    func source() throws -> RawSource { try .pixmo(sources.paths) }
}

struct ColPaliArguments: RawSourceArguments {
    static let configuration = CommandConfiguration(
        commandName: "colpali",
        abstract: "Take ColPali's training set: pages of documents with a query each.",
        discussion: """
            Parquet with image, query, image_filename, answer, source, options, page, model, prompt and answer_type. \
            Equal images become one document, whose id is their SHA-256; all other columns stay with the query.
            """)

    @OptionGroup var sources: SourceArguments
    func source() throws -> RawSource { try .colpali(sources.paths) }
}
